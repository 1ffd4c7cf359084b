import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createHeadSigner } from '../core/audit/heads.ts'
import { createKeyRing, seal, unseal } from '../core/credentials/sealing.ts'
import { clientAad } from '../core/identity/session-kit.ts'
import { createId } from '../core/ids.ts'
import { createLogger } from '../core/logging/logging.ts'
import { createMailQueue } from '../core/mail/outbox.ts'
import { createMailKeys } from '../core/mail/sealed-mail.ts'
import { keyLabels, mastersOf } from '../core/secrets.ts'
import { createSigningKeys, SigningKeyError } from '../core/tokens/signing-keys.ts'
import { inTenant } from '../database/tenant.ts'
import { signHeads } from '../modules/audit/sign-heads.ts'
import { flowAad, secretAad as providerAad } from '../modules/oauth/flow.ts'
import { secretAad as webhookAad } from '../modules/webhooks/secret.ts'
import { createTestDatabase, type TestDatabase } from '../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver } from '../testing/people.ts'
import { challengeOver, enrolOver, nextCode, postTo } from '../testing/second-factors.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'
import { asTenant } from '../testing/tenant-rows.ts'
import { countFormerlySealed, rewrap } from './rewrap.ts'
import { sealedColumns } from './sealed-columns.ts'

const former = randomBytes(48).toString('base64')
const next = randomBytes(48).toString('base64')
const log = createLogger({ level: 'silent' })
const both = mastersOf(next, [former])

let database: TestDatabase
let server: TestServer
const opened: TestServer[] = []
// The keys of an installation belong to all its tenants: each test has an installation of its own.
beforeEach(async () => {
  database = await createTestDatabase()
  server = await serverWith({ REMPART_SECRET_KEY: former })
})
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close()
  await database.close()
})

async function serverWith(environment: Readonly<Record<string, string>>, tenant?: string): Promise<TestServer> {
  const made = await startTestServer(database, {
    environment: { ...environment, ...(tenant && { REMPART_DEFAULT_TENANT: tenant }) },
  })
  opened.push(made)
  return made
}

const dependencies = (masters = both) => ({ app: database.app, worker: database.worker, masters, log })

/** Something under every key: what the server sealed itself, and what its other modules would have. */
async function sealEverything() {
  const tenantId = server.tenant.id
  const person = await createPerson(server, { roles: ['owner'] })
  const factor = await enrolOver(server, person)
  const other = await createPerson(server)
  const { accessToken } = await signInOver(server, other)
  expect((await postTo(server, '/mfa/setup', undefined, bearer(accessToken))).statusCode).toBe(200)
  const registration = { email: 'new@example.org', password: 'a fine password of nobody', name: 'New' }
  expect((await postTo(server, '/auth/register', registration)).statusCode).toBe(202)
  const masters = mastersOf(former)
  const ring = createKeyRing(masters, keyLabels.identityProviders)
  const providerId = createId()
  const flow = randomBytes(32)
  await asTenant(
    server,
    `insert into identity_provider (tenant_id, id, code, kind, name, client_id, sealed_secret)
     values ($1, $2, 'github', 'github', 'GitHub', 'client', $3)`,
    [tenantId, providerId, seal(ring, Buffer.from('client secret'), providerAad(tenantId, providerId))],
  )
  const webhookId = createId()
  const secret = seal(
    createKeyRing(masters, keyLabels.webhooks),
    Buffer.from('whsec_'),
    webhookAad(tenantId, webhookId),
  )
  await asTenant(
    server,
    `insert into webhook (tenant_id, id, url, events, sealed_secret, previous_sealed_secret, previous_until)
     values ($1, $2, 'https://hooks.example.org/', '{user.deleted}', $3, $3, now() + interval '1 day')`,
    [tenantId, webhookId, secret],
  )
  const memory = seal(ring, Buffer.from('{}'.padEnd(200)), flowAad(tenantId, flow)).toString('base64')
  await asTenant(
    server,
    `insert into one_time_token (tenant_id, token_hash, purpose, data, expires_at)
     values ($1, $2, 'oauth-state', $3, now() + interval '5 minutes')`,
    [tenantId, flow, { providerId, browser: 'x', sealed: memory }],
  )
  const { queueMail } = createMailQueue(createMailKeys(masters))
  await inTenant(database.app, tenantId, (tx) =>
    queueMail(tx, {
      template: 'reset-password',
      to: { address: 'ada@example.org' },
      data: { token: randomBytes(32).toString('base64url'), minutes: 30 },
    }),
  )
  await signWith(masters)
  return { person, factor }
}

