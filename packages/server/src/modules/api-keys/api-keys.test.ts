import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { isScope, type Scope, scopes } from '../../core/access/access.ts'
import { createId } from '../../core/ids.ts'
import { inTenant } from '../../database/tenant.ts'
import { describedOperations } from '../../isolation/described-operations.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver, type TestPerson } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { asTenant } from '../../testing/tenant-rows.ts'

let database: TestDatabase
let server: TestServer
let second: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  // The many calls of this file share few addresses where the address is what is tested.
  const options = { policyFile: { version: 1, policies: { general: { rules: { burst: 'off' } } } } }
  server = await startTestServer(database, options)
  second = await startTestServer(database, options)
})
afterAll(async () => {
  await second.close()
  await server.close()
  await database.close()
})

type Headers = Readonly<Record<string, string>>
type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

interface CallOptions {
  readonly on?: TestServer
  readonly address?: string
}

const call = (method: Method, url: string, headers: Headers, payload?: object, options: CallOptions = {}) =>
  (options.on ?? server).app.inject({
    method,
    url: `/api/v1${url}`,
    headers: { ...headers },
    remoteAddress: options.address ?? nextAddress(),
    ...(payload && { payload }),
  })

async function signedIn(roles: readonly string[], tenantId?: string) {
  const person = await createPerson(server, { roles, ...(tenantId !== undefined && { tenantId }) })
  const headers = tenantId === undefined ? {} : { 'x-tenant-id': tenantId }
  return { person, headers: bearer((await signInOver(server, person, { headers })).accessToken) }
}

async function made(headers: Headers, input: object = {}): Promise<{ id: string; key: string }> {
  const answer = await call('POST', '/api-keys', headers, { name: 'robot', scopes: ['contact:read'], ...input })
  if (answer.statusCode !== 201) throw new Error(`${answer.statusCode}: ${answer.body}`)
  const { apiKey, key } = answer.json()
  return { id: apiKey.id, key }
}

const use = (key: string, options: CallOptions = {}) =>
  call('GET', '/contact/messages', { 'x-api-key': key }, undefined, options)

const inDatabase = (text: string, values: unknown[], tenantId = server.tenant.id) =>
  asTenant({ database, tenant: { id: tenantId, slug: '' } }, text, values)

/** Gives somebody exactly these permissions by a role of their own. */
async function grant(person: TestPerson, permissions: readonly string[]): Promise<string> {
  const [roleId, assignmentId] = [createId(), createId()]
  await inTenant(database.worker, server.tenant.id, async (tx) => {
    const key = { tenant_id: server.tenant.id }
    await tx
      .insertInto('role')
      .values({ ...key, id: roleId, code: `r-${roleId}`, name: 'Test', permissions: [...permissions] })
      .execute()
    await tx
      .insertInto('role_assignment')
      .values({ ...key, id: assignmentId, user_id: person.id, role_id: roleId, granted_by: 'operator:cli' })
      .execute()
  })
  return assignmentId
}

function essence(answer: { statusCode: number; body: string; headers: Record<string, unknown> }, id: string) {
  const { date: _d, 'x-request-id': requestId, 'x-response-time': _t, ...headers } = answer.headers
  const body = answer.body
    .replaceAll(String(requestId), '<request>')
    .replaceAll(id, '<id>')
    .replace(/"timestamp":"[^"]+"/, '"timestamp":"<now>"')
  return { status: answer.statusCode, headers, body }
}

