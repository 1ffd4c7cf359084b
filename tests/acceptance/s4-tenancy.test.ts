import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createId } from '../../packages/server/src/core/ids.ts'
import { createPool, type Pool } from '../../packages/server/src/database/connect.ts'
import { type Person, type Platform, startPlatform } from './platform.ts'

/*
 * S4, the platform's audit, §4.2, 4.3, 5.1, 7.1 and 7.2: that no tenant reaches what is another's, and that the schema is one
 * schema. Then roles and API keys (§6), whose faults were faults of that schema.
 */

let platform: Platform
/** As the process that answers requests. */
let appPool: Pool
let owner: Person
let stranger: Person
/** Of the owner of one tenant, and of the owner of the other. */
let mine: string
let theirs: string
let foreign: Readonly<Record<'user' | 'role' | 'key' | 'session', string>>

beforeAll(async () => {
  platform = await startPlatform()
  const { server, person, makeTenant, signIn, api } = platform
  const settings = { connectTimeoutMs: 5_000, statementTimeoutMs: 30_000, idleTimeoutMs: 1_000, maxLifetimeMs: 60_000 }
  appPool = createPool(server.connection('rempart_app'), { ...settings, size: 1, name: 'test' }, () => {})
  owner = await person({ roles: ['owner'] })
  stranger = await person({ tenant: await makeTenant(), roles: ['owner'] })
  mine = (await signIn(owner)).access
  theirs = (await signIn(stranger)).access
  const made = async (path: string, json: object) => (await api('POST', path, { as: theirs, json })).json()
  const [session] = (await api('GET', '/sessions', { as: theirs })).json()['items'] as { id: string }[]
  const { apiKey } = await made('/api-keys', { name: 'Site', scopes: ['leads:read'] })
  foreign = {
    user: (await person({ tenant: stranger.tenant })).id,
    role: String((await made('/roles', { code: 'seller', name: 'Seller', permissions: ['leads:read'] }))['id']),
    key: (apiKey as { id: string }).id,
    session: session?.id ?? '',
  }
})
afterAll(async () => {
  await appPool?.end()
  await platform?.close()
})

/** Asks about an id of the other tenant and about one that nobody has. The two answers, without what names the call. */
async function asked(method: string, path: (id: string) => string, id: string, json?: object): Promise<unknown[]> {
  const answers = []
  for (const each of [id, createId()]) {
    const answer = await platform.api(method, path(each), { as: mine, ...(json !== undefined && { json }) })
    const { instance: _i, requestId: _r, timestamp: _t, ...body } = answer.json()
    answers.push({ status: answer.status, body, fields: Object.keys(answer.headers).toSorted() })
  }
  return answers
}

/** What is called, with which id of the other tenant, and with which body. */
type Attempt = readonly [method: string, path: (id: string) => string, kind: keyof typeof foreign, json?: object]

const user = (id: string): string => `/users/${id}`
const attempts: Readonly<Record<string, readonly Attempt[]>> = {
  'BaseRepository.get()': [
    ['GET', user, 'user'],
    ['GET', (id) => `/users/${id}/roles`, 'user'],
    ['GET', (id) => `/roles/${id}`, 'role'],
    ['GET', (id) => `/api-keys/${id}`, 'key'],
    ['GET', (id) => `/api-keys/${id}/usage`, 'key'],
    ['GET', (id) => `/sessions/${id}`, 'session'],
  ],
  'BaseRepository.update()': [
    ['PUT', user, 'user', { name: 'Mallory' }],
    ['PUT', (id) => `/roles/${id}`, 'role', { permissions: [] }],
    ['POST', (id) => `/users/${id}/verify`, 'user'],
    ['POST', (id) => `/users/${id}/activate`, 'user'],
    ['POST', (id) => `/users/${id}/deactivate`, 'user'],
    ['POST', (id) => `/api-keys/${id}/rotate`, 'key', {}],
  ],
  'BaseRepository.delete()': [
    ['DELETE', user, 'user'],
    ['DELETE', (id) => `/roles/${id}`, 'role'],
    ['DELETE', (id) => `/api-keys/${id}`, 'key'],
    ['DELETE', (id) => `/sessions/${id}`, 'session'],
  ],
  'MFASecretRepository.get_by_user_id()': [['POST', (id) => `/users/${id}/mfa/reset`, 'user']],
}

