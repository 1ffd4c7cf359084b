import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseItems } from '../../packages/guard/src/testing/structured-field-parser.ts'
import type { Scope } from '../../packages/server/src/core/access/access.ts'
import { createApiKey } from '../../packages/server/src/modules/api-keys/service.ts'
import type { Answer } from '../support/http-client.ts'
import { isRunning, send, until } from '../support/processes.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { createTenantWithForm, type TenantWithForm, workerPool } from '../support/tenant-with-form.ts'
import { lineOf } from './log-line.ts'
import { faultsOfRefusal } from './neutral-problem.ts'
import { BROWSER, sendBytes, type Visitor, type Visitors, visitorsOf } from './visitors.ts'

/*
 * S0, the public API's report, rule by rule: health, contact, resources and gate125. Where the product's own table settles
 * a rule in another way, the test follows the table and says so.
 */

/** Knows the client by its address alone: nobody in front of it is trusted. Its windows and cooldowns last for seconds. */
let direct: ServerProcess
/** Behind a proxy at 127.0.0.1, with every default. */
let proxied: ServerProcess
let stranger: Visitors
let visitors: Visitors
let tenant: TenantWithForm
let staffKey: string
/** What a site holds that registers people. */
let siteKey: string

beforeAll(async () => {
  const brief = {
    'contact.submit': { rules: { burst: { limit: 3, window: '2s', cooldown: '3s' } } },
    'resources.list': { rules: { burst: { limit: 5, window: '2s' } } },
    'gates.register': { rules: { burst: { window: '2s', cooldown: '3s' } } },
  }
  const env = { REMPART_TRUSTED_PROXIES: '127.0.0.1/32' }
  ;[direct, proxied] = await Promise.all([startServerProcess({ policies: brief }), startServerProcess({ env })])
  stranger = visitorsOf(direct)
  visitors = visitorsOf(proxied)
  const pool = workerPool(proxied)
  tenant = await createTenantWithForm(pool)
  const keyOf = async (name: string, scopes: readonly Scope[]) =>
    (await createApiKey(pool, tenant.id, { name, scopes })).token
  staffKey = await keyOf('staff', ['contact:read', 'gates:read', 'gates:write', 'resources:read', 'resources:write'])
  siteKey = await keyOf('site', ['gates:register'])
  await pool.end()
})
afterAll(async () => {
  stranger?.close()
  visitors?.close()
  await Promise.all([direct?.remove(), proxied?.remove()])
})

const CONTACT = '/api/v1/contact'
const RESOURCES = '/api/v1/resources'
const GATE = '/api/v1/gate125/register'
/** Nothing of it may stand in a log or in a refusal. */
const message = {
  name: 'Zebulon Quixote',
  email: 'zebulon@people.example.net',
  subject: 'Windmills of Campo de Criptana',
  message: 'Their sails went round\nand round.',
}

const sendMessage = (visitor: Visitor, headers: Readonly<Record<string, string | readonly string[]>> = {}) =>
  visitor(CONTACT, { json: message, headers })

const times = async <T>(count: number, act: (index: number) => Promise<T>): Promise<T[]> => {
  const results: T[] = []
  for (let index = 0; index < count; index += 1) results.push(await act(index))
  return results
}
const atOnce = <T>(count: number, act: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => act(index)))

const statuses = (answers: readonly Answer[]): number[] => answers.map(({ status }) => status)
const field = ({ headers }: Answer, name: string): string => String(headers[name])
const nowSeconds = (): number => Date.now() / 1_000
const rateLimitFields = ({ headers }: Answer): string[] =>
  Object.keys(headers).filter((name) => /ratelimit|retry-after/.test(name))

describe('GET /api/v1/health/ and /api/v1/health/ready/', () => {
  const paths = ['/api/v1/health', '/api/v1/health/', '/health', '/health/']

  it.each(paths)('%s says that the process is alive', async (path) => {
    const answer = await visitors.next()(path)
    expect([answer.status, answer.json()]).toEqual([200, { status: 'ok' }])
  })

  it.each(paths)('%s, with ready behind it, says that requests will be served', async (path) => {
    const answer = await visitors.next()(path.endsWith('/') ? `${path}ready/` : `${path}/ready`)
    const checks = { database: 'ok', migrations: 'ok', serving: 'ok' }
    expect([answer.status, answer.json()]).toEqual([200, { status: 'ready', checks }])
  })

  it('are never limited: five hundred calls of one client, and more while everything else refuses it', async () => {
    const visitor = visitors.next()
    await times(4, () => sendMessage(visitor))
    expect((await sendMessage(visitor)).status).toBe(429)
    const spread = (index: number) => `${paths[index % 4]}${index % 8 < 4 ? '' : '/ready'}`.replace('//', '/')
    const answers = await atOnce(500, (index) => visitor(spread(index)))
    expect(new Set(statuses(answers))).toEqual(new Set([200]))
    expect(answers.flatMap(rateLimitFields)).toEqual([])
  })

  it('tell a dead process from one whose database is away: alive 200, ready 503, and ready again afterwards', async () => {
    const frozen = direct.postgresProcesses().filter(isRunning)
    expect(frozen.length).toBeGreaterThan(1)
    const visitor = stranger.direct()
    for (const pid of frozen) send(pid, 'SIGSTOP')
    try {
      const ready = await visitor('/api/v1/health/ready/')
      expect([ready.status, ready.json()['status']]).toEqual([503, 'not-ready'])
      expect(JSON.stringify(ready.json())).not.toMatch(/postgres|sql|timeout|error/i)
      expect((await visitor('/api/v1/health/')).status).toBe(200)
    } finally {
      for (const pid of frozen) send(pid, 'SIGCONT')
    }
    await direct.untilReady()
  })
})

