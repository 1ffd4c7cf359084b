import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer } from '../support/http-client.ts'
import { type Person, type Platform, startPlatform } from './platform.ts'

/*
 * S4, the platform's audit, §6 "GDPR" and 7.5: exports that left the second factor and API keys out, and erasures that left
 * them behind.
 */

let platform: Platform
beforeAll(async () => {
  platform = await startPlatform()
  // A tenant keeps an owner, whoever is erased here.
  await platform.person({ roles: ['owner'] })
})
afterAll(() => platform?.close())

const call = (method: string, path: string, as: string, json?: object): Promise<Answer> =>
  platform.api(method, path, { as, ...(json !== undefined && { json }) })

/** Somebody with a second factor, an API key of their own and a name, who signed in from an address. */
async function somebody() {
  const person = await platform.person({ roles: ['admin'] })
  const factor = await platform.enrol(person)
  await call('PUT', '/users/me', factor.access, { name: `Zebulon ${person.id}` })
  const made = (await call('POST', '/api-keys', factor.access, { name: 'Site', scopes: ['leads:read'] })).json()
  return { person, factor, key: String(made['key']), apiKey: made['apiKey'] as { id: string; prefix: string } }
}

interface Section {
  readonly table: string
  readonly rows: readonly Record<string, unknown>[]
}

/** How many rows each table with the id of a person has of them. */
async function rowsOf({ id, tenant }: Person): Promise<Record<string, number>> {
  const tables = [
    'user_account',
    'password_credential',
    'session',
    'mfa_secret',
    'mfa_recovery_code',
    'role_assignment',
  ]
  const counts = tables.map(
    (table) =>
      `select '${table}' as name, count(*)::int as n from ${table} where ${table === 'user_account' ? 'id' : 'user_id'} = $1`,
  )
  const rows = await platform.sql<{ name: string; n: number }>(tenant, counts.join(' union all '), [id])
  return Object.fromEntries(rows.map(({ name, n }) => [name, n]))
}

describe('§6 "Data export: MFA et API keys non inclus", §7.5 "Compléter GDPR export"', () => {
  it('holds account, sessions, second factor and API keys, and no secret of them', async () => {
    const { person, factor, key, apiKey } = await somebody()
    const exported = await call('GET', '/gdpr/export', factor.access)
    const sections = exported.json()['sections'] as Section[]
    const rows = (table: string) => sections.find((section) => section.table === table)?.rows ?? []
    expect(rows('user_account')).toMatchObject([{ email: person.email, name: `Zebulon ${person.id}` }])
    expect(rows('session').length).toBeGreaterThan(0)
    expect(rows('mfa_secret')).toHaveLength(1)
    expect(rows('mfa_recovery_code')).toHaveLength(10)
    expect(rows('api_key')).toMatchObject([{ name: 'Site' }])
    const secrets = [key, factor.access, factor.refresh, person.password, ...factor.recoveryCodes, 'argon2']
    expect(secrets.filter((secret) => exported.text.includes(secret))).toEqual([])
    expect(key.startsWith(apiKey.prefix)).toBe(true)
  })

  it('of somebody else takes the permission for it', async () => {
    const { person } = await somebody()
    const admin = (await platform.signIn(await platform.person({ roles: ['admin'] }))).access
    const viewer = (await platform.signIn(await platform.person({ roles: ['viewer'] }))).access
    expect((await call('GET', `/gdpr/export/${person.id}`, admin)).text).toContain(person.email)
    const refused = await call('GET', `/gdpr/export/${person.id}`, viewer)
    expect(refused.json()).toMatchObject({ status: 403, code: 'permission-missing' })
  })
})

describe('§6 "Data deletion: MFA data non supprimée", §7.5 "Compléter GDPR delete"', () => {
  it('leaves no account, factor, recovery code, session or role, ends every credential, and gives a receipt', async () => {
    const { person, factor, key } = await somebody()
    expect(Object.values(await rowsOf(person)).every((count) => count > 0)).toBe(true)
    const erased = await call('DELETE', '/gdpr/delete', factor.access)
    expect(erased.json()).toMatchObject({ kind: 'erase', userId: person.id, auditKeyDestroyed: true })
    expect(Object.values(await rowsOf(person))).toEqual([0, 0, 0, 0, 0, 0])
    for (const credential of [factor.access, key]) expect((await call('GET', '/leads', credential)).status).toBe(401)
    const { email, password } = person
    const headers = { 'x-tenant-id': person.tenant.slug }
    expect((await platform.api('POST', '/auth/login', { json: { email, password }, headers })).status).toBe(401)
    const verified = await platform.api('POST', '/gdpr/receipts/verify', { json: erased.json(), headers })
    expect(verified.json()['isValid']).toBe(true)
  })

  it('leaves the audit log whole, without the person', async () => {
    const { person, factor } = await somebody()
    await call('DELETE', '/gdpr/delete', factor.access)
    const owner = (await platform.signIn(await platform.person({ roles: ['owner'] }))).access
    expect((await call('GET', '/audit/verify', owner)).json()).toMatchObject({ verdict: 'whole' })
    const log = (await call('GET', '/audit?pageSize=100', owner)).text
    expect([log.includes(person.email), log.includes(`Zebulon ${person.id}`)]).toEqual([false, false])
  })
})

describe('§6 "Anonymization", "Data inventory"', () => {
  it('an anonymised account stays as a row that names nobody and opens nothing', async () => {
    const { person, factor } = await somebody()
    const done = await call('POST', '/gdpr/anonymize', factor.access, {})
    expect(done.json()).toMatchObject({ kind: 'anonymise', userId: person.id })
    const rows = await platform.sql(
      person.tenant,
      'select to_jsonb(u)::text as row from user_account u where id = $1',
      [person.id],
    )
    expect(rows).toHaveLength(1)
    expect(JSON.stringify(rows)).not.toContain(person.email)
    expect(JSON.stringify(rows)).not.toContain('Zebulon')
    expect((await call('GET', '/auth/me', factor.access)).status).toBe(401)
  })

  it('the inventory leaves out no column of a table that it speaks of, and speaks of all that hold people', async () => {
    const { access } = await platform.signIn(await platform.person({ roles: ['admin'] }))
    const tables = (await call('GET', '/gdpr/inventory', access)).json()['tables'] as {
      table: string
      columns: { column: string }[]
    }[]
    const said = tables.flatMap(({ table, columns }) => columns.map(({ column }) => `${table}.${column}`))
    const stored = await platform.sql<{ name: string; of: string }>(
      platform.tenant,
      `select c.relname as of, c.relname || '.' || a.attname as name
       from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
       join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       where c.relkind in ('r', 'p')`,
    )
    const known = new Set(tables.map(({ table }) => table))
    const columns = stored.filter(({ of }) => known.has(of)).map(({ name }) => name)
    expect(columns.filter((name) => !said.includes(name))).toEqual([])
    // Each that points to an account is about a person.
    const pointing = new Set(stored.filter(({ name }) => name.endsWith('.user_id')).map(({ of }) => of))
    expect([...pointing].filter((table) => !known.has(table))).toEqual([])
  })
})
