import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { permissions, scopes } from '../../core/access/access.ts'
import { assignRole } from '../../core/identity/new-user.ts'
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

async function signedIn(roles: readonly string[]): Promise<{ readonly person: TestPerson; readonly headers: Headers }> {
  const person = await createPerson(server, { roles })
  return { person, headers: bearer((await signInOver(server, person)).accessToken) }
}

const roleId = async (code: string, tenantId = server.tenant.id): Promise<string> =>
  (
    await inTenant(database.worker, tenantId, (tx) =>
      tx.selectFrom('role').select('id').where('code', '=', code).executeTakeFirstOrThrow(),
    )
  ).id

/** Makes a role straight in the database, for people who could not make it themselves. */
async function makeRole(codes: readonly string[]): Promise<{ readonly id: string; readonly code: string }> {
  const role = { id: createId(), code: `r${createId()}` }
  await inTenant(database.worker, server.tenant.id, (tx) =>
    tx
      .insertInto('role')
      .values({ ...role, tenant_id: server.tenant.id, name: 'Made', permissions: [...codes] })
      .execute(),
  )
  return role
}

const give = (userId: string, roleCode: string, expiresAt: Date | null = null) =>
  inTenant(database.worker, server.tenant.id, (tx) =>
    assignRole(tx, { tenantId: server.tenant.id, userId, roleCode, grantedBy: 'operator:cli', expiresAt }),
  )

const rolesOf = async (userId: string) =>
  inTenant(database.worker, server.tenant.id, (tx) =>
    tx.selectFrom('role_assignment').selectAll().where('user_id', '=', userId).orderBy('role_id').execute(),
  )

const codeOf = (answer: { json(): { code: string } }): string => answer.json().code

describe('permissions', () => {
  it('are listed to anybody who is signed in, with what keys may carry and what one holds', async () => {
    const { headers } = await signedIn(['viewer'])
    const { items } = (await call('GET', '/permissions', headers)).json()
    expect(items.map(({ code }: { code: string }) => code)).toEqual(permissions)
    expect(items.filter(({ forKeys }: { forKeys: boolean }) => forKeys)).toHaveLength(scopes.length)
    expect(items.find(({ code }: { code: string }) => code === 'leads:read').isHeld).toBe(true)
    expect(items.find(({ code }: { code: string }) => code === 'leads:write').isHeld).toBe(false)
  })
})

describe('roles', () => {
  it('are made, read, changed and deleted', async () => {
    const { headers } = await signedIn(['admin'])
    const code = `support-${process.pid}`
    const made = await call('POST', '/roles', headers, { code, name: 'Support', permissions: ['leads:read'] })
    expect([made.statusCode, made.json().isSystem]).toEqual([201, false])
    const url = `/roles/${made.json().id}`
    expect(codeOf(await call('POST', '/roles', headers, { code, name: 'S', permissions: [] }))).toBe('role-code-taken')
    const changed = await call('PUT', url, headers, { permissions: ['leads:read', 'leads:write'], version: 1 })
    expect(changed.json()).toMatchObject({ permissions: ['leads:read', 'leads:write'], version: 2 })
    expect(codeOf(await call('PUT', url, headers, { name: 'Late', version: 1 }))).toBe('version-conflict')
    expect((await call('GET', url, headers)).json().name).toBe('Support')
    expect((await call('DELETE', url, headers)).statusCode).toBe(204)
    expect(codeOf(await call('GET', url, headers))).toBe('role-not-found')
    const { items } = (await call('GET', '/roles', headers)).json()
    expect(items.map((role: { code: string }) => role.code)).toEqual(
      expect.arrayContaining(['admin', 'editor', 'owner', 'viewer']),
    )
  })

  it('take no permission that is none, and never everything', async () => {
    const { headers } = await signedIn(['owner'])
    for (const permission of ['*', 'tenants:write', 'leads:*', '', 'LEADS:READ', '__proto__']) {
      const input = { code: `r${createId()}`, name: 'X', permissions: [permission] }
      expect((await call('POST', '/roles', headers, input)).statusCode, permission).toBe(422)
    }
    const hidden = { code: 'sly', name: 'X', permissions: [], isSystem: true }
    expect((await call('POST', '/roles', headers, hidden)).statusCode).toBe(422)
  })

  it('that every tenant has are neither changed nor deleted, not even by an owner', async () => {
    const { headers } = await signedIn(['owner'])
    for (const code of ['owner', 'admin', 'editor', 'viewer']) {
      const url = `/roles/${await roleId(code)}`
      expect(codeOf(await call('PUT', url, headers, { permissions: [] }))).toBe('role-builtin')
      expect(codeOf(await call('DELETE', url, headers))).toBe('role-builtin')
    }
  })

  it('that somebody holds are not deleted, until that is over', async () => {
    const { headers } = await signedIn(['admin'])
    const role = await makeRole(['leads:read'])
    const person = await createPerson(server, { roles: [role.code] })
    expect(codeOf(await call('DELETE', `/roles/${role.id}`, headers))).toBe('role-in-use')
    await give(person.id, role.code, new Date(Date.now() - 1_000))
    expect((await call('DELETE', `/roles/${role.id}`, headers)).statusCode).toBe(204)
  })
})

