import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createId } from '../../core/ids.ts'
import { createAuthenticator } from '../../testing/authenticator.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { changedDuring } from '../../testing/held-account.ts'
import {
  addPasskeyOver,
  challengeForSignIn,
  creationOver,
  showPasskeyOver,
  withPasskey,
} from '../../testing/passkeys.ts'
import { bearer, createPerson, nextAddress, signInOver, type TestPerson } from '../../testing/people.ts'
import { enrolOver, postTo } from '../../testing/second-factors.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { asTenant } from '../../testing/tenant-rows.ts'

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database, { tenant: { allowedOrigins: ['https://app.example.org'] } })
})
afterAll(async () => {
  await server.close()
  await database.close()
})

const call = (method: 'GET' | 'PATCH' | 'DELETE', url: string, token: string, payload?: object) =>
  server.app.inject({
    method,
    url: `/api/v1${url}`,
    headers: bearer(token),
    remoteAddress: nextAddress(),
    ...(payload && { payload }),
  })
const meOf = async (token: string) => (await call('GET', '/auth/me', token)).json()
const sessionsOf = ({ id }: TestPerson) => asTenant(server, 'select id from session where user_id = $1', [id])
const mailsTo = async ({ id }: TestPerson) =>
  (await asTenant(server, 'select template from mail_outbox where user_id = $1 order by id', [id])).map(
    ({ template }) => template,
  )
const actionsOf = async (id: string) =>
  (await asTenant(server, 'select action from audit_event where resource_id = $1 order by seq', [id])).map(
    ({ action }) => action,
  )
const growOld = ({ id }: TestPerson) =>
  asTenant(server, `update session set auth_time = now() - interval '11 minutes' where user_id = $1`, [id])