describe('POST /api/v1/contact/', () => {
  it('takes a message, with and without the trailing slash, and answers 201', async () => {
    const visitor = visitors.next()
    for (const path of [CONTACT, `${CONTACT}/`]) {
      const answer = await visitor(path, { json: message })
      expect([answer.status, answer.json()]).toEqual([201, { id: expect.any(String), status: 'received' }])
    }
  })

  it('admits 3 in 60 s per client, and refuses the fourth for a cooldown of 300 s', async () => {
    const visitor = visitors.next()
    expect(statuses(await times(6, () => sendMessage(visitor)))).toEqual([201, 201, 201, 429, 429, 429])
    const refused = await sendMessage(visitor)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(290)
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(300)
  })

  it('admits no more than 3 of thirty that come at once', async () => {
    const visitor = visitors.next()
    const answers = await atOnce(30, () => sendMessage(visitor))
    expect(statuses(answers).filter((status) => status === 201)).toHaveLength(3)
    expect(statuses(answers).filter((status) => status === 429)).toHaveLength(27)
  })

  // S0's body is `error` alone; the product's is problem+json, in which `error` reads the same.
  it.each([
    ['fr', 'fr', 'Trop de requêtes'],
    ['fr-CA,fr;q=0.9,en;q=0.4', 'fr', 'Trop de requêtes'],
    ['en-GB,en;q=0.8', 'en', 'Too many requests'],
    ['de', 'en', 'Too many requests'],
  ])('refuses a client who reads %s in %s: "%s"', async (acceptLanguage, language, error) => {
    const visitor = visitors.next()
    await atOnce(3, () => sendMessage(visitor))
    const refused = await sendMessage(visitor, { 'accept-language': acceptLanguage })
    expect(refused.status).toBe(429)
    expect(refused.json()).toMatchObject({ status: 429, code: 'rate-limited', error })
    expect(refused.headers['content-language']).toBe(language)
    expect(faultsOfRefusal(refused, Object.values(message))).toEqual([])
  })

  it('says X-RateLimit-Limit, -Remaining and -Reset, in Unix seconds, on refusals and on what it admits', async () => {
    const visitor = visitors.next()
    const before = Math.floor(nowSeconds())
    const answers = await times(5, () => sendMessage(visitor))
    expect(answers.map((answer) => field(answer, 'x-ratelimit-limit'))).toEqual(['3', '3', '3', '3', '3'])
    expect(answers.map((answer) => field(answer, 'x-ratelimit-remaining'))).toEqual(['2', '1', '0', '0', '0'])
    const resets = answers.map((answer) => field(answer, 'x-ratelimit-reset'))
    for (const reset of resets) expect(reset).toMatch(/^\d{10}$/)
    for (const reset of resets.slice(0, 3)) expect(Number(reset)).toBeGreaterThan(before)
    for (const reset of resets.slice(0, 3)) expect(Number(reset)).toBeLessThanOrEqual(Math.ceil(nowSeconds()) + 60)
    for (const reset of resets.slice(3)) {
      expect(Number(reset)).toBeGreaterThanOrEqual(before + 300)
      expect(Number(reset)).toBeLessThanOrEqual(Math.ceil(nowSeconds()) + 300)
    }
  })

  it('says the same in RateLimit and RateLimit-Policy', async () => {
    const visitor = visitors.next()
    for (const [index, answer] of (await times(4, () => sendMessage(visitor))).entries()) {
      const name = 'contact.submit/burst'
      expect(parseItems(field(answer, 'ratelimit-policy'))).toEqual([{ name, parameters: { q: 3, w: 60 } }])
      const [limit, ...others] = parseItems(field(answer, 'ratelimit'))
      expect(others).toEqual([])
      expect(limit).toMatchObject({ name, parameters: { r: Math.max(0, 2 - index) } })
      const leftSeconds = Number(field(answer, 'x-ratelimit-reset')) - nowSeconds()
      expect(Math.abs((limit?.parameters['t'] ?? 0) - leftSeconds)).toBeLessThanOrEqual(2)
    }
  })

  it('says Retry-After only while a cooldown runs', async () => {
    const visitor = visitors.next()
    const answers = await times(5, () => sendMessage(visitor))
    expect(answers.map(({ headers }) => headers['retry-after'])).toEqual([
      undefined,
      undefined,
      undefined,
      '300',
      expect.stringMatching(/^(?:300|29\d)$/),
    ])
  })

  it('spends the limit on what it refuses for another reason, too', async () => {
    const visitor = visitors.next()
    const refused = [
      await visitor(CONTACT, { body: '{' }),
      await visitor(CONTACT, { json: {} }),
      await visitor(CONTACT, { json: message, headers: { 'content-type': 'text/plain' } }),
      await sendMessage(visitor),
    ]
    expect(statuses(refused)).toEqual([400, 422, 415, 429])
  })

  it('does not count OPTIONS, before or during a cooldown', async () => {
    const visitor = visitors.next()
    const preflight = { origin: 'https://www.example.org', 'access-control-request-method': 'POST' }
    const ask = (index: number) => visitor(CONTACT, { method: 'OPTIONS', headers: index % 2 === 0 ? {} : preflight })
    const asked = await atOnce(150, ask)
    expect(statuses(await times(4, () => sendMessage(visitor)))).toEqual([201, 201, 201, 429])
    asked.push(...(await atOnce(150, ask)))
    expect(new Set(statuses(asked))).toEqual(new Set([204]))
    expect(asked.flatMap(rateLimitFields)).toEqual([])
  })

  it('counts by client, not by tenant: naming another gives no second counter', async () => {
    const visitor = visitors.next()
    const named = await times(3, (index) =>
      sendMessage(visitor, { 'x-tenant-id': ['demo', tenant.id, 'none'][index] ?? '' }),
    )
    expect(statuses(named)).toEqual([201, 201, 404])
    expect((await visitor(`${CONTACT}?tenant=${tenant.slug}`, { json: message })).status).toBe(429)
  })

  it('has one counter for every spelling of its path; what is no spelling of it takes no message', async () => {
    const visitor = visitors.next()
    const same = [
      CONTACT,
      `${CONTACT}/`,
      `${CONTACT}?`,
      `${CONTACT}/?a=/`,
      '/api/v1/%63ontact',
      '/%61pi/v1/contac%74/?',
    ]
    const other = [
      '/api/v1/Contact',
      '/API/V1/CONTACT',
      '//api/v1/contact',
      '/api/v1//contact',
      `${CONTACT}//`,
      `${CONTACT}//?`,
      '/api/v1/./contact',
      '/api/v1/x/../contact',
      '/api/v1/%2e/contact',
      `${CONTACT};v=1`,
      `${CONTACT}.json`,
      `${CONTACT}%2f`,
      `${CONTACT}%20`,
      `${CONTACT}%00`,
      `${CONTACT}%c0%af`,
      `http://127.0.0.1${CONTACT}`,
      `${CONTACT}#x`,
      '/api/v1%2fcontact',
    ]
    const post = (path: string) => visitor(path, { json: message })
    expect(statuses(await times(3, (index) => post(same[index * 2] ?? '')))).toEqual([201, 201, 201])
    for (const path of same) expect([path, (await post(path)).status]).toEqual([path, 429])
    for (const path of other)
      expect([path, String((await post(path)).status)]).toEqual([path, expect.stringMatching(/^4(?:00|04|29)$/)])
  })

  it.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'])('takes no message by %s', async (method) => {
    const visitor = visitors.next()
    const answer = await visitor(CONTACT, { method, headers: { 'x-http-method-override': 'POST' } })
    expect([answer.status, answer.headers['allow']]).toEqual([405, 'POST, OPTIONS'])
  })
})