describe('giving roles', () => {
  it('is shown with who gave it, why and until when, and works with the next request', async () => {
    const admin = await signedIn(['admin'])
    const { person, headers } = await signedIn([])
    expect((await call('GET', '/leads', headers)).statusCode).toBe(403)
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString()
    const input = { roleId: await roleId('viewer'), expiresAt, reason: ' holiday ' }
    const granted = await call('POST', `/users/${person.id}/roles`, admin.headers, input)
    expect(granted.json()).toMatchObject({
      role: { code: 'viewer' },
      grantedBy: `user:${admin.person.id}`,
      reason: 'holiday',
      expiresAt,
      isInForce: true,
    })
    expect((await call('GET', '/leads', headers)).statusCode).toBe(200)
    expect((await call('GET', `/users/${person.id}/roles`, admin.headers)).json().items).toEqual([granted.json()])

    const url = `/users/${person.id}/roles/${input.roleId}`
    expect((await call('DELETE', url, admin.headers)).statusCode).toBe(204)
    expect((await call('GET', '/leads', headers)).statusCode).toBe(403)
    expect(codeOf(await call('DELETE', url, admin.headers))).toBe('role-not-assigned')
  })

  it('asks for a proof of who one is that is fresh', async () => {
    const { headers } = await signedIn(['admin'])
    const person = await createPerson(server)
    const before = server.clock.nowMs
    server.clock.nowMs += 700_000
    const refused = await call('POST', `/users/${person.id}/roles`, headers, { roleId: await roleId('viewer') })
    server.clock.nowMs = before
    expect(codeOf(refused)).toBe('step-up-required')
    expect(await rolesOf(person.id)).toEqual([])
  })

  it('refuses an end that is past', async () => {
    const { headers } = await signedIn(['admin'])
    const person = await createPerson(server)
    const input = { roleId: await roleId('viewer'), expiresAt: '2020-01-01T00:00:00Z' }
    expect((await call('POST', `/users/${person.id}/roles`, headers, input)).statusCode).toBe(422)
  })

  it.each(['9999-12-31T23:59:59-12:00', '2036-12-31T23:59:60Z'])(
    'refuses an end that no answer could say again: %s',
    async (expiresAt) => {
      const { headers } = await signedIn(['admin'])
      const person = await createPerson(server)
      const input = { roleId: await roleId('viewer'), expiresAt }
      expect((await call('POST', `/users/${person.id}/roles`, headers, input)).statusCode).toBe(422)
      expect((await call('GET', `/users/${person.id}/roles`, headers)).json()).toEqual({ items: [] })
    },
  )
})

