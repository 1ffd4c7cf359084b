import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { issueInvitationToken } from '../../core/identity/invitation-token.ts'
import { createId } from '../../core/ids.ts'
import { inTenant } from '../../database/tenant.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver, type TestPerson } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database)
})
afterAll(async () => {
  await server.close()
  await database.close()
})

type Headers = Readonly<Record<string, string>>

const call = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, headers: Headers, payload?: object) =>
  server.app.inject({
    method,
    url: `/api/v1${url}`,
    headers: { ...headers },
    remoteAddress: nextAddress(),
    ...(payload && { payload }),
  })

/** Somebody with these roles who has just signed in. */
async function signedIn(
  roles: readonly string[],
  tenantId?: string,
): Promise<{ readonly person: TestPerson; readonly headers: Headers; readonly refreshToken: string }> {
  const person = await createPerson(server, { roles, ...(tenantId !== undefined && { tenantId }) })
  const headers = tenantId === undefined ? {} : { 'x-tenant-id': tenantId }
  const { accessToken, refreshToken } = await signInOver(server, person, { headers })
  return { person, headers: bearer(accessToken), refreshToken }
}

/** A person as stored, every column of it. */
const stored = async (id: string, tenantId = server.tenant.id) =>
  inTenant(database.worker, tenantId, async (tx) => ({
    account: await tx.selectFrom('user_account').selectAll().where('id', '=', id).executeTakeFirst(),
    roles: await tx.selectFrom('role_assignment').selectAll().where('user_id', '=', id).execute(),
    credentials: await tx.selectFrom('password_credential').selectAll().where('user_id', '=', id).execute(),
  }))

/** What an answer says apart from when it was said. */
function essence(answer: { statusCode: number; body: string; headers: Record<string, unknown> }, id: string) {
  const { date: _d, 'x-request-id': requestId, 'x-response-time': _t, ...headers } = answer.headers
  const body = answer.body
    .replaceAll(String(requestId), '<request>')
    .replaceAll(id, '<id>')
    .replace(/"timestamp":"[^"]+"/, '"timestamp":"<now>"')
  return { status: answer.statusCode, headers, body }
}

describe('the own profile', () => {
  it('is read, and changed in name and language', async () => {
    const { person, headers } = await signedIn([])
    expect((await call('GET', '/users/me', headers)).json()).toMatchObject({
      id: person.id,
      email: person.email,
      isActive: true,
      emailVerified: true,
    })
    const changed = await call('PUT', '/users/me', headers, { name: ' Ada ', locale: 'fr' })
    expect(changed.json()).toMatchObject({ name: 'Ada', locale: 'fr', version: 2 })
    expect((await call('PUT', '/users/me', headers, { name: null })).json()).toMatchObject({ name: null, locale: 'fr' })
  })

  it('is not written over another change that was saved meanwhile', async () => {
    const { headers } = await signedIn([])
    const { version } = (await call('GET', '/users/me', headers)).json()
    const both = await Promise.all(['one', 'two'].map((name) => call('PUT', '/users/me', headers, { name, version })))
    expect(both.map(({ statusCode }) => statusCode).toSorted()).toEqual([200, 409])
    expect(both.find(({ statusCode }) => statusCode === 409)?.json()).toMatchObject({ code: 'version-conflict' })
  })

  it('takes nothing that decides who one is or what one may do (class 27)', async () => {
    const { person, headers } = await signedIn([])
    const victim = await createPerson(server)
    const before = await stored(person.id)
    const other = await server.createTenant()
    const attempts: readonly (readonly [string, unknown])[] = [
      ['email', victim.email],
      ['email_norm', victim.email],
      ['emailVerified', true],
      ['is_verified', true],
      ['email_verified_at', '2026-01-01T00:00:00Z'],
      ['tenant_id', other.id],
      ['tenantId', other.id],
      ['id', victim.id],
      ['user_id', victim.id],
      ['role', 'owner'],
      ['roles', ['owner']],
      ['permissions', ['*']],
      ['is_active', true],
      ['isActive', true],
      ['mfaRequired', false],
      ['mfa_required', false],
      ['password', 'another fine password'],
      ['password_hash', '$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA'],
      ['passwordHash', 'x'],
      ['deleted_at', null],
      ['created_at', '2020-01-01T00:00:00Z'],
      ['__proto__', { email: victim.email }],
      ['constructor', { prototype: {} }],
    ]
    for (const [member, value] of attempts) {
      const body = `{"name":"Mallory",${JSON.stringify(member)}:${JSON.stringify(value)}}`
      const answer = await server.app.inject({
        method: 'PUT',
        url: '/api/v1/users/me',
        headers: { ...headers, 'content-type': 'application/json' },
        remoteAddress: nextAddress(),
        payload: body,
      })
      expect([400, 422], member).toContain(answer.statusCode)
    }
    expect(await stored(person.id)).toEqual(before)
  })

  it('is nobody’s without a session, and no key’s (class 37)', async () => {
    const key = await server.apiKey(['leads:read', 'leads:write'])
    const victim = await createPerson(server)
    for (const [method, url, payload] of [
      ['GET', '/users/me', undefined],
      ['GET', '/users', undefined],
      ['POST', '/users', { email: 'x@example.org', user_id: victim.id, tenant_id: server.tenant.id }],
      ['DELETE', `/users/${victim.id}`, undefined],
      ['POST', `/users/${victim.id}/verify`, undefined],
    ] as const) {
      expect((await call(method, url, {}, payload)).statusCode, url).toBe(401)
      const withKey = await call(method, url, bearer(key), payload)
      expect([withKey.statusCode, withKey.json().code], url).toEqual([403, 'session-required'])
    }
  })
})