describe('a key of a person', () => {
  it('is shown once, works, and is kept without its secret', async () => {
    const { headers, person } = await signedIn(['admin'])
    const answer = await call('POST', '/api-keys', headers, { name: ' robot ', scopes: ['contact:read'] })
    expect(answer.statusCode).toBe(201)
    expect(answer.headers['cache-control']).toBe('no-store')
    const { apiKey, key } = answer.json()
    expect(apiKey).toMatchObject({ name: 'robot', scopes: ['contact:read'], createdBy: person.id, networks: [] })
    expect(Date.parse(apiKey.expiresAt) - server.clock.nowMs).toBeCloseTo(90 * 86_400_000, -5)
    expect((await use(key)).statusCode).toBe(200)
    const secret = String(key).split('_')[3] ?? ''
    const shown = await Promise.all(['', `/${apiKey.id}`].map((path) => call('GET', `/api-keys${path}`, headers)))
    for (const { statusCode, body } of shown) {
      expect(statusCode).toBe(200)
      expect(body).toContain(apiKey.id)
      expect(body).not.toContain(secret)
    }
    expect(server.logLines.join('')).not.toContain(secret)
  })

  it('ends by itself after a year at most, and never says never', async () => {
    const { headers } = await signedIn(['admin'])
    for (const expiresInDays of [0, 366, null, 1.5, -1, '30']) {
      const answer = await call('POST', '/api-keys', headers, { name: 'x', scopes: ['contact:read'], expiresInDays })
      expect([expiresInDays, answer.statusCode]).toEqual([expiresInDays, 422])
    }
    expect(
      (await call('POST', '/api-keys', headers, { name: 'x', scopes: ['contact:read'], expiresAt: null })).statusCode,
    ).toBe(422)
    const { id, key } = await made(headers, { expiresInDays: 365 })
    await inDatabase("update api_key set expires_at = now() - interval '1 ms' where id = $1", [id])
    expect((await use(key)).statusCode).toBe(401)
  })

  it('ends at once in every process when it is revoked, and revoking twice changes nothing', async () => {
    const { headers } = await signedIn(['admin'])
    const { id, key } = await made(headers)
    expect((await call('DELETE', `/api-keys/${id}`, headers)).statusCode).toBe(204)
    for (const on of [server, second]) expect((await use(key, { on })).statusCode).toBe(401)
    const { revokedAt } = (await call('GET', `/api-keys/${id}`, headers)).json()
    expect((await call('DELETE', `/api-keys/${id}`, headers)).statusCode).toBe(204)
    expect((await call('GET', `/api-keys/${id}`, headers)).json().revokedAt).toBe(revokedAt)
  })

  it('is made and rotated with a fresh proof only', async () => {
    const { headers } = await signedIn(['admin'])
    const { id } = await made(headers)
    server.clock.nowMs += 601_000
    try {
      for (const [url, payload] of [
        ['/api-keys', { name: 'x', scopes: ['contact:read'] }],
        [`/api-keys/${id}/rotate`, {}],
      ] as const) {
        const answer = await call('POST', url, headers, payload)
        expect([url, answer.statusCode, answer.json().code]).toEqual([url, 401, 'step-up-required'])
      }
    } finally {
      server.clock.nowMs -= 601_000
    }
  })

  it('is told to its maker by mail, when it is made and when it is replaced', async () => {
    const { person, headers } = await signedIn(['admin'])
    const mails = () => inDatabase('select template, is_dropped from mail_outbox where user_id = $1', [person.id])
    const { id } = await made(headers)
    expect(await mails()).toEqual([{ template: 'access-changed', is_dropped: false }])
    expect((await call('POST', `/api-keys/${id}/rotate`, headers, {})).statusCode).toBe(201)
    expect(await mails()).toHaveLength(2)
    await call('DELETE', `/api-keys/${id}`, headers)
    expect(await mails()).toHaveLength(2)
  })

  it('is in the audit log, without its secret', async () => {
    const { headers } = await signedIn(['admin'])
    const { id, key } = await made(headers)
    await call('DELETE', `/api-keys/${id}`, headers)
    const rows = await inDatabase('select action, changes::text from audit_event where resource_id = $1 order by seq', [
      id,
    ])
    expect(rows.map(({ action }) => action)).toEqual(['api-key.created', 'api-key.revoked'])
    expect(JSON.stringify(rows)).not.toContain(String(key).split('_')[3])
  })
})