describe('privilege escalation by roles (class 38)', () => {
  it('is not by giving oneself or others a role that holds more', async () => {
    const staff = await makeRole(['roles:read', 'roles:write', 'users:read', 'users:write', 'leads:read'])
    const { person, headers } = await signedIn([staff.code])
    const accomplice = await createPerson(server)
    for (const code of ['owner', 'admin', 'editor', 'viewer']) {
      for (const userId of [person.id, accomplice.id]) {
        const answer = await call('POST', `/users/${userId}/roles`, headers, { roleId: await roleId(code) })
        expect([answer.statusCode, codeOf(answer)], code).toEqual([403, 'beyond-own-rights'])
      }
    }
    // Every permission by name is not everything: an administrator makes no owner.
    const admin = await signedIn(['admin'])
    const crown = { roleId: await roleId('owner') }
    expect(codeOf(await call('POST', `/users/${admin.person.id}/roles`, admin.headers, crown))).toBe(
      'beyond-own-rights',
    )
    expect(await rolesOf(accomplice.id)).toEqual([])
  })

  it('is not by making or editing a role, one’s own or another', async () => {
    const staff = await makeRole(['roles:read', 'roles:write', 'leads:read'])
    const { headers } = await signedIn([staff.code])
    const input = { code: `r${createId()}`, name: 'X', permissions: ['leads:read', 'audit:read'] }
    expect(codeOf(await call('POST', '/roles', headers, input))).toBe('beyond-own-rights')
    const more = { permissions: ['roles:read', 'roles:write', 'leads:read', 'users:write'] }
    expect(codeOf(await call('PUT', `/roles/${staff.id}`, headers, more))).toBe('beyond-own-rights')
    // What one lacks one cannot take from others either.
    const other = await makeRole(['leads:read', 'audit:read'])
    expect(codeOf(await call('PUT', `/roles/${other.id}`, headers, { permissions: ['leads:read'] }))).toBe(
      'beyond-own-rights',
    )
    expect(codeOf(await call('DELETE', `/roles/${other.id}`, headers))).toBe('beyond-own-rights')
    const kept = await call('GET', `/roles/${other.id}`, headers)
    expect(kept.json().permissions).toEqual(['leads:read', 'audit:read'])
  })

  it('is not beyond one’s own time: what one has for a while one gives for that while at most', async () => {
    const staff = await makeRole(['roles:read', 'roles:write', 'leads:read'])
    const mine = await makeRole([])
    const { person, headers } = await signedIn([])
    const until = new Date(Date.now() + 3_600_000)
    await give(person.id, staff.code, until)
    await give(person.id, mine.code)
    const grant = (expiresAt: Date | null) =>
      call('POST', `/users/${person.id}/roles`, headers, {
        roleId: staff.id,
        expiresAt: expiresAt?.toISOString() ?? null,
      })
    expect(codeOf(await grant(null))).toBe('beyond-own-rights')
    expect(codeOf(await grant(new Date(until.getTime() + 1_000)))).toBe('beyond-own-rights')
    // Nor by putting it into a role that one has for good.
    const permissions = ['roles:read', 'roles:write', 'leads:read']
    expect(codeOf(await call('PUT', `/roles/${mine.id}`, headers, { permissions }))).toBe('beyond-own-rights')
    expect((await grant(until)).statusCode).toBe(201)
  })

  it('is not by acting on somebody who may do more: an administrator touches no owner', async () => {
    const owner = await createPerson(server, { roles: ['owner'] })
    await createPerson(server, { roles: ['owner'] })
    const { headers } = await signedIn(['admin'])
    const before = await rolesOf(owner.id)
    for (const [method, path, payload] of [
      ['PUT', '', { name: 'Fool' }],
      ['DELETE', '', undefined],
      ['POST', '/deactivate', undefined],
      ['POST', '/restore', undefined],
      ['DELETE', `/roles/${await roleId('owner')}`, undefined],
      ['POST', '/roles', { roleId: await roleId('owner'), expiresAt: new Date(Date.now() + 60_000).toISOString() }],
    ] as const) {
      const answer = await call(method, `/users/${owner.id}${path}`, headers, payload)
      expect([answer.statusCode, codeOf(answer)], `${method} ${path}`).toEqual([403, 'beyond-own-rights'])
    }
    expect(await rolesOf(owner.id)).toEqual(before)
    await signInOver(server, owner)
  })

  it('is not by bringing back an account that may do more', async () => {
    const owner = await createPerson(server, { roles: ['owner'] })
    await inTenant(database.worker, server.tenant.id, (tx) =>
      tx.updateTable('user_account').set({ deleted_at: new Date() }).where('id', '=', owner.id).execute(),
    )
    const { headers } = await signedIn(['admin'])
    expect(codeOf(await call('POST', `/users/${owner.id}/restore`, headers))).toBe('beyond-own-rights')
  })

  it('ends to the second with the role that gave the right', async () => {
    const { person, headers } = await signedIn([])
    const expiresAt = new Date(Date.now() + 1_500)
    await give(person.id, 'viewer', expiresAt)
    expect((await call('GET', '/leads', headers)).statusCode).toBe(200)
    let lastAdmittedMs = Date.now()
    await expect
      .poll(
        async () => {
          const askedMs = Date.now()
          const { statusCode } = await call('GET', '/leads', headers)
          if (statusCode === 200) lastAdmittedMs = askedMs
          return statusCode
        },
        { timeout: 10_000, interval: 20 },
      )
      .toBe(403)
    expect(lastAdmittedMs).toBeLessThanOrEqual(expiresAt.getTime())
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt.getTime())
    const admin = await signedIn(['admin'])
    const { items } = (await call('GET', `/users/${person.id}/roles`, admin.headers)).json()
    expect(items).toEqual([expect.objectContaining({ isInForce: false })])
  })
})

describe('another tenant (class 34)', () => {
  it('has roles that look as if they did not exist, on every route', async () => {
    const { headers, person } = await signedIn(['owner'])
    const other = await server.createTenant()
    const foreign = await roleId('viewer', other.id)
    const unknown = createId()
    for (const [method, url, payload] of [
      ['GET', '/roles/ID', undefined],
      ['PUT', '/roles/ID', { name: 'X' }],
      ['DELETE', '/roles/ID', undefined],
      ['POST', `/users/${person.id}/roles`, { roleId: 'ID' }],
      ['DELETE', `/users/${person.id}/roles/ID`, undefined],
      ['POST', '/invitations', { email: 'somebody@example.org', roleId: 'ID' }],
    ] as const) {
      const [ofForeign, ofUnknown] = await Promise.all(
        [foreign, unknown].map(async (id) => {
          const body = payload && JSON.parse(JSON.stringify(payload).replace('ID', id))
          const answer = await call(method, url.replace('ID', id), headers, body)
          const { date: _d, 'x-request-id': requestId, 'x-response-time': _t, ...rest } = answer.headers
          const text = answer.body.replaceAll(String(requestId), '').replace(/"timestamp":"[^"]+"/, '')
          return { status: answer.statusCode, headers: rest, text }
        }),
      )
      expect(ofForeign?.status, `${method} ${url}`).toBe(404)
      expect(ofForeign, `${method} ${url}`).toEqual(ofUnknown)
    }
  })
})