describe('GET /api/v1/resources/', () => {
  it('shows anybody what the website offers, with and without the trailing slash', async () => {
    for (const path of [RESOURCES, `${RESOURCES}/`]) {
      const answer = await visitors.next()(path)
      expect([answer.status, answer.json()]).toMatchObject([200, { total: 3, page: 1, pageSize: 20, totalPages: 1 }])
      expect(answer.json()['items']).toHaveLength(3)
    }
  })

  it('keeps to the tenant that is asked for, and the deleted ones to staff', async () => {
    const of = { 'x-tenant-id': tenant.id }
    const staff = { authorization: `Bearer ${staffKey}` }
    const made = await visitors.next()(RESOURCES, { json: { title: 'Mill' }, headers: staff })
    const one = `${RESOURCES}/${made.json()['id']}`
    expect([made.status, (await visitors.next()(one, { headers: of })).status]).toEqual([201, 200])
    expect((await visitors.next()(one)).json()['code']).toBe('resource-not-found')
    await visitors.next()(one, { method: 'DELETE', headers: staff })
    expect((await visitors.next()(one, { headers: of })).status).toBe(404)
    expect((await visitors.next()(RESOURCES, { headers: of })).json()).toMatchObject({ items: [], total: 0 })
    const deleted = `${RESOURCES}?deleted=true`
    expect((await visitors.next()(deleted, { headers: of })).status).toBe(401)
    expect((await visitors.next()(deleted, { headers: staff })).json()).toMatchObject({ total: 1 })
  })

  it('admits 60 in 60 s per client, of a hundred that come at once, and names no Retry-After to the others', async () => {
    const visitor = visitors.next()
    const answers = await atOnce(100, (index) =>
      visitor(RESOURCES, { headers: { 'user-agent': `${BROWSER} ${index}`, cookie: `session=${index}` } }),
    )
    expect(statuses(answers).filter((status) => status === 200)).toHaveLength(60)
    expect(statuses(answers).filter((status) => status === 429)).toHaveLength(40)
    expect(answers.filter(({ headers }) => headers['retry-after'] !== undefined)).toEqual([])
    expect((await visitors.next()(RESOURCES)).status).toBe(200)
  })

  it.each([
    ['fr', 'Trop de requêtes'],
    ['en', 'Too many requests'],
  ])('refuses a client who reads %s with "%s" and the X-RateLimit fields', async (language, error) => {
    const visitor = visitors.next()
    const before = Math.floor(nowSeconds())
    await atOnce(60, () => visitor(RESOURCES))
    const refused = await visitor(RESOURCES, { headers: { 'accept-language': language } })
    expect(refused.status).toBe(429)
    expect(refused.json()).toMatchObject({ status: 429, code: 'rate-limited', error })
    expect(faultsOfRefusal(refused)).toEqual([])
    expect(field(refused, 'x-ratelimit-limit')).toBe('60')
    expect(field(refused, 'x-ratelimit-remaining')).toBe('0')
    expect(Number(field(refused, 'x-ratelimit-reset'))).toBeGreaterThanOrEqual(before)
    // Above 32 a place is given back up to a thirty-first of the window late.
    expect(Number(field(refused, 'x-ratelimit-reset'))).toBeLessThanOrEqual(nowSeconds() + 63)
    expect(refused.headers['retry-after']).toBeUndefined()
  })

  it('has no cooldown: whoever was refused is admitted as soon as the window lets them, however often they ask', async () => {
    const visitor = stranger.direct()
    await until(async () => Number((await visitor(RESOURCES)).headers['x-ratelimit-remaining']) === 0)
    expect((await visitor(RESOURCES)).status).toBe(429)
    const startedMs = performance.now()
    await until(async () => (await visitor(RESOURCES)).status === 200)
    expect(performance.now() - startedMs).toBeLessThan(2_500)
  })
})

