import { describe, expect, it } from 'vitest'
import { scopes } from '../../core/access/access.ts'
import { createId } from '../../core/ids.ts'
import { bearer, createPerson, nextAddress, signInOver, type TestPerson } from '../../testing/people.ts'
import type { TestServer } from '../../testing/server.ts'
import { stageOfTwo } from '../../testing/stage.ts'
import { asTenant } from '../../testing/tenant-rows.ts'

const { database, server, second } = await stageOfTwo()

type Headers = Readonly<Record<string, string>>

const call = (method: 'GET' | 'DELETE', url: string, headers: Headers, on: TestServer = server) =>
  on.app.inject({ method, url: `/api/v1${url}`, headers: { ...headers }, remoteAddress: nextAddress() })

/** Signs somebody in and says which session it is. */
async function signedIn(person: TestPerson, options: Parameters<typeof signInOver>[2] = {}) {
  const { accessToken, refreshToken } = await signInOver(server, person, options)
  const headers = bearer(accessToken)
  const { session } = (await call('GET', '/auth/me', headers)).json()
  return { headers, refreshToken, id: String(session.id) }
}

const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0'

/** An answer without what differs from one call to the next, and without the id that was asked for. */
function essence(answer: { statusCode: number; body: string; headers: Record<string, unknown> }, id: string) {
  const { date: _d, 'x-request-id': requestId, 'x-response-time': _t, ...headers } = answer.headers
  const body = answer.body
    .replaceAll(String(requestId), '<request>')
    .replaceAll(id, '<id>')
    .replace(/"timestamp":"[^"]+"/, '"timestamp":"<now>"')
  return { status: answer.statusCode, headers, body }
}

const stored = (id: string, tenantId = server.tenant.id) =>
  asTenant(
    { database, tenant: { id: tenantId, slug: '' } },
    'select revoked_at, revoked_reason from session where id = $1',
    [id],
  ).then((rows) => rows.at(0))

describe('one’s own sessions', () => {
  it('are listed newest first, with where each is and which one is asking', async () => {
    const person = await createPerson(server)
    const first = await signedIn(person, { address: '198.51.100.7', headers: { 'user-agent': firefox } })
    const latest = await signedIn(person, { address: '2001:db8::7' })
    const page = (await call('GET', '/sessions', latest.headers)).json()
    expect(page).toMatchObject({ total: 2, page: 1, totalPages: 1 })
    expect(page.items).toMatchObject([
      { id: latest.id, current: true, address: '2001:db8::7', aal: 1, amr: ['pwd'], transport: 'bearer' },
      { id: first.id, current: false, address: '198.51.100.7', userAgent: firefox, device: 'Firefox, Linux' },
    ])
    const { items } = (await call('GET', '/sessions?pageSize=1&page=2', latest.headers)).json()
    expect(items.map(({ id }: { id: string }) => id)).toEqual([first.id])
    expect((await call('GET', `/sessions/${first.id}`, latest.headers)).json()).toEqual(page.items[1])
  })

  it('keep address and User-Agent out of every table in the clear', async () => {
    const person = await createPerson(server)
    const { id } = await signedIn(person, { address: '198.51.100.99', headers: { 'user-agent': `${firefox} marker` } })
    const rows = await asTenant(
      server,
      "select encode(client_sealed, 'escape') as sealed, s.* from session s where id = $1",
      [id],
    )
    expect(rows).toHaveLength(1)
    expect(JSON.stringify(rows)).not.toMatch(/198\.51\.100\.99|marker/)
  })

  it('end one by one, at once and in every process (class 4)', async () => {
    const person = await createPerson(server)
    const here = await signedIn(person)
    const stolen = await signedIn(person)
    expect((await call('DELETE', `/sessions/${stolen.id}`, here.headers)).statusCode).toBe(204)
    for (const on of [server, second]) {
      expect((await call('GET', '/auth/me', stolen.headers, on)).statusCode).toBe(401)
    }
    const refreshed = await server.app.inject({
      method: 'POST',
      url: '/api/v1/auth/refresh',
      payload: { refresh_token: stolen.refreshToken },
      remoteAddress: nextAddress(),
    })
    expect(refreshed.statusCode).toBe(401)
    expect((await call('GET', '/auth/me', here.headers)).statusCode).toBe(200)
    expect(await stored(stolen.id)).toMatchObject({ revoked_reason: 'ended-by-owner' })
  })

  it('may end the one that asks', async () => {
    const own = await signedIn(await createPerson(server))
    expect((await call('DELETE', `/sessions/${own.id}`, own.headers)).statusCode).toBe(204)
    expect((await call('GET', '/sessions', own.headers)).statusCode).toBe(401)
  })

  it('end another one with a fresh proof only, and the one that asks with an old one too', async () => {
    const person = await createPerson(server)
    const [here, other] = [await signedIn(person), await signedIn(person)]
    server.clock.nowMs += 601_000
    try {
      for (const id of [other.id, createId()]) {
        const stale = await call('DELETE', `/sessions/${id}`, here.headers)
        expect([stale.statusCode, stale.json().code]).toEqual([401, 'step-up-required'])
        expect(stale.json().detail).toMatch(/\/auth\/step-up.*\/passkeys\/step-up/)
      }
      expect((await call('GET', '/auth/me', other.headers)).statusCode).toBe(200)
      expect((await call('DELETE', `/sessions/${here.id.toUpperCase()}`, here.headers)).statusCode).toBe(204)
      expect((await call('GET', '/auth/me', here.headers)).statusCode).toBe(401)
    } finally {
      server.clock.nowMs -= 601_000
    }
  })

  it('end once, of many calls at the same time', async () => {
    const person = await createPerson(server)
    const here = await signedIn(person)
    const other = await signedIn(person)
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        call('DELETE', `/sessions/${other.id}`, here.headers, index % 2 === 0 ? server : second),
      ),
    )
    expect(answers.map(({ statusCode }) => statusCode).toSorted()).toEqual([204, ...Array(7).fill(404)])
  })

  it('end all others, or all, with a fresh proof only', async () => {
    const person = await createPerson(server)
    const bystander = await signedIn(await createPerson(server))
    const [here, one, two] = [await signedIn(person), await signedIn(person), await signedIn(person)]
    server.clock.nowMs += 601_000
    try {
      const stale = await call('DELETE', '/sessions', here.headers)
      expect([stale.statusCode, stale.json().code]).toEqual([401, 'step-up-required'])
      expect(stale.headers['www-authenticate']).toContain('insufficient_user_authentication')
    } finally {
      server.clock.nowMs -= 601_000
    }
    expect((await call('DELETE', '/sessions', here.headers)).json()).toEqual({ ended: 2 })
    for (const { headers } of [one, two]) expect((await call('GET', '/auth/me', headers)).statusCode).toBe(401)
    expect((await call('GET', '/sessions', here.headers)).json().total).toBe(1)
    expect((await call('DELETE', '/sessions?all=true', here.headers)).json()).toEqual({ ended: 1 })
    expect((await call('GET', '/auth/me', here.headers)).statusCode).toBe(401)
    expect((await call('GET', '/auth/me', bystander.headers)).statusCode).toBe(200)
  })

  it('take the cookies of a browser away with the session', async () => {
    const person = await createPerson(server)
    const page = {
      'x-rempart-csrf': '1',
      'sec-fetch-site': 'same-origin',
      origin: 'http://localhost:3000',
    }
    const signIn = await server.app.inject({
      method: 'POST',
      url: '/api/v1/auth/login',
      remoteAddress: nextAddress(),
      headers: page,
      payload: { email: person.email, password: person.password, transport: 'cookie' },
    })
    expect(signIn.statusCode).toBe(200)
    // As a browser keeps them: each name once.
    const jar = new Map(signIn.cookies.map(({ name, value }) => [name, value]))
    const cookie = [...jar].map((pair) => pair.join('=')).join('; ')
    const ended = await call('DELETE', '/sessions?all=true', { ...page, cookie })
    expect(ended.statusCode).toBe(200)
    expect(ended.cookies.map(({ name, maxAge }) => [name, maxAge])).toEqual([
      ['__Host-rmp_at', 0],
      ['__Host-rmp_rt', 0],
    ])
    // Not every cookie there is: the device stays known, or strangers could lock its owner out.
    expect(ended.headers['clear-site-data']).toBe('"cache", "storage"')
  })
})

