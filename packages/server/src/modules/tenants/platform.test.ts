import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver, type TestPerson } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { asTenant } from '../../testing/tenant-rows.ts'
import { createTenant } from './service.ts'

// Two servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 })

let database: TestDatabase
let server: TestServer
/** Another process on the same database. */
let second: TestServer
let platform: string
let owner: Caller
let operator: Caller
beforeAll(async () => {
  database = await createTestDatabase()
  const policyFile = { version: 1, policies: { general: { rules: { burst: 'off' } } } }
  server = await startTestServer(database, { policyFile })
  second = await startTestServer(database, { policyFile })
  platform = await createTenant(database.worker, { slug: 'platform', name: 'Platform', isPlatform: true })
  owner = await caller(platform, ['owner'])
  operator = await caller(platform, ['viewer'])
})
afterAll(async () => {
  await Promise.all([server.close(), second.close()])
  await database.close()
})

interface Caller extends TestPerson {
  readonly token: string
  readonly tenantId: string
}

async function caller(tenantId: string, roles: readonly string[]): Promise<Caller> {
  const person = await createPerson(server, { tenantId, roles })
  const { accessToken: token } = await signInOver(server, person, { headers: { 'x-tenant-id': tenantId } })
  return { ...person, token, tenantId }
}

interface CallOptions {
  /** Whom the request names; the caller's own tenant when absent. */
  readonly tenant?: string
  readonly payload?: object
  readonly at?: TestServer
}

async function call(by: Caller, method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, options: CallOptions = {}) {
  const { tenant = by.tenantId, payload, at = server } = options
  const answer = await at.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: { 'x-tenant-id': tenant, ...bearer(by.token) },
    remoteAddress: nextAddress(),
    ...(payload && { payload }),
  })
  return { status: answer.statusCode, body: answer.body === '' ? undefined : answer.json() }
}

const newTenant = async (): Promise<string> => (await server.createTenant()).id

const grant = (tenant: string, over: object = {}, by: Caller = owner) =>
  call(by, 'POST', `/tenants/${tenant}/grants`, {
    payload: { operatorId: operator.id, permissions: ['leads:read'], reason: 'Ticket 4711', minutes: 60, ...over },
  })

const actionsOf = async (tenantId: string) =>
  asTenant(
    { database, tenant: { id: tenantId, slug: '' } },
    "select actor_kind, actor_id, action, outcome, changes::jsonb ->> 'operation' as operation from audit_event order by seq",
  )