const signWith = (masters = both) =>
  signHeads({
    worker: database.worker,
    signer: createHeadSigner(masters),
    anchorFile: undefined,
    nowMs: () => Date.now(),
    log,
  })

/** How many values of each column open with these masters, and how many do not. */
async function opening(masters: ReturnType<typeof mastersOf>) {
  const found: Record<string, { opens: number; shut: number }> = {}
  for (const column of sealedColumns) {
    const ring = createKeyRing(masters, column.label)
    const rows = await asTenant(
      server,
      `select ${column.key}::text as key, ${column.besides ?? "''"} as besides, ${column.sealed} as sealed
       from ${column.table} where tenant_id = $1 and ${column.condition ?? 'true'} and ${column.sealed} is not null`,
      [server.tenant.id],
    )
    const opens = rows.filter(({ key, besides, sealed }) => {
      try {
        unseal(ring, sealed as Buffer, column.aad(server.tenant.id, String(key), String(besides)))
        return true
      } catch {
        return false
      }
    }).length
    found[`${column.table} ${column.sealed} ${column.condition ?? ''}`] = { opens, shut: rows.length - opens }
  }
  return found
}

describe('rewrapping', () => {
  it('seals every kind of value anew: the former secret opens none of them after, and is not needed', async () => {
    const { person, factor } = await sealEverything()
    const before = Object.entries(await opening(mastersOf(former)))
    // Nothing of the test is vacuous: there is a value of each kind, and each opens.
    expect(before.filter(([, { opens, shut }]) => opens === 0 || shut > 0)).toEqual([])
    expect(await countFormerlySealed(dependencies())).toBeGreaterThan(before.length)

    const report = await rewrap(dependencies())
    expect(report).toMatchObject({ unreadable: 0, remaining: 0 })
    expect(await countFormerlySealed(dependencies(mastersOf(next)))).toBe(0)
    const after = Object.values(await opening(mastersOf(next)))
    expect(after.every(({ opens, shut }) => opens > 0 && shut === 0)).toBe(true)
    expect(Object.values(await opening(mastersOf(former))).every(({ opens }) => opens === 0)).toBe(true)

    const renewed = await serverWith({ REMPART_SECRET_KEY: next }, server.tenant.slug)
    renewed.clock.nowMs = server.clock.nowMs
    // A session from before, its address, its refresh token, and a code of the app that was enrolled under the former key.
    const sessions = await renewed.app.inject({
      url: '/api/v1/sessions',
      headers: bearer(factor.accessToken),
      remoteAddress: nextAddress(),
    })
    expect(sessions.json().items[0].address).toMatch(/^10\./)
    expect((await postTo(renewed, '/auth/refresh', { refresh_token: factor.refreshToken })).statusCode).toBe(200)
    const token = await challengeOver(renewed, person)
    const signedIn = await postTo(renewed, '/auth/login/mfa', {
      mfa_session_token: token,
      code: nextCode(renewed, factor.secret),
    })
    expect(signedIn.statusCode, signedIn.body).toBe(200)
    const owner = bearer(signedIn.json().access_token)
    const read = async (url: string) =>
      (await renewed.app.inject({ url: `/api/v1${url}`, headers: owner, remoteAddress: nextAddress() })).json()
    // The heads of before are under a key that is gone: the one of the rewrapping vouches for them.
    const verdict = await read('/audit/verify')
    expect(verdict).toMatchObject({ verdict: 'whole' })
    expect(verdict.signedTo).toBeGreaterThan(0)
    expect((await read('/audit?action=master-key.rotated')).items).toHaveLength(1)
    expect((await read('/audit?action=session.opened')).items.at(-1).client).toMatchObject({
      address: expect.any(String),
    })
  })

  it('may be run by two at once, while the server seals under both and reads', async () => {
    await sealEverything()
    const during = await serverWith(
      { REMPART_SECRET_KEY: next, REMPART_SECRET_KEY_PREVIOUS: former },
      server.tenant.slug,
    )
    const people = await Promise.all(Array.from({ length: 6 }, () => createPerson(server)))
    let isDone = false
    const signIns = people.map(async (person) => {
      while (!isDone) await signInOver(during, person)
    })
    const reports = await Promise.all([rewrap(dependencies()), rewrap(dependencies())])
    isDone = true
    await Promise.all(signIns)
    expect(reports.map(({ unreadable, remaining }) => unreadable + remaining)).toEqual([0, 0])
    expect(await countFormerlySealed(dependencies(mastersOf(next)))).toBe(0)
    expect(Object.values(await opening(mastersOf(next))).every(({ shut }) => shut === 0)).toBe(true)
  })

  it('leaves the former secret useless: who starts with it alone finds signing keys that do not open', async () => {
    await sealEverything()
    await rewrap(dependencies())
    const keys = (masters: ReturnType<typeof mastersOf>) => createSigningKeys({ pool: database.app, masters, log })
    await expect(keys(mastersOf(former)).ready()).rejects.toThrow(SigningKeyError)
    await expect(keys(mastersOf(next)).ready()).resolves.toMatchObject({ signing: expect.anything() })
  })

  it('goes on where it was broken off, in batches, and does nothing when all is done', async () => {
    const tenantId = server.tenant.id
    const person = await createPerson(server)
    const ring = createKeyRing(mastersOf(former), keyLabels.sessionMetadata)
    const ids = Array.from({ length: 450 }, createId)
    await asTenant(
      server,
      `insert into session (tenant_id, id, user_id, aal, amr, auth_time, transport, client_sealed, idle_expires_at, absolute_expires_at)
       select $1, v.id, $2, 1, '{pwd}', now(), 'bearer', v.sealed, now() + interval '1 day', now() + interval '1 day'
       from unnest($3::uuid[], $4::bytea[]) as v (id, sealed)`,
      [tenantId, person.id, ids, ids.map((id) => seal(ring, Buffer.from('{}'), clientAad(tenantId, id)))],
    )
    const total = await countFormerlySealed(dependencies())
    expect(total).toBeGreaterThanOrEqual(450)
    const broken = rewrap(dependencies(), (values) => {
      if (values === 200) throw new Error('killed')
    })
    await expect(broken).rejects.toThrow('killed')
    const left = await countFormerlySealed(dependencies())
    expect([left >= 250, left <= total - 200]).toEqual([true, true])
    expect(await rewrap(dependencies())).toEqual({ rewrapped: left, unreadable: 0, remaining: 0 })
    expect(await rewrap(dependencies())).toEqual({ rewrapped: 0, unreadable: 0, remaining: 0 })
  })

  it('leaves alone what no secret opens, and tells how much that is', async () => {
    const { person } = await sealEverything()
    const lost = seal(
      createKeyRing(mastersOf('a third secret, of forty bytes at least.'), 'x'),
      Buffer.from('lost'),
      [],
    )
    await asTenant(server, 'update mfa_secret set sealed_secret = $1 where user_id = $2', [lost, person.id])
    expect(await rewrap(dependencies())).toMatchObject({ unreadable: 1, remaining: 0 })
    const rows = await asTenant(server, 'select sealed_secret from mfa_secret where user_id = $1', [person.id])
    expect(rows).toEqual([{ sealed_secret: lost }])
    await asTenant(server, 'delete from mfa_secret where user_id = $1', [person.id])
  })

  it('says so when a server that still has the former secret seals under it again', async () => {
    await sealEverything()
    const person = await createPerson(server)
    const late = createKeyRing(mastersOf(former), keyLabels.totpSecret)
    const aad = [server.tenant.id, person.id, 'totp']
    let isDone = false
    const busyServer = async (): Promise<void> => {
      while (!isDone) {
        const pending_secret = seal(late, randomBytes(20), aad)
        await inTenant(database.app, server.tenant.id, (tx) =>
          tx
            .insertInto('mfa_secret')
            .values({ tenant_id: server.tenant.id, user_id: person.id, pending_secret, pending_since: new Date() })
            .onConflict((conflict) => conflict.columns(['tenant_id', 'user_id']).doUpdateSet({ pending_secret }))
            .execute(),
        )
      }
    }
    const busy = busyServer()
    const report = await rewrap(dependencies())
    isDone = true
    await busy
    expect(report.remaining).toBeGreaterThan(0)
  })
})

describe('the list of sealed columns', () => {
  const others = [
    // Under other keys than those of the master secret: the token's own, and those of subjects.
    'refresh_token.sealed_successor',
    'audit_event.personal_sealed',
    'audit_event.client_sealed',
    // Of no tenant: resealed by a function of its own.
    'signing_key.sealed_private',
  ]

  it('has every column that holds something sealed', async () => {
    const { rows } = await database.worker.query<{ name: string }>(
      `select c.relname || '.' || a.attname as name from pg_attribute a join pg_class c on c.oid = a.attrelid
       where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.atttypid = 'bytea'::regtype
         and a.attname ~ 'seal|pending'`,
    )
    const known = [...sealedColumns.map(({ table, sealed }) => `${table}.${sealed}`), ...others]
    expect(rows.map(({ name }) => name).filter((name) => !known.includes(name))).toEqual([])
    expect(known).toContain('mfa_secret.sealed_secret')
  })
})