describe('nobody mints a key for more than they are (class 37)', () => {
  it('no session, whoever the body names: 401', async () => {
    const victim = await createPerson(server, { roles: ['owner'] })
    const before = await inDatabase('select count(*) from api_key', [])
    for (const extra of [
      {},
      { user_id: victim.id },
      { userId: victim.id, tenant_id: server.tenant.id },
      { created_by: victim.id, tenantId: server.tenant.id },
    ]) {
      const answer = await call('POST', '/api-keys', {}, { name: 'x', scopes: ['contact:read'], ...extra })
      expect([extra, answer.statusCode]).toEqual([extra, 401])
    }
    expect(await inDatabase('select count(*) from api_key', [])).toEqual(before)
  })

  it('a session cannot make one in the name of another person or tenant', async () => {
    const { headers } = await signedIn(['admin'])
    const victim = await createPerson(server, { roles: ['owner'] })
    const other = await server.createTenant()
    for (const extra of [
      { user_id: victim.id },
      { createdBy: victim.id },
      { created_by: victim.id },
      { tenant_id: other.id },
      { tenantId: other.id },
      { secret_hash: 'x' },
      { expires_at: null },
    ]) {
      const answer = await call('POST', '/api-keys', headers, { name: 'x', scopes: ['contact:read'], ...extra })
      expect([extra, answer.statusCode]).toEqual([extra, 422])
    }
  })

  it('scopes are some of the maker’s permissions when it is made, and no permission of people', async () => {
    const { headers, person } = await signedIn([])
    await grant(person, ['api-keys:write', 'contact:read'])
    const refused = await call('POST', '/api-keys', headers, { name: 'x', scopes: ['contact:read', 'leads:read'] })
    expect([refused.statusCode, refused.json().code]).toEqual([403, 'permission-missing'])
    for (const scope of ['users:write', 'api-keys:write', 'audit:read', '*', 'contact']) {
      expect((await call('POST', '/api-keys', headers, { name: 'x', scopes: [scope] })).statusCode).toBe(422)
    }
    await made(headers)
  })

  it('what the maker loses later, the key loses with the next call', async () => {
    const { headers, person } = await signedIn([])
    await grant(person, ['api-keys:write'])
    const assignment = await grant(person, ['contact:read', 'leads:read'])
    const { key } = await made(headers, { scopes: ['contact:read', 'leads:read'] })
    expect((await use(key)).statusCode).toBe(200)
    await inDatabase("update role_assignment set expires_at = now() - interval '1 ms' where id = $1", [assignment])
    for (const on of [server, second]) {
      const answer = await use(key, { on })
      expect([answer.statusCode, answer.json().code]).toEqual([403, 'scope-missing'])
    }
    await grant(person, ['leads:read'])
    expect((await use(key)).statusCode).toBe(403)
    expect((await call('GET', '/leads', { 'x-api-key': key })).statusCode).toBe(200)
    await grant(person, ['*'])
    expect((await use(key)).statusCode).toBe(200)
  })

  it('gains nothing that it was not given, whatever its maker gains', async () => {
    const { headers } = await signedIn(['owner'])
    const { key } = await made(headers)
    expect((await call('GET', '/leads', { 'x-api-key': key })).statusCode).toBe(403)
  })

  it('rotating a key of somebody who may more does not hand its secret over', async () => {
    const owner = await signedIn(['owner'])
    const strong = await made(owner.headers, { scopes: ['leads:read', 'contact:read'] })
    const { headers, person } = await signedIn([])
    await grant(person, ['api-keys:read', 'api-keys:write', 'contact:read'])
    const answer = await call('POST', `/api-keys/${strong.id}/rotate`, headers, {})
    expect([answer.statusCode, answer.json().code]).toEqual([403, 'permission-missing'])
    expect((await use(strong.key)).statusCode).toBe(200)
    expect((await call('GET', `/api-keys/${strong.id}`, headers)).json().graceUntil).toBeNull()
  })

  it('a key of the command line has no maker and keeps its scopes', async () => {
    expect((await use(await server.apiKey(['contact:read']))).statusCode).toBe(200)
  })
})