describe('tenants, for people of the platform', () => {
  it('are made with a link for their first owner, listed, changed, and read', async () => {
    const made = await call(owner, 'POST', '/tenants', {
      payload: { slug: 'made-here', name: 'Made', timeZone: 'Europe/Paris' },
    })
    expect(made).toMatchObject({
      status: 201,
      body: {
        tenant: { slug: 'made-here', isActive: true, isPlatform: false },
        ownerLink: expect.stringContaining('token=rmp_inv_'),
      },
    })
    const { id } = made.body.tenant
    const again = await call(owner, 'POST', '/tenants', { payload: { slug: 'made-here', name: 'Again' } })
    expect(again.body.code).toBe('tenant-slug-taken')
    expect((await call(owner, 'PATCH', `/tenants/${id}`, { payload: { name: 'Other' } })).body.name).toBe('Other')
    expect((await call(owner, 'GET', `/tenants/${id}`)).body).toMatchObject({ name: 'Other', timeZone: 'Europe/Paris' })
    const list = await call(owner, 'GET', '/tenants?pageSize=100')
    expect(list.body.items.map((each: { slug: string }) => each.slug)).toEqual(
      expect.arrayContaining(['made-here', 'platform']),
    )
    expect(list.body.total).toBe(list.body.items.length)
    expect((await call(owner, 'GET', '/tenants?page=99')).body).toMatchObject({ items: [], total: list.body.total })
    expect((await actionsOf(id)).map(({ action }) => action)).toEqual(['tenant.created', 'tenant.changed'])
  })

  it('are nobody else’s to see: an owner of another tenant gets what anybody gets who lacks the permission', async () => {
    const [tenant, other] = [await newTenant(), await newTenant()]
    const stranger = await caller(tenant, ['owner'])
    for (const [method, path] of [
      ['GET', '/tenants'],
      ['GET', `/tenants/${other}`],
      ['GET', `/tenants/${tenant}`],
      ['POST', '/tenants'],
      ['PATCH', `/tenants/${other}`],
      ['POST', `/tenants/${other}/suspend`],
      ['POST', `/tenants/${other}/reactivate`],
      ['GET', `/tenants/${other}/grants`],
      ['POST', `/tenants/${tenant}/grants`],
    ] as const) {
      const { status, body } = await call(stranger, method, path)
      expect([method, path, status, body.code]).toEqual([method, path, 403, 'permission-missing'])
    }
    const payload = { code: 'keeper', name: 'Keeper', permissions: ['tenants:read'] }
    expect((await call(stranger, 'POST', '/roles', { payload })).status).toBe(422)
    // Nor is it a matter of the header.
    expect((await call(stranger, 'GET', '/tenants', { tenant: platform })).body.code).toBe('tenant-conflict')
    expect((await call(operator, 'GET', '/tenants')).body.code).toBe('permission-missing')
  })

  it('is one platform at most, and the API makes none', async () => {
    const second = createTenant(database.worker, { slug: 'platform-2', name: 'x', isPlatform: true })
    await expect(second).rejects.toThrow('there is a platform already')
    await expect(
      database.app.query("insert into tenant (id, slug, name, is_platform) values (gen_random_uuid(), 'x', 'x', true)"),
    ).rejects.toMatchObject({ code: '42501' })
  })

  it('answer nothing while they are suspended, in every process at once, and as before afterwards', async () => {
    const tenant = await newTenant()
    const person = await caller(tenant, ['owner'])
    const key = await server.apiKey(['leads:read'], tenant)
    const publicly = async (at: TestServer) =>
      (
        await at.app.inject({
          url: '/api/v1/resources',
          headers: { 'x-tenant-id': tenant },
          remoteAddress: nextAddress(),
        })
      ).json().code
    const byKey = async (at: TestServer) =>
      (
        await at.app.inject({ url: '/api/v1/leads', headers: { 'x-api-key': key }, remoteAddress: nextAddress() })
      ).json().code
    expect([await publicly(server), await byKey(second)]).toEqual([undefined, undefined])
    expect((await call(owner, 'POST', `/tenants/${tenant}/suspend`)).body.isActive).toBe(false)
    expect(await publicly(server)).toBe('tenant-not-found')
    for (const at of [server, second]) {
      expect((await call(person, 'GET', '/leads', { at })).body.code).toBe('tenant-suspended')
      expect(await byKey(at)).toBe('tenant-suspended')
    }
    expect((await call(owner, 'POST', `/tenants/${tenant}/reactivate`)).body.isActive).toBe(true)
    expect((await call(person, 'GET', '/leads', { at: second })).status).toBe(200)
    expect((await call(owner, 'POST', `/tenants/${platform}/suspend`)).body.code).toBe('tenant-is-platform')
  })
})