describe('adding a passkey', () => {
  it('is offered with the person verified and the passkey kept by its device, and none twice on one', async () => {
    const person = await createPerson(server)
    const { accessToken, authenticator } = await withPasskey(server, person)
    const options = await creationOver(server, accessToken)
    expect(options).toMatchObject({
      rp: { id: 'localhost' },
      attestation: 'none',
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      excludeCredentials: [{ id: authenticator.credentialId.toString('base64url'), transports: ['internal'] }],
    })
    // What authenticators keep of a person says nothing about them.
    expect(Buffer.from(options.user.id, 'base64url').toString('hex')).toBe(person.id.replaceAll('-', ''))
    const listed = (await call('GET', '/passkeys', accessToken)).json()
    expect(listed.items).toMatchObject([{ label: 'Test', isSynced: false, isSuspected: false, lastUsedAt: null }])
  })

  it('is told to its owner and to the audit log', async () => {
    const person = await createPerson(server)
    const { id } = await withPasskey(server, person)
    expect(await mailsTo(person)).toEqual(['mfa-changed'])
    expect(await actionsOf(id)).toEqual(['passkey.added'])
  })

  it.each([
    ['whose device did not verify the person', { isUserVerified: false }],
    ['without the person present', { isUserPresent: false }],
    ['made on a page of another origin', { origin: 'https://localhost.evil.example' }],
    ['made in a frame of another origin', { crossOrigin: true }],
    ['made for another host', { rpId: 'evil.example' }],
    ['that was shown and not made', { type: 'webauthn.get' }],
  ])('refuses one %s', async (_, deviation) => {
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    const credential = createAuthenticator().make(await creationOver(server, accessToken), deviation)
    const answer = await postTo(server, '/passkeys/registration', { credential }, bearer(accessToken))
    expect(answer.json()).toMatchObject({ status: 400, code: 'passkey-invalid' })
    expect((await call('GET', '/passkeys', accessToken)).json().items).toEqual([])
  })

  it('takes a challenge once, in the session that asked, and for nothing else', async () => {
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    const other = await signInOver(server, person)
    const send = (credential: object, token = accessToken) =>
      postTo(server, '/passkeys/registration', { credential }, bearer(token))
    const elsewhere = createAuthenticator().make(await creationOver(server, accessToken))
    expect((await send(elsewhere, other.accessToken)).json().code).toBe('passkey-invalid')
    const options = await creationOver(server, accessToken)
    expect((await send(createAuthenticator().make(options))).statusCode).toBe(201)
    expect((await send(createAuthenticator().make(options))).json().code).toBe('passkey-invalid')
    const { challenge } = await challengeForSignIn(server)
    const crossed = createAuthenticator().make({ ...options, challenge })
    expect((await send(crossed)).json().code).toBe('passkey-invalid')
    const late = createAuthenticator().make(await creationOver(server, accessToken))
    await asTenant(server, `update one_time_token set expires_at = now() where purpose = 'passkey-challenge'`)
    expect((await send(late)).json().code).toBe('passkey-invalid')
  })

  it('leaves a passkey with whom it has: one of somebody else cannot be claimed', async () => {
    const [owner, thief] = [await createPerson(server), await createPerson(server)]
    const { authenticator } = await withPasskey(server, owner)
    const { accessToken } = await signInOver(server, thief)
    const credential = authenticator.make(await creationOver(server, accessToken))
    const answer = await postTo(server, '/passkeys/registration', { credential }, bearer(accessToken))
    expect(answer.json()).toMatchObject({ status: 409, code: 'passkey-known' })
  })

  it('looks at no attestation: a certificate within leads to no request and no refusal', async () => {
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    const attStmt = new Map<string, unknown>([
      ['alg', -7],
      ['sig', new Uint8Array(8)],
      ['x5c', [new Uint8Array(16), new Uint8Array(16)]],
    ])
    const attestation = { fmt: 'packed', attStmt }
    const credential = createAuthenticator().make(await creationOver(server, accessToken), { attestation })
    const answer = await postTo(server, '/passkeys/registration', { credential }, bearer(accessToken))
    expect(answer.statusCode).toBe(201)
  })

  it('asks for a fresh proof, and for the second factor of who has one', async () => {
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    await enrolOver(server, person)
    const ask = () => postTo(server, '/passkeys/registration/options', undefined, bearer(accessToken))
    expect((await ask()).json().code).toBe('step-up-required')
    const fresh = await createPerson(server)
    const tokens = await signInOver(server, fresh)
    await growOld(fresh)
    const answer = await postTo(server, '/passkeys/registration/options', undefined, bearer(tokens.accessToken))
    expect(answer.json().code).toBe('step-up-required')
  })

  it('class 5: is no work of a session that has ended meanwhile', async () => {
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    const credential = createAuthenticator().make(await creationOver(server, accessToken))
    const answer = await changedDuring(server, person.id, ['select $1::uuid'], () =>
      postTo(server, '/passkeys/registration', { credential }, bearer(accessToken)),
    )
    expect(answer.json()).toMatchObject({ status: 401, code: 'credential-invalid' })
    const kept = await asTenant(server, 'select 1 from webauthn_credential where user_id = $1', [person.id])
    expect(kept).toEqual([])
  })

  it('is done on a page of the host alone: not on one that the tenant or the world lists', async () => {
    const { accessToken } = await signInOver(server, await createPerson(server))
    const origins = ['https://app.example.org', 'http://localhost:3001', 'https://localhost:3000', 'null']
    for (const origin of [...origins, 'http://localhost:3000/', 'http://LOCALHOST:3000', 'http://a.localhost:3000']) {
      const credential = createAuthenticator().make(await creationOver(server, accessToken), { origin })
      const answer = await postTo(server, '/passkeys/registration', { credential }, bearer(accessToken))
      expect(answer.json().code, origin).toBe('passkey-invalid')
    }
  })

  it('ends at twenty, also for two at once', async () => {
    const person = await createPerson(server)
    const { accessToken, id } = await withPasskey(server, person)
    await asTenant(
      server,
      `insert into webauthn_credential (tenant_id, id, user_id, credential_id, public_key, sign_count, aaguid, is_backup_eligible, is_backed_up, label)
       select tenant_id, gen_random_uuid(), user_id, sha256(n::text::bytea || credential_id), public_key, 0, aaguid, false, false, 'more'
       from webauthn_credential, generate_series(1, 18) n where id = $1`,
      [id],
    )
    const all = await Promise.all([creationOver(server, accessToken), creationOver(server, accessToken)])
    const answers = await Promise.all(
      all.map((options) =>
        postTo(
          server,
          '/passkeys/registration',
          { credential: createAuthenticator().make(options) },
          bearer(accessToken),
        ),
      ),
    )
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([201, 409])
  })
})