it.each([
  ['deactivated', 'update user_account set is_active = false where id = $1'],
  ['deleted', 'update user_account set deleted_at = now() where id = $1'],
  ['erased', 'update user_account set erased_at = now() where id = $1'],
])('the keys of somebody who was %s are dead at once (class 6)', async (_how, statement) => {
  const { headers, person } = await signedIn(['owner'])
  const { key } = await made(headers)
  const rotated = (await call('POST', `/api-keys/${(await made(headers)).id}/rotate`, headers, {})).json()
  expect((await use(key)).statusCode).toBe(200)
  await inDatabase(statement, [person.id])
  for (const on of [server, second]) {
    for (const each of [key, rotated.key]) {
      const answer = await use(each, { on })
      expect([answer.statusCode, answer.json().code]).toEqual([401, 'credential-invalid'])
    }
  }
})

describe('rotation', () => {
  it('makes another secret and lets the old one live for the overlap, no longer', async () => {
    const { headers } = await signedIn(['admin'])
    const old = await made(headers, { networks: ['10.0.0.0/8'], scopes: ['contact:read', 'forms:read'] })
    const answer = await call('POST', `/api-keys/${old.id}/rotate`, headers, { overlapHours: 1, expiresInDays: 30 })
    expect(answer.statusCode).toBe(201)
    const { apiKey, key } = answer.json()
    expect(apiKey).toMatchObject({
      rotatedFrom: old.id,
      name: 'robot',
      scopes: ['contact:read', 'forms:read'],
      networks: ['10.0.0.0/8'],
      graceUntil: null,
    })
    expect(key).not.toBe(old.key)
    for (const each of [old.key, key]) expect((await use(each)).statusCode).toBe(200)
    const { graceUntil, expiresAt } = (await call('GET', `/api-keys/${old.id}`, headers)).json()
    expect(graceUntil).toBe(expiresAt)
    expect(Date.parse(graceUntil) - server.clock.nowMs).toBeCloseTo(3_600_000, -5)
    await inDatabase("update api_key set expires_at = now() - interval '1 ms' where id = $1", [old.id])
    expect([(await use(old.key)).statusCode, (await use(key)).statusCode]).toEqual([401, 200])
  })

  it('ends the old key at once when no overlap is wanted', async () => {
    const { headers } = await signedIn(['admin'])
    const old = await made(headers)
    const { key } = (await call('POST', `/api-keys/${old.id}/rotate`, headers, { overlapHours: 0 })).json()
    await vi.waitFor(async () => expect((await use(old.key)).statusCode).toBe(401))
    expect((await use(key)).statusCode).toBe(200)
  })

  it('never lets the old key live longer than it would have, nor past a week', async () => {
    const { headers } = await signedIn(['admin'])
    const { id } = await made(headers, { expiresInDays: 1 })
    const { expiresAt } = (await call('GET', `/api-keys/${id}`, headers)).json()
    expect((await call('POST', `/api-keys/${id}/rotate`, headers, { overlapHours: 169 })).statusCode).toBe(422)
    expect((await call('POST', `/api-keys/${id}/rotate`, headers, { overlapHours: 168 })).statusCode).toBe(201)
    expect((await call('GET', `/api-keys/${id}`, headers)).json()).toMatchObject({ expiresAt, graceUntil: expiresAt })
  })

  it('happens once: eight calls at the same time over two processes make one key', async () => {
    const { headers } = await signedIn(['admin'])
    const { id } = await made(headers)
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        call('POST', `/api-keys/${id}/rotate`, headers, {}, { on: index % 2 === 0 ? server : second }),
      ),
    )
    expect(answers.map(({ statusCode }) => statusCode).toSorted()).toEqual([201, ...Array(7).fill(409)])
    expect(await inDatabase('select id from api_key where rotated_from = $1', [id])).toHaveLength(1)
  })

  it('brings no revoked or expired key back', async () => {
    const { headers } = await signedIn(['admin'])
    const [revoked, expired] = [await made(headers), await made(headers)]
    await call('DELETE', `/api-keys/${revoked.id}`, headers)
    await inDatabase("update api_key set expires_at = now() - interval '1 s' where id = $1", [expired.id])
    for (const { id } of [revoked, expired]) {
      const answer = await call('POST', `/api-keys/${id}/rotate`, headers, {})
      expect([answer.statusCode, answer.json().code]).toEqual([409, 'api-key-ended'])
    }
  })
})