describe('a grant of the platform', () => {
  it('lets its person do in that tenant what it says, and nothing else; both logs hold every request', async () => {
    const [tenant, other] = [await newTenant(), await newTenant()]
    expect((await grant(tenant)).status).toBe(201)
    expect((await call(operator, 'GET', '/leads', { tenant })).status).toBe(200)
    // Their own tenant gives them contact:read, and this grant does not.
    expect((await call(operator, 'GET', '/contact/messages', { tenant })).body.code).toBe('permission-missing')
    expect((await call(operator, 'GET', '/sessions', { tenant })).body.code).toBe('tenant-conflict')
    // A grant for one tenant is none for another.
    expect((await call(operator, 'GET', '/leads', { tenant: other })).body.code).toBe('tenant-conflict')
    expect(await actionsOf(other)).toEqual([])
    const acted = { actor_kind: 'operator', actor_id: operator.id, action: 'operator.acted' }
    expect((await actionsOf(tenant)).filter(({ action }) => action === 'operator.acted')).toEqual([
      { ...acted, outcome: 'done', operation: 'GET /api/v1/leads' },
      { ...acted, outcome: 'refused', operation: 'GET /api/v1/contact/messages' },
    ])
    const own = (await actionsOf(platform)).filter(({ actor_id }) => actor_id === operator.id)
    expect(own.map(({ action, outcome }) => [action, outcome])).toEqual(
      expect.arrayContaining([
        ['operator.acted', 'done'],
        ['operator.acted', 'refused'],
        ['credential.tenant-conflict', 'refused'],
      ]),
    )
  })

  it('sees the rows of that tenant alone', async () => {
    const [tenant, other] = [await newTenant(), await newTenant()]
    for (const id of [tenant, other]) {
      await asTenant(
        { database, tenant: { id, slug: '' } },
        "insert into contact_message (tenant_id, id, name, email, message, locale) values ($1, gen_random_uuid(), $2, 'a@example.org', 'x', 'en')",
        [id, id],
      )
    }
    await grant(tenant, { permissions: ['contact:read'] })
    const { body } = await call(operator, 'GET', '/contact/messages', { tenant })
    expect(body.items.map((each: { name: string }) => each.name)).toEqual([tenant])
  })

  it('is what a stranger lacks: without one, a person of the platform is refused as anybody is', async () => {
    const [tenant, home] = [await newTenant(), await newTenant()]
    const stranger = await caller(home, ['owner'])
    const strip = ({ status, body }: { status: number; body: Record<string, unknown> }) => {
      const { requestId: _r, timestamp: _t, instance: _i, ...rest } = body
      return { status, ...rest }
    }
    for (const named of [tenant, 'no-such-tenant']) {
      expect(strip(await call(owner, 'GET', '/leads', { tenant: named }))).toEqual(
        strip(await call(stranger, 'GET', '/leads', { tenant: named })),
      )
    }
    expect((await call(owner, 'GET', '/leads', { tenant })).body.code).toBe('tenant-conflict')
  })

  it('ends by itself, to the second, and at once when it is taken away, in every process', async () => {
    const tenant = await newTenant()
    const { body: made } = await grant(tenant, { minutes: 1 })
    expect(Date.parse(made.expiresAt) - Date.parse(made.createdAt)).toBe(60_000)
    expect((await call(operator, 'GET', '/leads', { tenant, at: second })).status).toBe(200)
    // Nobody may change the end of a grant: one is stored that ends in so many seconds.
    const shift = (seconds: number) =>
      asTenant(
        { database, tenant: { id: tenant, slug: '' } },
        `insert into operator_grant (tenant_id, id, operator_tenant_id, operator_id, permissions, reason, granted_by, created_at, expires_at)
         values ($1, gen_random_uuid(), $2, $3, '{gates:read}', 'x', 'operator:cli', now() - interval '1 hour', now() + $4 * interval '1 second')`,
        [tenant, platform, operator.id, seconds],
      )
    await shift(0)
    expect((await call(operator, 'GET', '/gates', { tenant })).body.code).toBe('permission-missing')
    await shift(30)
    expect((await call(operator, 'GET', '/gates', { tenant })).status).toBe(200)
    expect((await call(owner, 'DELETE', `/tenants/${tenant}/grants/${made.id}`)).status).toBe(204)
    for (const at of [server, second])
      expect((await call(operator, 'GET', '/leads', { tenant, at })).body.code).toBe('permission-missing')
    expect((await call(owner, 'DELETE', `/tenants/${tenant}/grants/${made.id}`)).body.code).toBe(
      'operator-grant-not-found',
    )
  })

  it('says when it ends, why, and for whom: nothing lasts, and nobody is let in who is not of the platform', async () => {
    const tenant = await newTenant()
    for (const over of [
      { minutes: 0 },
      { minutes: 481 },
      { minutes: undefined },
      { reason: '' },
      { permissions: [] },
      { permissions: ['*'] },
      { permissions: ['tenants:write'] },
    ]) {
      expect([over, (await grant(tenant, over)).status]).toEqual([over, 422])
    }
    const guest = await createPerson(server, { tenantId: tenant })
    expect((await grant(tenant, { operatorId: guest.id })).body.code).toBe('operator-not-found')
    expect((await grant(platform)).body.code).toBe('tenant-is-platform')
  })

  it('gives nobody more than who gives it holds, to themselves neither (class 38)', async () => {
    const tenant = await newTenant()
    const role = await call(owner, 'POST', '/roles', {
      payload: {
        code: `keeper-${tenant.slice(-8)}`,
        name: 'Keeper',
        permissions: ['tenants:read', 'tenants:write', 'leads:read'],
      },
    })
    expect(role.status).toBe(201)
    const keeper = await caller(platform, [role.body.code])
    const own = { operatorId: keeper.id }
    expect((await grant(tenant, { ...own, permissions: ['contact:read'] }, keeper)).body.code).toBe('beyond-own-rights')
    expect((await grant(tenant, own, keeper)).status).toBe(201)
    // What was granted lets in, and gives nothing on: users:write would.
    await grant(tenant, { ...own, permissions: ['roles:write', 'users:write'] })
    const made = await call(keeper, 'POST', '/roles', {
      tenant,
      payload: { code: 'mine', name: 'Mine', permissions: ['audit:read'] },
    })
    expect(made.body.code).toBe('beyond-own-rights')
  })

  it('is worth nothing once its person has left the platform', async () => {
    const tenant = await newTenant()
    const leaver = await caller(platform, ['viewer'])
    await grant(tenant, { operatorId: leaver.id })
    expect((await call(leaver, 'GET', '/leads', { tenant })).status).toBe(200)
    await asTenant(
      { database, tenant: { id: platform, slug: '' } },
      'update user_account set is_active = false where id = $1',
      [leaver.id],
    )
    expect((await call(leaver, 'GET', '/leads', { tenant })).status).toBe(401)
  })
})