describe('POST /api/v1/gate125/register/', () => {
  let sequence = 0
  const someone = (): string => {
    sequence += 1
    return `zebulon-${sequence}@people.example.net`
  }
  const register = (visitor: Visitor, headers: Readonly<Record<string, string>> = {}, extra: object = {}) =>
    visitor(GATE, { json: { email: someone(), name: message.name, ...extra }, headers })

  it('takes a registration, with and without the trailing slash, and says no more than that', async () => {
    const visitor = visitors.next()
    for (const path of [GATE, `${GATE}/`, '/api/v1/gates/gate125/register']) {
      const answer = await visitor(path, { json: { email: someone() } })
      expect([answer.status, answer.json()]).toEqual([201, { status: 'received' }])
    }
  })

  it('admits 10 in 3600 s per client, of thirty that come at once, and refuses the others for a cooldown of 3600 s', async () => {
    const visitor = visitors.next()
    const answers = await atOnce(30, () => register(visitor))
    expect(statuses(answers).filter((status) => status === 201)).toHaveLength(10)
    const refused = [...answers.filter(({ status }) => status === 429), await register(visitor)]
    expect(refused).toHaveLength(21)
    for (const { headers } of refused) {
      expect(Number(headers['retry-after'])).toBeGreaterThan(3_590)
      expect(Number(headers['retry-after'])).toBeLessThanOrEqual(3_600)
    }
    expect(answers.filter(({ status, headers }) => status === 201 && headers['retry-after'] !== undefined)).toEqual([])
  })

  it.each([
    ['fr', 'Trop de requêtes'],
    ['en', 'Too many requests'],
  ])('refuses a client who reads %s with "%s" and the X-RateLimit fields', async (language, error) => {
    const visitor = visitors.next()
    await atOnce(10, () => register(visitor))
    const refused = await register(visitor, { 'accept-language': language })
    expect(refused.status).toBe(429)
    expect(refused.json()).toMatchObject({ status: 429, code: 'rate-limited', error })
    expect(faultsOfRefusal(refused, Object.values(message))).toEqual([])
    expect(field(refused, 'x-ratelimit-limit')).toBe('10')
    expect(field(refused, 'x-ratelimit-remaining')).toBe('0')
    const leftSeconds = Number(field(refused, 'x-ratelimit-reset')) - nowSeconds()
    expect(leftSeconds).toBeGreaterThan(3_590)
    expect(leftSeconds).toBeLessThanOrEqual(3_601)
  })

  it('counts a client once, whatever browser, gate, tenant, language or key it names', async () => {
    const visitor = visitors.next()
    const disguises = [
      {},
      { 'user-agent': 'curl/8' },
      { 'user-agent': '' },
      { 'x-tenant-id': tenant.id, authorization: `Bearer ${siteKey}` },
      { 'accept-language': 'fr' },
      { cookie: 'session=1' },
    ]
    const answers = await times(10, (index) => register(visitor, disguises[index % disguises.length]))
    expect(statuses(answers).filter((status) => status === 429)).toEqual([])
    for (const headers of disguises) expect((await register(visitor, headers)).status).toBe(429)
    for (const path of [
      '/api/v1/gates/gate125/register',
      '/api/v1/gates/another/register',
      '/api/v1/%67ate125/register/?',
    ])
      expect([path, (await visitor(path, { json: { email: someone() } })).status]).toEqual([path, 429])
    expect((await register(visitors.next())).status).toBe(201)
  })

  it('admits again after the cooldown, which its refusals do not extend', async () => {
    const visitor = stranger.direct()
    const startedMs = performance.now()
    const burst = await atOnce(12, () => register(visitor))
    expect(statuses(burst).filter((status) => status === 201)).toHaveLength(10)
    await until(async () => (await register(visitor)).status === 201)
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(3_000)
    expect(performance.now() - startedMs).toBeLessThan(4_500)
  })

  it('with an API key says who has a place and who waits, and the same again for the same address', async () => {
    const staff = { authorization: `Bearer ${staffKey}` }
    const opened = { slug: 'gate125', name: 'Gate 125', capacity: 1, isPublic: false }
    const made = await visitors.next()('/api/v1/gates', { json: opened, headers: staff })
    expect([made.status, made.json()]).toMatchObject([201, { slug: 'gate125', capacity: 1 }])
    const site = { authorization: `Bearer ${siteKey}` }
    const visitor = visitors.next()
    const ask = (email: string) => visitor(GATE, { json: { email }, headers: site })
    const [first, second] = [await ask('one@people.example.net'), await ask('two@people.example.net')]
    expect([first.status, first.json()]).toEqual([201, { id: expect.any(String), status: 'registered' }])
    expect([second.status, second.json()]).toEqual([201, { id: expect.any(String), status: 'waitlisted', position: 1 }])
    expect((await ask('ONE@People.example.net')).text).toBe(first.text)
    expect((await ask('two@people.example.net')).text).toBe(second.text)
    const listed = await visitors.next()('/api/v1/gates/gate125/registrations', { headers: staff })
    expect(listed.json()).toMatchObject({ total: 2, items: [{ position: 1 }, { status: 'registered' }] })
  })

  it('asks for a key where the gate is not public, and for its scope', async () => {
    const of = { 'x-tenant-id': tenant.id }
    const refused = [
      await register(visitors.next(), of),
      await register(visitors.next(), of, { honeypot: 'x' }),
      await register(visitors.next(), { authorization: `Bearer ${siteKey.slice(0, -1)}` }),
      await register(visitors.next(), { authorization: `Bearer ${staffKey}` }),
    ]
    expect(statuses(refused)).toEqual([401, 401, 401, 403])
    for (const answer of refused) expect(faultsOfRefusal(answer, Object.values(message))).toEqual([])
  })

  it('answers the public the same for a new address, a known one, a full gate and a filled honeypot', async () => {
    const staff = { authorization: `Bearer ${staffKey}` }
    const opened = { slug: 'open', name: 'Open', capacity: 1, isPublic: true }
    await visitors.next()('/api/v1/gates', { json: opened, headers: staff })
    const visitor = visitors.next()
    const ask = (email: string, extra: object = {}) =>
      visitor('/api/v1/gates/open/register', { json: { email, ...extra }, headers: { 'x-tenant-id': tenant.id } })
    const answers = [
      await ask('first@people.example.net'),
      await ask('first@people.example.net'),
      await ask('late@people.example.net'),
      await ask('bot@people.example.net', { honeypot: 'http://spam.example' }),
      await ask('bot@people.example.net', { website: 'x' }),
      await ask('first@people.example.net', { website: 'x' }),
    ]
    const moving = /^(?:x-request-id|x-response-time|date|x-ratelimit-re\w+|ratelimit)$/
    const lasting = ({ headers }: Answer) => Object.entries(headers).filter(([name]) => !moving.test(name))
    for (const answer of answers) {
      expect([answer.status, answer.text]).toEqual([201, '{"status":"received"}'])
      expect(Object.keys(answer.headers)).toEqual(Object.keys(answers[0]?.headers ?? {}))
      expect(lasting(answer)).toEqual(lasting(answers[0] ?? answer))
    }
    const left = answers.map((answer) => field(answer, 'x-ratelimit-remaining'))
    expect(left).toEqual(['9', '8', '7', '6', '5', '4'])
    const listed = await visitors.next()('/api/v1/gates/open/registrations', { headers: staff })
    expect(listed.json()).toMatchObject({
      total: 2,
      items: [
        { email: 'late@people.example.net', status: 'waitlisted' },
        { email: 'first@people.example.net', status: 'registered' },
      ],
    })
  })

  it('is neutral about what it refuses', async () => {
    const told = ['hunter2', message.name, BROWSER]
    const cases = [
      [400, { body: '{"email":"hunter2' }],
      [404, { json: { email: someone() }, headers: { 'x-tenant-id': 'hunter2' } }],
      [413, { body: Buffer.alloc(1_048_577, 0x20) }],
      [415, { body: 'email=hunter2', headers: { 'content-type': 'application/x-www-form-urlencoded' } }],
      [422, { json: { email: 'hunter2', name: message.name } }],
      [422, { json: { email: someone(), data: { deep: { hunter2: 1 } } } }],
    ] as const
    for (const [status, call] of cases) {
      const answer = await visitors.next()(GATE, { method: 'POST', ...call })
      expect(answer.status).toBe(status)
      expect(faultsOfRefusal(answer, told)).toEqual([])
    }
  })
})

