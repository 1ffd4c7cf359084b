import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { assignRole } from '../../core/identity/new-user.ts'
import { createId } from '../../core/ids.ts'
import { inTenant } from '../../database/tenant.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { carrierTo, startTestSender, type TestSender } from '../../testing/mail.ts'
import { bearer, createPerson, nextAddress, signInOver, type TestPerson } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { type SmtpSink, startSmtpSink } from '../../testing/smtp-sink.ts'

let database: TestDatabase
let server: TestServer
/** A second process over the same database, of a tenant of its own. */
let second: TestServer
let sink: SmtpSink
let sender: TestSender
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database)
  second = await startTestServer(database)
  sink = await startSmtpSink()
  sender = startTestSender(database, { carrier: carrierTo(sink.port) })
})
afterAll(async () => {
  await sender.stop()
  await sink.close()
  await server.close()
  await second.close()
  await database.close()
})

type Headers = Readonly<Record<string, string>>

const call = (
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  url: string,
  headers: Headers,
  payload?: object,
  over: TestServer = server,
) =>
  over.app.inject({
    method,
    url: `/api/v1${url}`,
    headers: { ...headers },
    remoteAddress: nextAddress(),
    ...(payload && { payload }),
  })

async function signedIn(roles: readonly string[]): Promise<{ readonly person: TestPerson; readonly headers: Headers }> {
  const person = await createPerson(server, { roles })
  return { person, headers: bearer((await signInOver(server, person)).accessToken) }
}

const roleId = async (code: string): Promise<string> =>
  (
    await inTenant(database.worker, server.tenant.id, (tx) =>
      tx.selectFrom('role').select('id').where('code', '=', code).executeTakeFirstOrThrow(),
    )
  ).id

/** The token of the last mail to an address, once everything that is due has gone. */
async function mailedToken(address: string): Promise<string> {
  await sender.look()
  const mail = sink.received.findLast(({ recipients }) => recipients.includes(address))
  const token = /\/account\/invite#token=(rmp_inv_[\w-]{43})/.exec(mail?.parsed.text ?? '')?.[1]
  if (token === undefined) throw new Error('no link was mailed')
  return token
}

const newAddress = () => `guest-${createId()}@example.org`
const password = 'another fine password 1789'

async function invited(inviter: Headers, role = 'viewer', email = newAddress()) {
  const answer = await call('POST', '/invitations', inviter, { email, roleId: await roleId(role) })
  if (answer.statusCode !== 201) throw new Error(answer.body)
  return { id: String(answer.json().id), email, token: await mailedToken(email), answer }
}

const accept = (token: string, more: object = {}, over: TestServer = server) =>
  call('POST', '/invitations/accept', {}, { token, password, ...more }, over)

const codeOf = (answer: { json(): { code: string } }): string => answer.json().code

const accountsOf = (email: string, tenantId = server.tenant.id) =>
  inTenant(database.worker, tenantId, (tx) =>
    tx
      .selectFrom('user_account as u')
      .leftJoin('role_assignment as a', 'a.user_id', 'u.id')
      .select(['u.id', 'u.name', 'a.granted_by', 'a.role_id'])
      .where('u.email_norm', '=', email.toLowerCase())
      .execute(),
  )