describe('accounts', () => {
  it('are made without a password and without a role, and mailed a link', async () => {
    const { headers } = await signedIn(['admin'])
    const email = `New.Colleague-${createId()}@Example.org`
    const made = await call('POST', '/users', headers, { email, name: 'New' })
    expect(made.statusCode).toBe(201)
    expect(made.headers['location']).toBe(`/api/v1/users/${made.json().id}`)
    expect(made.json()).toMatchObject({ email: email.replace('Example.org', 'example.org'), emailVerified: false })
    const { roles, credentials } = await stored(made.json().id)
    expect([roles, credentials]).toEqual([[], []])
    const mails = await inTenant(database.worker, server.tenant.id, (tx) =>
      tx.selectFrom('mail_outbox').select(['template', 'is_dropped']).where('user_id', '=', made.json().id).execute(),
    )
    expect(mails).toEqual([{ template: 'invitation', is_dropped: false }])
    expect((await call('POST', '/users', headers, { email: email.toLowerCase() })).json().code).toBe('email-taken')
  })

  it('take no member that would make them more (class 27)', async () => {
    const { headers } = await signedIn(['admin'])
    for (const member of [
      'password',
      'roles',
      'permissions',
      'isActive',
      'emailVerified',
      'is_verified',
      'tenant_id',
    ]) {
      const answer = await call('POST', '/users', headers, { email: `${createId()}@example.org`, [member]: true })
      expect(answer.statusCode, member).toBe(422)
      const person = await createPerson(server)
      const before = await stored(person.id)
      expect((await call('PUT', `/users/${person.id}`, headers, { name: 'X', [member]: true })).statusCode).toBe(422)
      expect(await stored(person.id)).toEqual(before)
    }
  })

  it('are found by exact address, whatever its case, and by status', async () => {
    const { headers } = await signedIn(['viewer', 'admin'])
    const person = await createPerson(server, { isVerified: false })
    const find = async (query: string) => (await call('GET', `/users?${query}`, headers)).json()
    const { items, total } = await find(`email=${person.email.toUpperCase()}`)
    expect([total, items[0].id]).toEqual([1, person.id])
    expect((await find(`email=${person.email.slice(1)}`)).total).toBe(0)
    expect((await find(`email=${person.email}&status=active`)).total).toBe(0)
    expect((await find(`email=${person.email}&status=unverified`)).total).toBe(1)
    await call('POST', `/users/${person.id}/deactivate`, headers)
    expect((await find(`email=${person.email}&status=inactive`)).total).toBe(1)
    await call('DELETE', `/users/${person.id}`, headers)
    expect((await find(`email=${person.email}`)).total).toBe(0)
    expect((await find(`email=${person.email}&status=deleted`)).total).toBe(1)
  })

  it('are for who has the permission alone', async () => {
    const { headers } = await signedIn(['editor'])
    const person = await createPerson(server)
    for (const [method, url, payload] of [
      ['GET', '/users', undefined],
      ['GET', `/users/${person.id}`, undefined],
      ['POST', '/users', { email: 'a@example.org' }],
      ['PUT', `/users/${person.id}`, { name: 'X' }],
      ['DELETE', `/users/${person.id}`, undefined],
      ['POST', `/users/${person.id}/restore`, undefined],
      ['POST', `/users/${person.id}/verify`, undefined],
      ['POST', `/users/${person.id}/activate`, undefined],
      ['POST', `/users/${person.id}/deactivate`, undefined],
    ] as const) {
      const answer = await call(method, url, headers, payload)
      expect([answer.statusCode, answer.json().code], `${method} ${url}`).toEqual([403, 'permission-missing'])
    }
  })

  it('come back after a deletion, unless somebody else has the address by then', async () => {
    const { headers } = await signedIn(['admin'])
    const person = await createPerson(server, { roles: ['viewer'] })
    expect((await call('DELETE', `/users/${person.id}`, headers)).statusCode).toBe(204)
    expect((await call('DELETE', `/users/${person.id}`, headers)).statusCode).toBe(204)
    expect((await call('PUT', `/users/${person.id}`, headers, { name: 'X' })).json().code).toBe('user-deleted')
    const second = await createPerson(server, { email: person.email })
    expect((await call('POST', `/users/${person.id}/restore`, headers)).json().code).toBe('email-taken')
    await call('DELETE', `/users/${second.id}`, headers)
    const back = await call('POST', `/users/${person.id}/restore`, headers)
    expect([back.statusCode, back.json().deletedAt]).toEqual([200, undefined])
    expect((await stored(person.id)).roles).toHaveLength(1)
    await signInOver(server, person)
  })

  it('lose the duty of a second factor only by somebody who has just proved who they are', async () => {
    const { headers } = await signedIn(['admin'])
    const person = await createPerson(server)
    const set = (mfaRequired: boolean) => call('PUT', `/users/${person.id}`, headers, { mfaRequired })
    expect((await set(true)).json().mfaRequired).toBe(true)
    const before = server.clock.nowMs
    server.clock.nowMs += 700_000
    const refused = await set(false)
    server.clock.nowMs = before
    expect([refused.statusCode, refused.json().code]).toEqual([401, 'step-up-required'])
    expect((await set(false)).json().mfaRequired).toBe(false)
  })
})