describe('a client is its address', () => {
  const spoofed = (index: number): Record<string, string> => ({
    'user-agent': `${BROWSER} ${index}`,
    'x-forwarded-for': `192.0.2.${index}`,
    forwarded: `for=192.0.2.${index}`,
    'x-real-ip': `192.0.2.${index}`,
    'x-client-ip': `192.0.2.${index}`,
    'x-cluster-client-ip': `192.0.2.${index}`,
    'cf-connecting-ip': `192.0.2.${index}`,
    'true-client-ip': `192.0.2.${index}`,
    'fastly-client-ip': `192.0.2.${index}`,
    'x-original-forwarded-for': `192.0.2.${index}`,
    'x-request-id': `00000000-0000-4000-8000-0000000000${index + 10}`,
    cookie: `session=${index}`,
    'accept-language': index % 2 === 0 ? 'fr' : 'en',
  })

  it('when nobody in front is trusted: what it writes in its header fields gains nothing', async () => {
    const visitor = stranger.direct()
    const answers = await atOnce(12, (index) => sendMessage(visitor, spoofed(index)))
    expect(statuses(answers).filter((status) => status === 201)).toHaveLength(3)
    for (const name of Object.keys(spoofed(0))) {
      const answer = await sendMessage(visitor, { [name]: spoofed(40)[name] ?? '' })
      expect([name, answer.status]).toEqual([name, 429])
    }
  })

  it('and is admitted again after the cooldown, which its refusals do not extend', async () => {
    const visitor = stranger.direct()
    await until(async () => (await sendMessage(visitor)).status === 201)
    // More than are left, in less than the window; the cooldown begins with the first one refused.
    const startedMs = performance.now()
    const burst = await atOnce(6, () => sendMessage(visitor))
    const waits = burst.filter(({ status }) => status === 429).map(({ headers }) => Number(headers['retry-after']))
    let admitted: Answer | undefined
    await until(async () => {
      const answer = await sendMessage(visitor)
      if (answer.status === 201) admitted = answer
      else waits.push(Number(answer.headers['retry-after']))
      return answer.status === 201
    })
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(3_000)
    expect(waits.length).toBeGreaterThan(10)
    expect(waits).toEqual(waits.toSorted((a, b) => b - a))
    expect([waits[0], waits.at(-1)]).toEqual([3, 1])
    expect(admitted?.headers).toMatchObject({ 'x-ratelimit-limit': '3', 'x-ratelimit-remaining': '2' })
  })

  it('as told by a trusted proxy: two clients have two counters, and a browser has none of its own', async () => {
    const [one, two] = [visitors.next(), visitors.next()]
    expect(statuses(await times(4, () => sendMessage(one)))).toEqual([201, 201, 201, 429])
    expect(statuses(await times(4, () => sendMessage(two)))).toEqual([201, 201, 201, 429])
    expect((await sendMessage(one, { 'user-agent': 'curl/8' })).status).toBe(429)
  })

  it.each([
    [
      'IPv6 by /64',
      ['2001:db8:0:1::1', '2001:db8:0:1:ffff::2', '[2001:DB8:0:1::3]:4711', '2001:0db8:0:1:8000::'],
      '2001:db8:0:2::1',
    ],
    [
      '::ffff:a.b.c.d as a.b.c.d',
      ['203.0.113.4', '::ffff:203.0.113.4', '::FFFF:CB00:7104', '203.0.113.4:99'],
      '203.0.113.5',
    ],
    [
      'the right-most hop it saw itself',
      ['203.0.113.6', '6.6.6.6, 203.0.113.6', '7.7.7.7,8.8.8.8,203.0.113.6', '203.0.113.6, 127.0.0.1'],
      '203.0.113.7',
    ],
  ])('counted as one: %s', async (_rule, spellings, other) => {
    const answers = await times(4, (index) => sendMessage(visitors.at(spellings[index] ?? '')))
    expect(statuses(answers)).toEqual([201, 201, 201, 429])
    for (const spelling of spellings) expect((await sendMessage(visitors.at(spelling))).status).toBe(429)
    expect((await sendMessage(visitors.at(other))).status).toBe(201)
  })

  it('as told by the last line of the header, in the one header that is configured', async () => {
    const lines = (index: number) => ({ 'x-forwarded-for': [`6.6.6.${index}`, '203.0.113.8'] })
    const answers = await times(4, (index) => sendMessage(visitors.direct(lines(index))))
    expect(statuses(answers)).toEqual([201, 201, 201, 429])

    const { 'x-forwarded-for': _, ...elsewhere } = spoofed(50)
    const visitor = visitors.at('203.0.113.8')
    expect((await sendMessage(visitor, elsewhere)).status).toBe(429)
  })

  it('as the proxy, when the hop in front of it is no address', async () => {
    const hops = ['unknown', '_hidden', '', '999.1.1.1', '6.6.6.6, garbage', '203.0.113.9\u0009x']
    const answers = await times(hops.length, (index) => sendMessage(visitors.at(hops[index] ?? '')))
    expect(statuses(answers).filter((status) => status === 201)).toHaveLength(3)
  })
})