describe('an invitation', () => {
  it('lets the person it was mailed to make an account with its role, and signs nobody in', async () => {
    const { headers } = await signedIn(['admin'])
    const { id, email, token, answer } = await invited(headers)
    expect(answer.json()).toMatchObject({ email, role: { code: 'viewer' }, status: 'pending' })
    // Whoever invites never sees the link.
    expect(answer.body).not.toContain('rmp_inv_')

    const accepted = await accept(token, { name: 'Guest' })
    expect([accepted.statusCode, accepted.json().email]).toEqual([201, email])
    expect(accepted.headers['set-cookie']).toBeUndefined()
    expect(accepted.body).not.toMatch(/token|rmp_/)
    expect(await accountsOf(email)).toEqual([
      { id: accepted.json().id, name: 'Guest', granted_by: `invitation:${id}`, role_id: await roleId('viewer') },
    ])
    const { accessToken } = await signInOver(server, { email, password })
    expect((await call('GET', '/leads', bearer(accessToken))).statusCode).toBe(200)
    const { items } = (await call('GET', '/invitations?status=accepted', headers)).json()
    expect(items.map((item: { id: string }) => item.id)).toContain(id)
    const entries = await inTenant(database.worker, server.tenant.id, (tx) =>
      tx.selectFrom('audit_event').select(['action', 'actor_kind', 'resource_id']).orderBy('seq').execute(),
    )
    expect(entries).toContainEqual({ action: 'invitation.created', actor_kind: 'user', resource_id: id })
    const { id: userId } = accepted.json()
    expect(entries).toContainEqual({ action: 'invitation.accepted', actor_kind: 'public', resource_id: userId })
  })

  it('is good once: the second use, and one of two at the same time in two processes, is refused (class 36)', async () => {
    const { headers } = await signedIn(['admin'])
    const { email, token } = await invited(headers)
    const answers = await Promise.all([accept(token), accept(token, {}, second), accept(token)])
    expect(answers.map(({ statusCode }) => statusCode).toSorted()).toEqual([201, 400, 400])
    expect(codeOf(await accept(token))).toBe('link-invalid')
    expect(await accountsOf(email)).toHaveLength(1)
  })

  it('is bound to its address and its role, whatever the body says (class 36)', async () => {
    const { headers } = await signedIn(['admin'])
    const { email, token } = await invited(headers)
    const other = newAddress()
    expect(codeOf(await accept(token, { email: other }))).toBe('link-invalid')
    for (const member of ['role', 'roleId', 'tenant_id', 'organizationId', 'userId', 'isOwner', 'permissions']) {
      expect((await accept(token, { [member]: await roleId('owner') })).statusCode, member).toBe(422)
    }
    expect(await accountsOf(other)).toEqual([])
    expect((await accept(token, { email: email.toUpperCase() })).statusCode).toBe(201)
  })

  it('joins its own tenant, whichever the request names (class 35)', async () => {
    const { headers } = await signedIn(['admin'])
    const { email, token } = await invited(headers)
    // The other process serves another default tenant.
    expect((await accept(token, {}, second)).statusCode).toBe(201)
    expect(await accountsOf(email)).toHaveLength(1)
    expect(await accountsOf(email, second.tenant.id)).toEqual([])
  })

  it('is worth nothing once it is revoked, replaced or over (class 36)', async () => {
    const { headers } = await signedIn(['admin'])
    const revoked = await invited(headers)
    expect((await call('DELETE', `/invitations/${revoked.id}`, headers)).statusCode).toBe(204)
    expect(codeOf(await accept(revoked.token))).toBe('link-invalid')

    const older = await invited(headers)
    const newer = await invited(headers, 'viewer', older.email)
    expect(codeOf(await accept(older.token))).toBe('link-invalid')

    const over = await invited(headers)
    await inTenant(database.worker, server.tenant.id, (tx) =>
      tx
        .updateTable('invitation')
        .set({ expires_at: new Date(0) })
        .where('id', '=', over.id)
        .execute(),
    )
    expect(codeOf(await accept(over.token))).toBe('link-invalid')
    for (const each of [revoked.email, over.email]) expect(await accountsOf(each)).toEqual([])
    expect((await accept(newer.token)).statusCode).toBe(201)
  })

  it.each(['lost the role', 'was switched off'])('is worth nothing once whoever sent it %s (class 36)', async (how) => {
    const { person, headers } = await signedIn(['admin'])
    const { email, token } = await invited(headers, 'editor')
    await inTenant(database.worker, server.tenant.id, async (tx) => {
      if (how === 'lost the role') await tx.deleteFrom('role_assignment').where('user_id', '=', person.id).execute()
      else await tx.updateTable('user_account').set({ is_active: false }).where('id', '=', person.id).execute()
    })
    expect(codeOf(await accept(token))).toBe('link-invalid')
    expect(await accountsOf(email)).toEqual([])
  })

  it('is worth nothing once its role gives more than whoever sent it has', async () => {
    const code = `r${createId()}`
    await inTenant(database.worker, server.tenant.id, (tx) =>
      tx
        .insertInto('role')
        .values({ tenant_id: server.tenant.id, id: createId(), code, name: 'R', permissions: ['leads:read'] })
        .execute(),
    )
    const { headers } = await signedIn(['admin'])
    const { token } = await invited(headers, code)
    await inTenant(database.worker, server.tenant.id, (tx) =>
      tx
        .updateTable('role')
        .set({ permissions: ['*'] })
        .where('code', '=', code)
        .execute(),
    )
    expect(codeOf(await accept(token))).toBe('link-invalid')
  })

  it('takes over no account that has the address meanwhile, nor changes its password (class 36)', async () => {
    const { headers } = await signedIn(['admin'])
    const { email, token } = await invited(headers, 'editor')
    const holder = await createPerson(server, { email })
    expect(codeOf(await accept(token))).toBe('email-taken')
    expect(await accountsOf(email)).toEqual([{ id: holder.id, name: null, granted_by: null, role_id: null }])
    await signInOver(server, holder)
    await expect(signInOver(server, { email, password })).rejects.toThrow('401')
    const again = await call('POST', '/invitations', headers, { email, roleId: await roleId('viewer') })
    expect(codeOf(again)).toBe('email-taken')
  })

  it('is not used up by a password that will not do', async () => {
    const { headers } = await signedIn(['admin'])
    const { token } = await invited(headers)
    const refused = await accept(token, { password: 'password' })
    expect([refused.statusCode, refused.json().errors[0].pointer]).toEqual([422, '/password'])
    expect((await accept(token)).statusCode).toBe(201)
  })

  it('is no token of another kind, and no other is one', async () => {
    const { headers } = await signedIn(['admin'])
    const { token } = await invited(headers)
    const cut = token.slice(0, -1)
    for (const forged of [cut, `${token}=`, ` ${token}`, token.replace('inv', 'rst'), token.toUpperCase(), 'x']) {
      expect(codeOf(await accept(forged)), forged).toBe('link-invalid')
    }
    expect((await call('GET', '/users/me', bearer(token))).statusCode).toBe(401)
    expect((await call('POST', '/auth/refresh', {}, { refresh_token: token })).statusCode).toBe(401)
    expect(codeOf(await call('POST', '/password-reset/confirm', {}, { token, password }))).toBe('link-invalid')
  })
})