describe('networks of a key', () => {
  it('let it be used from there alone, and a thief elsewhere is told what an unknown key is told', async () => {
    const { headers } = await signedIn(['admin'])
    const { key } = await made(headers, { networks: ['203.0.113.0/24', '2001:DB8::/32'] })
    const at = async (address: string) => (await use(key, { address })).statusCode
    for (const address of ['203.0.113.7', '::ffff:203.0.113.7', '2001:db8::1'])
      expect([address, await at(address)]).toEqual([address, 200])
    for (const address of ['203.0.114.7', '2001:db9::1', '127.0.0.1'])
      expect([address, await at(address)]).toEqual([address, 401])
    const elsewhere = await use(key, { address: '198.51.100.1' })
    const unknown = await use(
      (await made((await signedIn(['admin'])).headers)).key.replace(/^rmp_live_/, 'rmp_live_0'),
      {
        address: '198.51.100.1',
      },
    )
    expect(essence(elsewhere, '-').body).toBe(essence(unknown, '-').body)
  })

  it('are not got round by a header that says another address', async () => {
    const { headers } = await signedIn(['admin'])
    const { key } = await made(headers, { networks: ['203.0.113.7'] })
    for (const name of ['x-forwarded-for', 'forwarded', 'x-real-ip', 'cf-connecting-ip', 'true-client-ip']) {
      const value = name === 'forwarded' ? 'for=203.0.113.7' : '203.0.113.7'
      const answer = await call('GET', '/contact/messages', { 'x-api-key': key, [name]: value }, undefined, {
        address: '198.51.100.1',
      })
      expect([name, answer.statusCode]).toEqual([name, 401])
    }
  })

  it('are blocks, or the key is not made', async () => {
    const { headers } = await signedIn(['admin'])
    for (const network of ['everywhere', '203.0.113.0/33', '1.2.3', '10.0.0.0/8,0.0.0.0/0']) {
      const answer = await call('POST', '/api-keys', headers, {
        name: 'x',
        scopes: ['contact:read'],
        networks: [network],
      })
      expect([network, answer.statusCode, answer.json().errors?.[0]?.pointer]).toEqual([network, 422, '/networks/0'])
    }
  })
})

describe('usage', () => {
  it('is counted by day, group and class of answer, also for what the key was not allowed', async () => {
    const own = await startTestServer(database)
    const key = await own.apiKey(['contact:read'])
    const other = await own.apiKey(['contact:read'])
    const id = String(
      (await asTenant(own, 'select id from api_key where lookup_id = $1', [key.slice(9, 19)])).at(0)?.['id'],
    )
    const headers = { 'x-api-key': key }
    const at = (url: string, extra: Headers = headers) =>
      own.app.inject({ url: `/api/v1${url}`, headers: { ...extra }, remoteAddress: nextAddress() })
    for (let count = 0; count < 5; count += 1) await at('/contact/messages')
    await at('/contact/messages', { 'x-api-key': other })
    await at('/contact/messages?page=0')
    await at('/leads')
    await at('/contact/messages', { 'x-api-key': `${key.slice(0, -1)}${key.endsWith('0') ? 1 : 0}` })
    const admin = await createPerson(own, { roles: ['admin'] })
    const session = bearer((await signInOver(own, admin)).accessToken)
    await vi.waitFor(
      async () => expect((await at(`/api-keys/${id}/usage`, session)).json().items).toHaveLength(3),
      10_000,
    )
    const day = new Date(own.clock.nowMs).toISOString().slice(0, 10)
    const expected = [
      { day, endpoint: 'contact', status: '2xx', count: 5 },
      { day, endpoint: 'contact', status: '4xx', count: 1 },
      { day, endpoint: 'leads', status: '4xx', count: 1 },
    ]
    expect((await at(`/api-keys/${id}/usage`, session)).json().items).toEqual(expected)
    // What is counted last is stored when the server closes.
    await at('/contact/messages')
    await own.close()
    expect(await asTenant(own, 'select count from api_key_usage where key_id = $1 and status_class = 2', [id])).toEqual(
      [{ count: 6 }],
    )
  })
})