describe('§4.2 FAILLES CRITIQUES D’ISOLATION: what an owner asks about another tenant', () => {
  it.each(Object.entries(attempts))('%s: is answered as about an id that nobody has', async (_method, tried) => {
    for (const [method, path, kind, json] of tried) {
      const [known, unknown] = await asked(method, path, foreign[kind], json)
      expect(known, `${method} ${path(kind)}`).toMatchObject({ status: 404 })
      expect(known, `${method} ${path(kind)}`).toEqual(unknown)
    }
    // The same id, asked about by its own tenant: it is there, and as it was.
    for (const [path, expected] of [
      [user(foreign.user), { name: null, isActive: true }],
      [`/roles/${foreign.role}`, { permissions: ['leads:read'] }],
      [`/api-keys/${foreign.key}`, { revokedAt: null, graceUntil: null }],
      [`/sessions/${foreign.session}`, { current: true }],
    ] as const) {
      const answer = await platform.api('GET', path, { as: theirs })
      expect([answer.status, answer.json()]).toMatchObject([200, expected])
    }
  })

  it.each([
    '/users?pageSize=100',
    '/roles?pageSize=100',
    '/api-keys?pageSize=100',
    '/sessions?pageSize=100',
    '/audit?pageSize=100',
    '/invitations',
    '/oauth/accounts',
  ])('BaseRepository.get_all(): %s lists nothing of another tenant', async (path) => {
    const list = await platform.api('GET', path, { as: mine })
    expect(list.status).toBe(200)
    const secrets = [...Object.values(foreign), stranger.id, stranger.email, stranger.tenant.id, stranger.tenant.slug]
    expect(secrets.filter((each) => list.text.includes(each))).toEqual([])
  })

  it('UserRepository.get_active_users(): an address of another tenant is found neither by list nor by filter', async () => {
    for (const query of [`email=${stranger.email}`, 'status=active&pageSize=100', 'pageSize=100']) {
      const list = await platform.api('GET', `/users?${query}`, { as: mine })
      expect([list.status, list.text.includes(stranger.email)]).toEqual([200, false])
    }
  })

  it('SessionRepository.is_session_valid(): a session is nothing in another tenant, and the attempt is on record', async () => {
    const { tenant } = owner
    const answer = await platform.api('GET', '/auth/me', { as: mine, headers: { 'x-tenant-id': stranger.tenant.slug } })
    expect(answer.json()).toMatchObject({ status: 403, code: 'tenant-conflict' })
    await expect.poll(() => platform.audited(tenant, 'credential.tenant-conflict')).toHaveLength(1)
    const verified = await platform.api('POST', '/auth/verify-token', { as: mine, json: { token: theirs } })
    expect(verified.json()).toEqual({ active: false })
  })

  it('one address in two tenants is two accounts: the password of one opens nothing of the other', async () => {
    const login = ({ tenant }: Person, password: string) =>
      platform.api('POST', '/auth/login', {
        json: { email: owner.email, password },
        headers: { 'x-tenant-id': tenant.slug },
      })
    expect((await login(stranger, owner.password)).status).toBe(401)
    const headers = { 'x-tenant-id': stranger.tenant.slug }
    const json = { email: owner.email, password: 'seven purple candles' }
    await platform.api('POST', '/auth/register', { json, headers })
    const token = await platform.mailed(owner.email, /#token=(rmp_vrf_[\w-]{43})/)
    await platform.api('POST', '/auth/verify-email', { json: { token, password: json.password }, headers })
    expect((await login(stranger, json.password)).status).toBe(200)
    expect((await login(owner, json.password)).status).toBe(401)
    expect((await login(owner, owner.password)).status).toBe(200)
  })
})

interface Table {
  readonly name: string
  readonly forced: boolean
  readonly rule: string | null
}
const tables = (): Promise<Table[]> =>
  platform.sql<Table>(
    owner.tenant,
    `select c.relname as name, c.relrowsecurity and c.relforcerowsecurity as forced, p.qual as rule
     from pg_class c
     join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
     join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
     left join pg_policies p on p.schemaname = 'public' and p.tablename = c.relname and p.policyname = 'tenant_isolation'
     where c.relkind in ('r', 'p')`,
  )

describe('§4.2 "RLS PostgreSQL: politiques inconsistantes (3 variantes différentes)"', () => {
  it('every table of tenants has row security, forced, by one and the same rule', async () => {
    const all = await tables()
    expect(all.length).toBeGreaterThan(25)
    expect(all.filter(({ forced, rule }) => !forced || rule === null)).toEqual([])
    expect(new Set(all.map(({ rule }) => rule)).size).toBe(1)
  })

  it('the database itself shows the serving role nothing without a tenant, and of one tenant nothing of another', async () => {
    for (const { name } of await tables()) {
      const none = await appPool.query(`select count(*)::int as n from ${name}`).catch(({ code }) => ({ rows: [code] }))
      // 42501: the serving role may not read that table at all.
      expect([name, ['42501', { n: 0 }]]).toEqual([name, expect.arrayContaining(none.rows)])
    }
    const connection = await appPool.connect()
    try {
      await connection.query('begin')
      await connection.query("select set_config('rempart.tenant_id', $1, true)", [owner.tenant.id])
      const seen = await connection.query('select distinct tenant_id from user_account')
      expect(seen.rows).toEqual([{ tenant_id: owner.tenant.id }])
      const taken = await connection.query('update user_account set is_active = false where id = $1', [foreign.user])
      expect(taken.rowCount).toBe(0)
    } finally {
      await connection.query('rollback')
      connection.release()
    }
  })

  it('§6 "Permission check: superuser bypass": no role that the server connects as is above row security', async () => {
    const roles = await platform.sql<{ name: string; above: boolean }>(
      owner.tenant,
      `select r.rolname as name, r.rolsuper or r.rolbypassrls as above
       from pg_roles r where r.rolname in (select usename from pg_stat_activity where datname is not null)`,
    )
    expect(roles.map(({ name }) => name)).toEqual(expect.arrayContaining(['rempart_app', 'rempart_worker']))
    expect(roles.filter(({ above }) => above)).toEqual([])
  })
})

describe('§4.3 Migrations', () => {
  it('an empty database is migrated in one go, and the server says that it is up to date', async () => {
    const ready = await platform.visitors.next()('/api/v1/health/ready')
    expect(ready.json()).toMatchObject({ status: 'ready', checks: { migrations: 'ok' } })
  })

  it('"Double création trigger audit_log_immutable": there is one guard, and nobody gets past it', async () => {
    const guards = await platform.sql<{ tgname: string }>(
      owner.tenant,
      "select tgname from pg_trigger where tgrelid = 'audit_event'::regclass and not tgisinternal and tgname like '%append_only'",
    )
    expect(guards).toHaveLength(1)
    for (const statement of ["update audit_event set outcome = 'done'", 'delete from audit_event']) {
      await expect(platform.sql(owner.tenant, statement)).rejects.toThrow()
    }
    const verdict = (await platform.api('GET', '/audit/verify', { as: mine })).json()
    expect(verdict).toMatchObject({ verdict: 'whole' })
  })
})