describe('a session of somebody else (class 34)', () => {
  it.each(['GET', 'DELETE'] as const)('answers %s as an unknown one does, and stays', async (method) => {
    const attacker = await signedIn(await createPerson(server, { roles: ['owner'] }))
    const colleague = await signedIn(await createPerson(server))
    const other = await server.createTenant()
    const foreigner = await createPerson(server, { tenantId: other.id })
    const foreign = await signedIn(foreigner, { headers: { 'x-tenant-id': other.id } })
    const ended = await signedIn(await createPerson(server))
    await call('DELETE', `/sessions/${ended.id}`, ended.headers)

    const unknownId = createId()
    const unknown = essence(await call(method, `/sessions/${unknownId}`, attacker.headers), unknownId)
    expect(unknown.status).toBe(404)
    for (const { id } of [colleague, foreign, ended]) {
      expect(essence(await call(method, `/sessions/${id}`, attacker.headers), id)).toEqual(unknown)
    }
    for (const { headers } of [colleague, foreign])
      expect((await call('GET', '/auth/me', headers)).statusCode).toBe(200)
    expect(await stored(foreign.id, other.id)).toEqual({ revoked_at: null, revoked_reason: null })
  })

  it('is neither shown to nor ended by an API key that may do all that keys may', async () => {
    const key = { 'x-api-key': await server.apiKey(scopes) }
    const victim = await signedIn(await createPerson(server))
    for (const [method, url] of [
      ['GET', '/sessions'],
      ['GET', `/sessions/${victim.id}`],
      ['DELETE', `/sessions/${victim.id}`],
      ['DELETE', '/sessions?all=true'],
    ] as const) {
      const answer = await call(method, url, key)
      expect([method, url, answer.statusCode, answer.json().code]).toEqual([method, url, 403, 'session-required'])
    }
    expect((await call('GET', '/auth/me', victim.headers)).statusCode).toBe(200)
  })
})

it('malformed cookies answer a clean 401 on the session routes (class 45)', async () => {
  for (const cookie of [
    '__Host-rmp_at',
    '__Host-rmp_at=',
    '__Host-rmp_at="',
    '__Host-rmp_at=a%00b',
    ';;;=;__Host-rmp_at=%',
  ]) {
    const answer = await call('GET', '/sessions', { cookie })
    expect([cookie, answer.statusCode]).toEqual([cookie, 401])
    expect(answer.headers['set-cookie']).toBeUndefined()
    expect(answer.headers['x-user-id']).toBeUndefined()
  }
})