describe('a key of another tenant (class 34)', () => {
  it.each([
    ['GET', ''],
    ['DELETE', ''],
    ['POST', '/rotate'],
    ['GET', '/usage'],
  ] as const)('answers %s …%s as an unknown one does, and stays', async (method, path) => {
    const attacker = await signedIn(['owner'])
    const other = await server.createTenant()
    const foreigner = await signedIn(['owner'], other.id)
    const foreign = await made(foreigner.headers)
    const state = () => inDatabase('select * from api_key where id = $1', [foreign.id], other.id)
    const before = await state()
    const unknownId = createId()
    const payload = method === 'POST' ? {} : undefined
    const unknown = essence(await call(method, `/api-keys/${unknownId}${path}`, attacker.headers, payload), unknownId)
    expect(unknown.status).toBe(404)
    const answer = await call(method, `/api-keys/${foreign.id}${path}`, attacker.headers, payload)
    expect(essence(answer, foreign.id)).toEqual(unknown)
    expect(await state()).toEqual(before)
    expect((await call('GET', '/api-keys?pageSize=100', attacker.headers)).body).not.toContain(foreign.id)
  })
})

describe('no key reaches what is a person’s', () => {
  it('every operation on accounts, factors, sessions, keys, the audit and personal data refuses the strongest key', async () => {
    const document = (await server.app.inject({ url: '/api/v1/openapi.json' })).json()
    const forPeople = describedOperations(document).filter(({ operation }) => {
      const access = operation['x-access']
      return access !== 'public' && access !== 'none' && !isScope(access)
    })
    expect(forPeople.length).toBeGreaterThan(30)
    const headers = { 'x-api-key': await server.apiKey(scopes) }
    for (const { method, path } of forPeople) {
      const url = path.replace(/^\/api\/v1/, '').replaceAll(/\{[^}]+\}/g, createId())
      const answer = await call(method as Method, url, headers, method === 'POST' || method === 'PUT' ? {} : undefined)
      const said = [method, path, answer.statusCode, answer.json().code]
      // A body that the route takes none of is refused before anybody is asked who they are.
      if (answer.json().code === 'unexpected-body') {
        expect((await call(method as Method, url, headers)).json().code).toBe('session-required')
      } else expect(said).toEqual([method, path, 403, 'session-required'])
    }
  })

  it('no operation of those groups is open to a scope', async () => {
    const document = (await server.app.inject({ url: '/api/v1/openapi.json' })).json()
    const closed = new Set(['auth', 'mfa', 'sessions', 'api-keys', 'users', 'roles', 'invitations', 'audit'])
    const open = describedOperations(document).filter(
      ({ operation }) => closed.has(operation.tags?.[0] ?? '') && isScope(operation['x-access']),
    )
    expect(open.map(({ path }) => path)).toEqual([])
  })

  it.each([
    'application/json\t; charset=utf-8',
    '\tapplication/json',
    'application/jsonx',
    'application/json;',
    'text/plain',
    'APPLICATION/JSON',
  ])('a body typed %j is validated or refused, never taken as it is (class 41)', async (type) => {
    const { headers } = await signedIn(['admin'])
    const answer = await server.app.inject({
      method: 'POST',
      url: '/api/v1/api-keys',
      headers: { ...headers, 'content-type': type },
      payload: JSON.stringify({ name: 'x', scopes: ['*'], user_id: createId() }),
      remoteAddress: nextAddress(),
    })
    expect([400, 415, 422]).toContain(answer.statusCode)
  })
})

/** Every scope there is can be given to a key by an owner. */
it('an owner may give a key every scope', async () => {
  const { headers } = await signedIn(['owner'])
  const { key } = await made(headers, { scopes: [...scopes] satisfies Scope[] })
  expect((await use(key)).statusCode).toBe(200)
})