describe('a message whose honeypot is filled', () => {
  const stored = async (): Promise<readonly { readonly id: string }[]> => {
    const headers = { authorization: `Bearer ${staffKey}` }
    const answer = await visitors.next()('/api/v1/contact/messages?pageSize=100', { headers })
    expect(answer.status).toBe(200)
    return answer.json()['items'] as readonly { readonly id: string }[]
  }
  const post = (visitor: Visitor, extra: object) =>
    visitor(CONTACT, { json: { ...message, ...extra }, headers: { 'x-tenant-id': tenant.id } })

  it.each([
    ['honeypot', 'http://spam.example'],
    ['website', 'x'],
  ])('in %s gets the 201 of a stored one, and is not stored', async (trap, value) => {
    const before = await stored()
    const visitor = visitors.next()
    const kept = await post(visitor, { [trap]: ' ' })
    const dropped = await post(visitor, { [trap]: value })
    const after = await stored()

    expect([kept.status, dropped.status]).toEqual([201, 201])
    expect(Object.keys(dropped.headers)).toEqual(Object.keys(kept.headers))
    expect(dropped.headers['content-length']).toBe(kept.headers['content-length'])
    const shape = ({ text }: Answer) => text.replaceAll(/[0-9a-f]/g, '0')
    expect(shape(dropped)).toBe(shape(kept))
    expect(kept.json()['id']).not.toBe(dropped.json()['id'])
    const lasting = ['x-ratelimit-limit', 'ratelimit-policy', 'content-type', 'cache-control', 'vary', 'api-version']
    for (const name of lasting) expect(dropped.headers[name]).toEqual(kept.headers[name])

    expect(after.map(({ id }) => id)).toEqual([kept.json()['id'], ...before.map(({ id }) => id)])
    const read = `/api/v1/contact/messages/${dropped.json()['id']}`
    expect((await visitor(read, { headers: { authorization: `Bearer ${staffKey}` } })).status).toBe(404)
  })

  it('spends the limit as a stored one does, and is refused as one', async () => {
    const visitor = visitors.next()
    const answers = await times(4, (index) => post(visitor, index === 1 ? {} : { honeypot: 'x' }))
    expect(statuses(answers)).toEqual([201, 201, 201, 429])
    expect(answers.map((answer) => field(answer, 'x-ratelimit-remaining'))).toEqual(['2', '1', '0', '0'])
  })

  it('is answered like any other also when the rest of it is wrong', async () => {
    const visitor = visitors.next()
    const [plain, trapped] = [await post(visitor, { email: 'no' }), await post(visitor, { email: 'no', honeypot: 'x' })]
    expect([plain.status, trapped.status]).toEqual([422, 422])
    expect(trapped.json()['errors']).toEqual(plain.json()['errors'])
  })
})

