import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer } from '../support/http-client.ts'
import { type Person, type Platform, startPlatform } from './platform.ts'

/*
 * S4, the platform's audit, §6: the matrix of functions for users, roles and API keys. The columns that a migration had
 * dropped there are exercised here by what they are for.
 */

let platform: Platform
let owner: Person
let session: string
beforeAll(async () => {
  platform = await startPlatform()
  owner = await platform.person({ roles: ['owner'] })
  session = (await platform.signIn(owner)).access
})
afterAll(() => platform?.close())

const call = (method: string, path: string, json?: object, as = session): Promise<Answer> =>
  platform.api(method, path, { as, ...(json !== undefined && { json }) })

interface MadeKey {
  readonly key: string
  readonly apiKey: { readonly id: string; readonly prefix: string }
}
const makeKey = async (scopes: readonly string[], more: object = {}): Promise<MadeKey> =>
  (await call('POST', '/api-keys', { name: 'Site', scopes, ...more })).json() as unknown as MadeKey

describe('§6 API Keys', () => {
  it('"Scopes: colonne supprimée": a key does what its scopes say, and nothing else', async () => {
    const { key, apiKey } = await makeKey(['resources:read', 'resources:write'])
    expect((await call('GET', `/api-keys/${apiKey.id}`)).json()).toMatchObject({
      scopes: ['resources:read', 'resources:write'],
    })
    expect((await call('POST', '/resources', { title: 'A mill' }, key)).status).toBe(201)
    expect((await call('GET', '/leads', undefined, key)).json()).toMatchObject({ status: 403, code: 'scope-missing' })
  })

  it('"Usage tracking: table supprimée": what a key was used for is counted', async () => {
    const { key, apiKey } = await makeKey(['leads:read'])
    for (let index = 0; index < 3; index += 1) expect((await call('GET', '/leads', undefined, key)).status).toBe(200)
    const usage = async (): Promise<unknown> => (await call('GET', `/api-keys/${apiKey.id}/usage`)).json()['items']
    await expect
      .poll(usage, { timeout: 20_000, interval: 200 })
      .toEqual([expect.objectContaining({ endpoint: 'leads', status: '2xx', count: 3 })])
    expect((await call('GET', `/api-keys/${apiKey.id}`)).json()['lastUsedAt']).toEqual(expect.any(String))
  })

  it('"Create: hash + prefix": the whole key is shown once and kept nowhere', async () => {
    const { key, apiKey } = await makeKey(['leads:read'])
    expect(key).toMatch(/^rmp_live_/)
    expect(key.startsWith(apiKey.prefix)).toBe(true)
    for (const path of ['/api-keys', `/api-keys/${apiKey.id}`, '/audit?pageSize=100']) {
      expect((await call('GET', path)).text).not.toContain(key)
    }
    const kept = await platform.sql(owner.tenant, 'select to_jsonb(k)::text as row from api_key k')
    expect(JSON.stringify(kept)).not.toContain(key.slice(apiKey.prefix.length + 1))
  })

  it('"Revoke": from then on it opens nothing', async () => {
    const { key, apiKey } = await makeKey(['leads:read'])
    expect((await call('DELETE', `/api-keys/${apiKey.id}`)).status).toBe(204)
    expect((await call('GET', '/leads', undefined, key)).json()).toMatchObject({ status: 401 })
    expect((await call('GET', `/api-keys/${apiKey.id}`)).json()['revokedAt']).toEqual(expect.any(String))
  })

  it('a key reaches no account, no other key and no audit log, whatever it was given', async () => {
    const { key } = await makeKey(['leads:read'])
    for (const path of ['/users', '/api-keys', '/audit', '/sessions', '/auth/me']) {
      expect([path, (await call('GET', path, undefined, key)).json()['code']]).toEqual([path, 'session-required'])
    }
    const wanting = await call('POST', '/api-keys', { name: 'More', scopes: ['users:read'] })
    expect(wanting.status).toBe(422)
  })

  it('§7.5 "Valider format IPv4/IPv6": a network that is none is refused, and one that is holds', async () => {
    const refused = await call('POST', '/api-keys', {
      name: 'Site',
      scopes: ['leads:read'],
      networks: ['300.1.2.3/24'],
    })
    expect(refused.json()).toMatchObject({ status: 422, errors: [expect.anything()] })
    const { key } = await makeKey(['leads:read'], { networks: ['203.0.113.0/24', '2001:db8::/48'] })
    for (const [address, status] of [
      ['203.0.113.9', 200],
      ['2001:db8::9', 200],
      ['198.51.100.9', 401],
    ] as const) {
      const answer = await platform.api('GET', '/leads', { as: key, from: platform.visitors.at(address) })
      expect([address, answer.status]).toEqual([address, status])
    }
  })
})