describe('removing a passkey', () => {
  it('ends every other session, is told, and makes the passkey unknown', async () => {
    const person = await createPerson(server)
    const { accessToken, id, authenticator } = await withPasskey(server, person)
    const other = (await showPasskeyOver(server, authenticator)).json().access_token
    expect((await call('DELETE', `/passkeys/${id}`, accessToken)).statusCode).toBe(204)
    expect((await meOf(other)).status).toBe(401)
    expect((await meOf(accessToken)).user.id).toBe(person.id)
    expect((await showPasskeyOver(server, authenticator)).json().code).toBe('passkey-refused')
    expect(await mailsTo(person)).toEqual(['mfa-changed', 'mfa-changed'])
    expect(await actionsOf(id)).toEqual(['passkey.added', 'passkey.removed'])
  })

  it('locks nobody out: the last way in stays, also when two are removed at once', async () => {
    const person = await createPerson(server)
    const { accessToken, ...first } = await withPasskey(server, person)
    const second = await addPasskeyOver(server, accessToken)
    await asTenant(server, 'delete from password_credential where user_id = $1', [person.id])
    const answers = await Promise.all([first, second].map(({ id }) => call('DELETE', `/passkeys/${id}`, accessToken)))
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([204, 409])
    expect(answers.find(({ statusCode }) => statusCode === 409)?.json().code).toBe('passkey-last-way-in')
    const left = answers[0]?.statusCode === 204 ? second : first
    expect((await showPasskeyOver(server, left.authenticator)).statusCode).toBe(200)
  })

  it('counts links to providers as ways in while they are switched on, as unlinking counts passkeys', async () => {
    const person = await createPerson(server)
    const { accessToken, id, authenticator } = await withPasskey(server, person)
    const [provider, link] = [createId(), createId()]
    const { id: tenant } = server.tenant
    await asTenant(server, 'delete from password_credential where user_id = $1', [person.id])
    await asTenant(
      server,
      `insert into identity_provider (tenant_id, id, code, kind, name, client_id, sealed_secret)
       values ($1, $2, 'hub', 'github', 'Hub', 'client', $3)`,
      [tenant, provider, Buffer.alloc(40)],
    )
    const insertLink = () =>
      asTenant(
        server,
        'insert into oauth_account (tenant_id, id, user_id, provider_id, iss, sub) values ($1, $2, $3, $4, $5, $6)',
        [tenant, link, person.id, provider, 'https://id.example.org', 'ada'],
      )
    const unlink = () => postTo(server, '/oauth/unlink', { accountId: link }, bearer(accessToken))
    await insertLink()
    expect((await unlink()).statusCode).toBe(204)
    await insertLink()
    await asTenant(server, 'update identity_provider set is_enabled = false where id = $1', [provider])
    expect((await call('DELETE', `/passkeys/${id}`, accessToken)).json().code).toBe('passkey-last-way-in')
    await asTenant(server, 'update identity_provider set is_enabled = true where id = $1', [provider])
    // A passkey that is good for nothing is no way in.
    const copy = authenticator.copy()
    await showPasskeyOver(server, authenticator)
    await showPasskeyOver(server, copy)
    expect((await unlink()).json().code).toBe('oauth-last-way-in')
    expect((await call('DELETE', `/passkeys/${id}`, accessToken)).statusCode).toBe(204)
  })

  it('leaves their only second factor to who has to have one', async () => {
    const person = await createPerson(server)
    const { authenticator, id } = await withPasskey(server, person)
    await asTenant(server, 'update user_account set mfa_required = true where id = $1', [person.id])
    const { access_token: token } = (await showPasskeyOver(server, authenticator)).json()
    expect((await call('DELETE', `/passkeys/${id}`, token)).json().code).toBe('mfa-mandatory')
  })

  it('takes a fresh proof, and finds one of somebody else as little as one that nobody has', async () => {
    const [person, stranger] = [await createPerson(server), await createPerson(server)]
    const { accessToken, id } = await withPasskey(server, person)
    const { accessToken: theirs } = await signInOver(server, stranger)
    expect((await call('DELETE', `/passkeys/${id}`, theirs)).json().code).toBe('passkey-not-found')
    expect((await call('PATCH', `/passkeys/${id}`, theirs, { label: 'Mine' })).json().code).toBe('passkey-not-found')
    expect((await call('GET', '/passkeys', theirs)).json().items).toEqual([])
    expect((await call('PATCH', `/passkeys/${id}`, accessToken, { label: 'Blue key' })).json().label).toBe('Blue key')
    await growOld(person)
    expect((await call('DELETE', `/passkeys/${id}`, accessToken)).json().code).toBe('step-up-required')
    expect(await sessionsOf(person)).toHaveLength(1)
  })
})