describe('a refusal is neutral', () => {
  const told = [...Object.values(message), 'hunter2', BROWSER]
  const big = Buffer.alloc(1_048_577, 0x20)
  const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`

  it.each([
    [400, 'a body that is no JSON', { body: `{"email":"${message.email}",` }],
    [400, 'a body that is empty', { body: '', headers: { 'content-type': 'application/json', 'content-length': '0' } }],
    [400, 'a body that is not UTF-8', { body: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]) }],
    [400, 'a name that comes twice', { body: '{"name":"a","name":"b"}' }],
    [400, 'a name of the prototype', { body: '{"__proto__":{"admin":true}}' }],
    [400, 'a body nested 50,000 deep', { body: deep }],
    [400, 'a character that PostgreSQL cannot hold', { body: JSON.stringify({ ...message, name: 'a\0b' }) }],
    [400, 'half of a surrogate pair', { body: '{"name":"\\ud800"}' }],
    [400, 'an API version that is none', { json: message, headers: { 'api-version': '9' } }],
    [400, 'a host that is not ours', { json: message, headers: { host: 'intranet.corp' } }],
    [404, 'a tenant that does not exist', { json: message, headers: { 'x-tenant-id': "x' or 1=1 --" } }],
    [413, 'a body of more than 1 MB', { body: big }],
    [413, 'a stream of more than 1 MB', { chunks: [big] }],
    [
      415,
      'a body of another type',
      { body: 'name=hunter2', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    ],
    [
      415,
      'a body in another charset',
      { json: message, headers: { 'content-type': 'application/json; charset=utf-16' } },
    ],
    [415, 'a body that is compressed', { body: 'x', headers: { 'content-encoding': 'gzip' } }],
    [422, 'a message that lacks everything', { json: {} }],
    [422, 'values of wrong types', { json: { name: 1, email: ['hunter2'], message: { a: message.message } } }],
    [422, 'a value that is too long', { json: { ...message, name: `hunter2${'x'.repeat(300)}` } }],
    [422, 'an address that is none', { json: { ...message, email: 'hunter2@' } }],
    [422, 'SQL and markup where a field is unknown', { json: { ...message, role: "'; drop table tenant; --hunter2" } }],
    [422, 'a list', { json: [message] }],
    [422, 'null', { json: null }],
  ] as const)('%i for %s', async (status, _what, call) => {
    const answer = await visitors.next()(CONTACT, { method: 'POST', ...call })
    expect(answer.status).toBe(status)
    expect(faultsOfRefusal(answer, told)).toEqual([])
    expect(answer.headers['set-cookie']).toBeUndefined()
  })

  it.each([
    [404, 'an unknown path', '/api/v1/nothing/hunter2'],
    [404, 'a hidden file', '/.env'],
    [404, 'a path that climbs', '/api/v1/contact/../../../etc/passwd'],
    [400, 'a broken percent-encoding', '/api/v1/%zz'],
    [401, 'what staff alone may read', '/api/v1/contact/messages'],
    [414, 'a path of 9,000 characters', `/api/v1/${'x'.repeat(9_000)}`],
  ])('%i for %s', async (status, _what, path) => {
    const answer = await visitors.next()(path)
    expect(answer.status).toBe(status)
    expect(faultsOfRefusal(answer, told)).toEqual([])
  })

  it.each([
    [400, 'what is no HTTP', 'hunter2\r\n\r\n'],
    [400, 'an unknown version', 'GET / HTTP/9.9\r\nHost: x\r\n\r\n'],
    [400, 'two lengths', `POST ${CONTACT} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
    [
      400,
      'a length and a coding',
      `POST ${CONTACT} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}`,
    ],
    [400, 'a field that ends in a bare line feed', 'GET / HTTP/1.1\r\nHost: x\nX: hunter2\r\n\r\n'],
    [431, 'a field of 20 KB', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
  ])('%i for %s', async (status, _what, bytes) => {
    const { statuses: answered, text } = await sendBytes(proxied, bytes)
    expect(answered).toEqual([status])
    const [head = '', body = ''] = text.split('\r\n\r\n')
    const headers = Object.fromEntries(
      head
        .split('\r\n')
        .slice(1)
        .map((line) => line.toLowerCase().split(': ', 2)),
    )
    expect(faultsOfRefusal({ status, headers, text: body, json: () => JSON.parse(body) }, told)).toEqual([])
  })

  it('never 500, whatever stands in a field', async () => {
    const values = [
      null,
      true,
      1e308,
      -1,
      '',
      ' ',
      '\u202e',
      '😀'.repeat(60),
      {},
      [],
      [[]],
      '\r\nSet-Cookie: a=b',
      '%00',
      '#{7*7}',
      '{{7*7}}',
    ]
    const calls = Object.keys(message).flatMap((name) => values.map((value) => ({ ...message, [name]: value })))
    const answers = await Promise.all(calls.map((json) => visitors.next()(CONTACT, { json })))
    expect(statuses(answers).filter((status) => status !== 201 && status !== 422)).toEqual([])
  })
})