describe('inviting', () => {
  it('gives nobody what the inviter lacks, nor for longer (class 38)', async () => {
    const { person, headers } = await signedIn(['viewer'])
    const invite = async (code: string) =>
      call('POST', '/invitations', headers, { email: newAddress(), roleId: await roleId(code) })
    expect(codeOf(await invite('viewer'))).toBe('permission-missing')
    const tenantId = server.tenant.id
    const give = (expiresAt: Date | null) =>
      inTenant(database.worker, tenantId, (tx) =>
        assignRole(tx, { tenantId, userId: person.id, roleCode: 'admin', grantedBy: 'operator:cli', expiresAt }),
      )
    await give(new Date(Date.now() + 3_600_000))
    expect(codeOf(await invite('owner'))).toBe('beyond-own-rights')
    expect(codeOf(await invite('admin'))).toBe('beyond-own-rights')
    await give(null)
    expect((await invite('admin')).statusCode).toBe(201)
    expect(codeOf(await invite('owner'))).toBe('beyond-own-rights')
  })

  it('asks for a fresh proof, and for the right to give roles besides', async () => {
    const { headers } = await signedIn(['admin'])
    const input = { email: newAddress(), roleId: await roleId('viewer') }
    const before = server.clock.nowMs
    server.clock.nowMs += 700_000
    const stale = await call('POST', '/invitations', headers, input)
    server.clock.nowMs = before
    expect(codeOf(stale)).toBe('step-up-required')

    const code = `r${createId()}`
    const permissions = ['users:read', 'users:write', 'leads:read']
    await inTenant(database.worker, server.tenant.id, (tx) =>
      tx
        .insertInto('role')
        .values({ tenant_id: server.tenant.id, id: createId(), code, name: 'R', permissions })
        .execute(),
    )
    const clerk = await signedIn([code])
    expect(codeOf(await call('POST', '/invitations', clerk.headers, input))).toBe('permission-missing')
  })

  it('bombs no mailbox: beyond the cap nothing is sent, and the link that arrived stays good (class 43)', async () => {
    const { headers } = await signedIn(['admin'])
    const email = newAddress()
    const input = { email, roleId: await roleId('viewer') }
    const codes = []
    for (let sent = 0; sent < 5; sent += 1) codes.push((await call('POST', '/invitations', headers, input)).statusCode)
    expect(codes).toEqual([201, 201, 201, 429, 429])
    expect((await accept(await mailedToken(email))).statusCode).toBe(201)
    expect(sink.received.filter(({ recipients }) => recipients.includes(email))).toHaveLength(3)
  })
})