describe('the end of an account (class 6)', () => {
  it.each(['deactivate', 'delete'] as const)('by %s ends every session and every link at once', async (how) => {
    const admin = await signedIn(['admin'])
    const { person, headers, refreshToken } = await signedIn(['viewer'])
    const { tenant } = server
    await inTenant(database.worker, tenant.id, (tx) =>
      issueInvitationToken(tx, tenant.id, { purpose: 'invitation', userId: person.id }, server.clock.nowMs),
    )
    expect((await call('GET', '/users/me', headers)).statusCode).toBe(200)

    const act = how === 'delete' ? (['DELETE', ''] as const) : (['POST', '/deactivate'] as const)
    expect((await call(act[0], `/users/${person.id}${act[1]}`, admin.headers)).statusCode).toBeLessThan(300)

    expect((await call('GET', '/users/me', headers)).statusCode).toBe(401)
    expect((await call('POST', '/auth/refresh', {}, { refresh_token: refreshToken })).statusCode).toBe(401)
    await expect(signInOver(server, person)).rejects.toThrow('401')
    const tokens = await inTenant(database.worker, tenant.id, (tx) =>
      tx.selectFrom('one_time_token').select('purpose').where('user_id', '=', person.id).execute(),
    )
    expect(tokens).toEqual([])

    // What ended stays ended when the account comes back.
    const back = how === 'delete' ? 'restore' : 'activate'
    expect((await call('POST', `/users/${person.id}/${back}`, admin.headers)).statusCode).toBe(200)
    expect((await call('GET', '/users/me', headers)).statusCode).toBe(401)
    await signInOver(server, person)
  })

  it('is not survived by a session that was opened while the account was being switched off', async () => {
    const admin = await signedIn(['admin'])
    const { person, headers } = await signedIn([])
    await call('POST', `/users/${person.id}/deactivate`, admin.headers)
    // As a sign-in would leave it that read the account before and stored its session after.
    await inTenant(database.worker, server.tenant.id, (tx) =>
      tx.updateTable('session').set({ revoked_at: null }).where('user_id', '=', person.id).execute(),
    )
    expect((await call('GET', '/users/me', headers)).statusCode).toBe(401)
    await call('POST', `/users/${person.id}/activate`, admin.headers)
    expect((await call('GET', '/users/me', headers)).statusCode).toBe(401)
  })

  it('does not come to who waits for staff to vouch for their address', async () => {
    const admin = await signedIn(['admin'])
    const person = await createPerson(server, { isVerified: false })
    await expect(signInOver(server, person)).rejects.toThrow('403')
    expect((await call('POST', `/users/${person.id}/verify`, admin.headers)).json().emailVerified).toBe(true)
    await signInOver(server, person)
  })
})

describe('another tenant (class 34)', () => {
  it('has people that look as if they did not exist, on every route, and stay as they are', async () => {
    const { headers } = await signedIn(['owner'])
    const other = await server.createTenant()
    const foreign = await createPerson(server, { tenantId: other.id, roles: ['viewer'] })
    const roleId = (await stored(foreign.id, other.id)).roles[0]?.role_id ?? ''
    const before = await stored(foreign.id, other.id)
    const unknown = createId()
    const routes = [
      ['GET', '', undefined],
      ['PUT', '', { name: 'X' }],
      ['DELETE', '', undefined],
      ['POST', '/restore', undefined],
      ['POST', '/verify', undefined],
      ['POST', '/activate', undefined],
      ['POST', '/deactivate', undefined],
      ['GET', '/roles', undefined],
      ['POST', '/roles', { roleId }],
      ['DELETE', `/roles/${roleId}`, undefined],
    ] as const
    for (const [method, path, payload] of routes) {
      const [ofForeign, ofUnknown] = await Promise.all(
        [foreign.id, unknown].map(async (id) => {
          const answer = await call(method, `/users/${id}${path}`, headers, payload)
          return essence(answer, id)
        }),
      )
      expect(ofForeign?.status, `${method} ${path}`).toBe(404)
      expect(ofForeign, `${method} ${path}`).toEqual(ofUnknown)
    }
    expect(await stored(foreign.id, other.id)).toEqual(before)
    expect((await call('GET', `/users?email=${foreign.email}`, headers)).json().total).toBe(0)
  })
})