describe('the log holds no personal data', () => {
  const everything = (server: ServerProcess): string => `${JSON.stringify(server.logs)}\n${server.stderr()}`
  const lines = (server: ServerProcess) => server.logs.filter(({ msg }) => msg === 'request' || msg === 'slow request')

  it('no e-mail, name, subject or message, no address and no User-Agent, in all that both processes wrote', async () => {
    const words = [
      'zebulon',
      'quixote',
      'people.example',
      'windmill',
      'sails went',
      'acceptance/7',
      'hunter2',
      'curl/8',
      'spam.example',
    ]
    const addresses = ['198.18.', '203.0.113.', '192.0.2.', '6.6.6.', '7.7.7.7', '2001:db8', 'cb00:7104', '127.0.0.1"']
    for (const [server, visitor] of [[direct, stranger.direct()] as const, [proxied, visitors.next()] as const]) {
      await lineOf(server, await visitor('/api/v1/health'))
      const written = everything(server).toLowerCase()
      expect(lines(server).length).toBeGreaterThan(30)
      expect([...words, ...addresses].filter((word) => written.includes(word))).toEqual([])
    }
  })

  it('a line names a client by eight hexadecimal digits and by nothing else', () => {
    for (const line of [...lines(direct), ...lines(proxied)]) {
      expect(line['fpPrefix']).toMatch(/^[0-9a-f]{8}$/)
      expect(
        Object.keys(line).filter((name) => /ip$|addr|agent|forwarded|email|cookie|auth|header|url/i.test(name)),
      ).toEqual([])
    }
  })

  it('the digits are those of a keyed hash: steady for a client, others for another and on another server', async () => {
    const prefixOf = async (server: ServerProcess, visitor: Visitor, headers: Record<string, string> = {}) =>
      (await lineOf(server, await visitor('/api/v1/health', { headers })))['fpPrefix']
    const [one, two] = [visitors.next(), visitors.next()]
    const first = await prefixOf(proxied, one)
    expect(await prefixOf(proxied, one)).toBe(first)
    expect(await prefixOf(proxied, two)).not.toBe(first)
    expect(await prefixOf(proxied, one, { 'user-agent': 'other' })).not.toBe(first)
    expect(await prefixOf(direct, stranger.direct())).not.toBe(await prefixOf(proxied, visitors.direct()))
  })
})

describe('the OpenAPI document is in step', () => {
  type Response = { readonly $ref?: string; readonly headers?: Readonly<Record<string, unknown>> }
  type Operation = {
    readonly responses: Record<string, Response>
    readonly security?: readonly object[]
  }
  type Document = {
    readonly openapi: string
    readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
    readonly components: { readonly responses?: Readonly<Record<string, Response>> }
  }
  const fetchDocument = async (): Promise<Document> => {
    const document = (await visitors.next()('/api/v1/openapi.json')).json() as unknown as Document
    for (const { responses } of Object.values(document.paths).flatMap((path) => Object.values(path))) {
      for (const [status, { $ref = '' }] of Object.entries(responses)) {
        const shared = document.components.responses?.[$ref.replace('#/components/responses/', '')]
        if (shared !== undefined) responses[status] = shared
      }
    }
    return document
  }

  it('lists contact with its refusals, and its rate-limit fields on 201 and 429', async () => {
    const { paths, openapi } = await fetchDocument()
    expect(openapi).toMatch(/^3\.1\./)
    const responses = paths[CONTACT]?.['post']?.responses ?? {}
    expect(Object.keys(responses)).toEqual(expect.arrayContaining(['201', '400', '413', '415', '422', '429']))
    const fields = ['X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset', 'RateLimit', 'RateLimit-Policy']
    expect(Object.keys(responses['201']?.headers ?? {})).toEqual(expect.arrayContaining(fields))
    expect(Object.keys(responses['429']?.headers ?? {})).toEqual(expect.arrayContaining([...fields, 'Retry-After']))
  })

  it('lists resources and gate125 with their refusals, as open to anybody and to a key', async () => {
    const { paths } = await fetchDocument()
    for (const [path, method, success, scope] of [
      [RESOURCES, 'get', '200', 'resources:read'],
      [GATE, 'post', '201', 'gates:register'],
    ] as const) {
      const { responses = {}, security } = paths[path]?.[method] ?? {}
      expect(Object.keys(responses)).toEqual(expect.arrayContaining([success, '400', '401', '403', '422', '429']))
      const fields = ['X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset']
      expect(Object.keys(responses[success]?.headers ?? {})).toEqual(expect.arrayContaining(fields))
      expect(Object.keys(responses['429']?.headers ?? {})).toEqual(expect.arrayContaining([...fields, 'Retry-After']))
      expect(security).toEqual([{}, { apiKey: [scope] }, { apiKeyHeader: [scope] }])
    }
  })

  it('lists health without a limit and without a key', async () => {
    const { paths } = await fetchDocument()
    for (const path of ['/api/v1/health', '/api/v1/health/ready', '/health', '/health/ready']) {
      const operation = paths[path]?.['get']
      expect(Object.keys(operation?.responses ?? {})).toContain('200')
      expect(Object.keys(operation?.responses ?? {})).not.toContain('429')
      expect(JSON.stringify(operation?.responses)).not.toContain('RateLimit')
      expect(operation?.security).toEqual([])
    }
  })

  it('knows every status that its routes gave in the tests above', async () => {
    const { paths } = await fetchDocument()
    const given = proxied.logs
      .filter(({ msg, method }) => /request$/.test(msg) && method !== 'OPTIONS' && method !== 'HEAD')
      .map(({ route, method, status }) => ({
        operation: paths[String(route).replaceAll(/:(\w+)/g, '{$1}')]?.[String(method).toLowerCase()],
        told: `${method} ${route} ${status}`,
        status: String(status),
      }))
    const unknown = given.filter(({ operation, status }) => operation && operation.responses[status] === undefined)
    expect([...new Set(unknown.map(({ told }) => told))]).toEqual([])
    expect(new Set(given.filter(({ operation }) => operation).map(({ told }) => told)).size).toBeGreaterThan(10)
  })
})