describe('an account that staff made', () => {
  it('gets its first password by the link of its mail, once', async () => {
    const { headers } = await signedIn(['admin'])
    const email = newAddress()
    const { id } = (await call('POST', '/users', headers, { email, name: 'Made' })).json()
    const token = await mailedToken(email)
    const answers = await Promise.all([accept(token), accept(token, {}, second)])
    expect(answers.map(({ statusCode }) => statusCode).toSorted()).toEqual([201, 400])
    expect(await accountsOf(email)).toEqual([{ id, name: 'Made', granted_by: null, role_id: null }])
    await signInOver(server, { email, password })
  })

  it('gets none by a link of before it was switched off, or once it has one (class 6)', async () => {
    const { headers } = await signedIn(['admin'])
    const [off, set] = [newAddress(), newAddress()]
    const { id } = (await call('POST', '/users', headers, { email: off })).json()
    const token = await mailedToken(off)
    await call('POST', `/users/${id}/deactivate`, headers)
    expect(codeOf(await accept(token))).toBe('link-invalid')
    await call('POST', `/users/${id}/activate`, headers)
    expect(codeOf(await accept(token))).toBe('link-invalid')

    const made = (await call('POST', '/users', headers, { email: set })).json()
    const link = await mailedToken(set)
    await inTenant(database.worker, server.tenant.id, (tx) =>
      tx
        .insertInto('password_credential')
        .values({ tenant_id: server.tenant.id, user_id: made.id, hash: 'a hash that somebody chose' })
        .execute(),
    )
    expect(codeOf(await accept(link))).toBe('link-invalid')
  })
})

describe('another tenant (class 34)', () => {
  it('has invitations that look as if they did not exist', async () => {
    const { headers } = await signedIn(['admin'])
    const { id, token } = await invited(headers)
    const stranger = await createPerson(second, { roles: ['owner'] })
    const theirs = bearer((await signInOver(second, stranger)).accessToken)
    const answers = []
    for (const each of [id, createId()]) {
      const answer = await call('DELETE', `/invitations/${each}`, theirs, undefined, second)
      const { date: _d, 'x-request-id': requestId, 'x-response-time': _t, ...rest } = answer.headers
      const body = answer.body.replaceAll(String(requestId), '').replace(/"timestamp":"[^"]+"/, '')
      answers.push({ status: answer.statusCode, rest, body })
    }
    expect(answers[0]?.status).toBe(404)
    expect(answers[0]).toEqual(answers[1])
    expect((await call('GET', '/invitations', theirs, undefined, second)).json().total).toBe(0)
    expect((await accept(token)).statusCode).toBe(201)
  })
})