describe('§6 RBAC', () => {
  const roleId = async (code: string): Promise<string> => {
    const roles = (await call('GET', '/roles?pageSize=100')).json()['items'] as { id: string; code: string }[]
    return roles.find((role) => role.code === code)?.id ?? ''
  }

  it('"Permission check": a route opens to who holds its permission and to nobody else', async () => {
    const viewer = (await platform.signIn(await platform.person({ roles: ['viewer'] }))).access
    const nobody = (await platform.signIn(await platform.person())).access
    expect((await call('GET', '/leads', undefined, viewer)).status).toBe(200)
    for (const [path, as] of [
      ['/users', viewer],
      ['/leads', nobody],
    ] as const) {
      expect((await call('GET', path, undefined, as)).json()).toMatchObject({ status: 403, code: 'permission-missing' })
    }
  })

  it('"Role assignment, avec expiration": a role gives nothing from its end on, in a session that goes on', async () => {
    const member = await platform.person()
    const { access } = await platform.signIn(member)
    const expiresAt = new Date(Date.now() + 3_000).toISOString()
    const grant = { roleId: await roleId('viewer'), expiresAt }
    const granted = await call('POST', `/users/${member.id}/roles`, grant)
    expect(granted.json()).toMatchObject({ expiresAt, isInForce: true })
    expect((await call('GET', '/leads', undefined, access)).status).toBe(200)
    await expect
      .poll(async () => (await call('GET', '/leads', undefined, access)).status, { timeout: 10_000, interval: 100 })
      .toBe(403)
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expiresAt))
    expect((await call('GET', '/auth/me', undefined, access)).json()).toMatchObject({ roles: [], permissions: [] })
  })

  it('"Roles: tenant + global": every tenant has the built-in ones and makes its own', async () => {
    const codes = ((await call('GET', '/roles?pageSize=100')).json()['items'] as { code: string }[]).map(
      ({ code }) => code,
    )
    expect(codes).toEqual(expect.arrayContaining(['owner', 'admin', 'editor', 'viewer']))
    const made = await call('POST', '/roles', { code: 'reader', name: 'Reader', permissions: ['leads:read'] })
    expect(made.status).toBe(201)
    const builtIn = await call('PUT', `/roles/${await roleId('viewer')}`, { permissions: ['users:write'] })
    expect(builtIn.json()['code']).toBe('role-builtin')
  })

  it('nobody gives more than they hold', async () => {
    const admin = (await platform.signIn(await platform.person({ roles: ['admin'] }))).access
    const member = await platform.person()
    const granted = await call('POST', `/users/${member.id}/roles`, { roleId: await roleId('owner') }, admin)
    expect(granted.json()).toMatchObject({ status: 403, code: 'beyond-own-rights' })
  })
})

describe('§6 Users', () => {
  it('switching an account off ends its sessions at once, and switching it on brings none back', async () => {
    const member = await platform.person()
    const { access, refresh } = await platform.signIn(member)
    expect((await call('POST', `/users/${member.id}/deactivate`)).json()).toMatchObject({ isActive: false })
    expect((await call('GET', '/auth/me', undefined, access)).status).toBe(401)
    expect((await call('POST', `/users/${member.id}/activate`)).json()).toMatchObject({ isActive: true })
    expect((await call('GET', '/auth/me', undefined, access)).status).toBe(401)
    const headers = { 'x-tenant-id': member.tenant.slug }
    const renewed = await platform.api('POST', '/auth/refresh', { json: { refresh_token: refresh }, headers })
    expect(renewed.status).toBe(401)
    await platform.signIn(member)
  })

  it('a profile takes nothing that is not its person’s to say', async () => {
    const member = await platform.person()
    const { access } = await platform.signIn(member)
    for (const extra of [
      { email: 'other@example.org' },
      { isVerified: true },
      { mfaRequired: false },
      { roles: ['owner'] },
    ]) {
      expect((await call('PUT', '/users/me', { name: 'Ada', ...extra }, access)).status).toBe(422)
    }
  })
})
