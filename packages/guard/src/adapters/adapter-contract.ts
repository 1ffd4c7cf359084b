import { afterEach, describe, expect, it, vi } from 'vitest'
import { createGuard } from '../guard.ts'
import type { PolicyInput } from '../policy.ts'
import { loadPolicies } from '../policy-file/load.ts'
import { askRaw, openRaw, type RawAnswer, rawRequest } from '../testing/raw-http.ts'
import { createWaitingStore } from '../testing/waiting-store.ts'
import type { AdapterOptions } from './adapter-options.ts'

/** What a handler of the contract's application sees of a request. */
export interface ContractCall {
  /** By the name of the header, undefined when absent. */
  header(name: string): string | undefined
  /** The whole body. */
  body(): Promise<string>
}

/** What a handler of the contract's application answers. */
export interface ContractAnswer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string
}

/** One route of the contract's application. */
export interface ContractRoute {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** Named by the route, in the framework's way. */
  readonly policy?: PolicyInput
  readonly answer: (call: ContractCall) => ContractAnswer | Promise<ContractAnswer>
}

/** What an application of the contract is built from. */
export interface ContractSetup {
  readonly routes: readonly ContractRoute[]
  readonly options: Omit<AdapterOptions<never>, 'policyOf' | 'subjects' | 'lateSubjects' | 'decideOptions'>
  /** Whether the account is the header `x-account`, known only late. */
  readonly isLate?: boolean
  /** What answers refusals in place of the guard. */
  readonly onRefuse?: 'teapot'
}

/** An application under test. */
export interface ContractServer {
  readonly port: number
  close(): Promise<void>
}

const limit = (id: string, units: number, more: Partial<PolicyInput> = {}): PolicyInput => ({
  id,
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: units, window: '60s' }],
  ...more,
})
const slots = (count: number): PolicyInput => ({
  id: 'slots',
  rules: [{ id: 'at-once', kind: 'concurrency', by: 'ip', slots: count, lease: '10m' }],
})
const hello: ContractRoute = { method: 'GET', path: '/hello', answer: () => ({ body: 'hello' }) }

/**
 * The sentences that every adapter has to keep, over real sockets.
 *
 * @param start - Builds an application of the framework with these routes behind the adapter.
 */
export function describeAdapter(name: string, start: (setup: ContractSetup) => Promise<ContractServer>): void {
  describe(`${name} keeps the contract of adapters`, () => {
    const open: (() => unknown)[] = []
    afterEach(async () => {
      for (const close of open.splice(0).reverse()) await close()
    })
    const serve = async (setup: ContractSetup): Promise<number> => {
      const server = await start(setup)
      open.push(() => server.close())
      return server.port
    }
    const dial = async (port: number) => {
      const connection = await openRaw(port)
      open.push(() => connection.destroy())
      return connection
    }
    /** Asks for the slow route again and again until its handler has begun: the answer to come. */
    const enter = async (port: number, held: Gate): Promise<{ answer: Promise<RawAnswer> }> => {
      for (;;) {
        const before = held.begun()
        const connection = await dial(port)
        connection.write(rawRequest('GET', '/slow'))
        let status = 0
        const answer = connection.next()
        answer.then(
          (read) => {
            status = read.status
          },
          () => {},
        )
        await eventually(() => status !== 0 || held.begun() > before)
        if (status === 0) return { answer }
        expect(status).toBe(429)
      }
    }

    it('admits up to the limit, refuses the next, and tells where a client stands on each', async () => {
      const port = await serve({ routes: [hello], options: { policies: [limit('general', 2)], fallback: 'general' } })
      const answers = [await askRaw(port, 'GET', '/hello'), await askRaw(port, 'GET', '/hello')]
      const refused = await askRaw(port, 'GET', '/hello')
      expect(answers.map(({ status, body }) => [status, body])).toEqual([
        [200, 'hello'],
        [200, 'hello'],
      ])
      expect(answers.map((answer) => answer.field('x-ratelimit-remaining'))).toEqual(['1', '0'])
      expect(answers.map((answer) => answer.field('retry-after'))).toEqual([undefined, undefined])
      expect(refused.status).toBe(429)
      const resetInS = Number(refused.field('x-ratelimit-reset')) - Date.now() / 1_000
      expect(resetInS).toBeGreaterThan(50)
      expect(resetInS).toBeLessThan(62)
      expect(Number(refused.field('retry-after'))).toBeGreaterThan(50)
      for (const answer of [...answers, refused]) {
        expect(answer.field('x-ratelimit-limit')).toBe('2')
        expect(answer.field('ratelimit-policy')).toBe('"general/burst";q=2;w=60')
        expect(answer.field('ratelimit')).toMatch(/^"general\/burst";r=[012];t=\d+$/)
      }
    })

    it('refuses with problem details in the language asked for', async () => {
      const port = await serve({ routes: [hello], options: { policies: [limit('general', 1)], fallback: 'general' } })
      await askRaw(port, 'GET', '/hello')
      const english = await askRaw(port, 'GET', '/hello')
      const french = await askRaw(port, 'GET', '/hello', { 'accept-language': 'de, fr-CA;q=0.9, en;q=0.1' })
      expect(JSON.parse(english.body)).toEqual({
        type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
        title: 'Too many requests',
        status: 429,
        detail: 'Slow down and try again later.',
        code: 'rate-limited',
        error: 'Too many requests',
        'violated-policies': ['general/burst'],
      })
      expect(JSON.parse(french.body)).toMatchObject({ error: 'Trop de requêtes', status: 429 })
      expect(french.field('content-language')).toBe('fr')
      expect(english.field('content-type')).toMatch(/^application\/problem\+json/)
      expect(english.field('cache-control')).toBe('no-store')
      expect(french.fields.filter(([each]) => each === 'vary').join()).toContain('accept-language')
    })

    it('counts HEAD like GET, and refuses it with the same fields and no body', async () => {
      const port = await serve({ routes: [hello], options: { policies: [limit('general', 1)], fallback: 'general' } })
      const connection = await dial(port)
      connection.write(rawRequest('HEAD', '/hello'))
      expect((await connection.next(true)).field('x-ratelimit-remaining')).toBe('0')
      connection.write(rawRequest('HEAD', '/hello') + rawRequest('GET', '/hello'))
      const head = await connection.next(true)
      const get = await connection.next()
      expect([head.status, get.status]).toEqual([429, 429])
      expect(head.field('content-length')).toBe(get.field('content-length'))
      expect(Number(head.field('content-length'))).toBe(Buffer.byteLength(get.body))
    })

    it('neither counts nor refuses OPTIONS and health checks', async () => {
      const health: ContractRoute = { method: 'GET', path: '/health', answer: () => ({ body: 'alive' }) }
      const policies = loadPolicies(
        { version: 1, policies: { general: { match: { path: '/*' }, rules: { burst: { ...perMinute, limit: 1 } } } } },
        [],
      )
      const port = await serve({ routes: [hello, health], options: { policies } })
      for (let sent = 0; sent < 3; sent += 1) {
        expect((await askRaw(port, 'OPTIONS', '/hello')).status).not.toBe(429)
        expect((await askRaw(port, 'GET', '/health?deep')).status).toBe(200)
      }
      expect((await askRaw(port, 'GET', '/hello')).status).toBe(200)
      expect((await askRaw(port, 'GET', '/health/../hello')).status).toBe(429)
      expect((await askRaw(port, 'POST', '/health')).status).toBe(429)
    })

    it('limits a health check that a policy names', async () => {
      const health: ContractRoute = { method: 'GET', path: '/health', answer: () => ({ body: 'alive' }) }
      const file = { health: { match: { path: '/health/*' }, rules: { burst: { ...perMinute, limit: 1 } } } }
      const port = await serve({
        routes: [health],
        options: { policies: loadPolicies({ version: 1, policies: file }, []) },
      })
      expect((await askRaw(port, 'GET', '/health')).status).toBe(200)
      expect((await askRaw(port, 'GET', '/health')).status).toBe(429)
    })

    it('holds each route to the policy it names, and lets a route without one pass', async () => {
      const contact: ContractRoute = {
        method: 'POST',
        path: '/contact',
        policy: limit('contact.submit', 1),
        answer: () => ({ status: 201, body: 'received' }),
      }
      const port = await serve({ routes: [hello, contact], options: {} })
      expect((await askRaw(port, 'POST', '/contact', text, 'x')).status).toBe(201)
      expect((await askRaw(port, 'POST', '/contact', text, 'x')).status).toBe(429)
      const free = await askRaw(port, 'GET', '/hello')
      expect([free.status, free.field('x-ratelimit-limit')]).toEqual([200, undefined])
    })

    it('is not dodged by other spellings of a path', async () => {
      const login: ContractRoute = { ...hello, path: '/admin/login' }
      const file = {
        login: { match: { path: '/admin/login' }, rules: { burst: { ...perMinute, limit: 2 } } },
        others: { match: { path: '/*' }, rules: { burst: { ...perMinute, limit: 1_000 } } },
      }
      const port = await serve({
        routes: [login],
        options: { policies: loadPolicies({ version: 1, policies: file }, []) },
      })
      await askRaw(port, 'GET', '/admin/login')
      await askRaw(port, 'GET', '/admin/login')
      for (const spelling of [
        '/admin/login/',
        '/ADMIN/Login',
        '/admin//login',
        '//admin/login',
        '/admin/%6Cogin',
        '/admin/%6cogin?x=1',
        '/admin/./login',
        '/admin/x/../login',
        '/admin/%2e/login',
        '/admin%2Flogin',
        '/admin/login;v=1',
        '/admin\\login',
        '/admin/login?/health',
      ]) {
        const { status } = await askRaw(port, 'GET', spelling)
        // Some servers take a backslash for no request at all.
        expect([spelling, status]).toEqual([spelling, spelling.includes('\\') && status === 400 ? 400 : 429])
      }
    })

    it('believes no forwarding header of a stranger', async () => {
      const port = await serve({ routes: [hello], options: { policies: [limit('general', 3)], fallback: 'general' } })
      const many = Array.from({ length: 300 }, (_, index) => `198.51.100.${index % 250}`)
      const forged = ['203.0.113.1', ','.repeat(10_000), many]
      for (const header of forged) await askRaw(port, 'GET', '/hello', { 'x-forwarded-for': header })
      expect((await askRaw(port, 'GET', '/hello', { 'x-forwarded-for': '203.0.113.9' })).status).toBe(429)
    })

    it('takes the client that a trusted proxy names last, whatever stands before it', async () => {
      const port = await serve({
        routes: [hello],
        options: {
          policies: [limit('general', 1)],
          fallback: 'general',
          clientAddress: { trustedProxies: ['127.0.0.0/8'] },
        },
      })
      const from = (value: string | readonly string[]) => askRaw(port, 'GET', '/hello', { 'x-forwarded-for': value })
      expect((await from('203.0.113.1')).status).toBe(200)
      expect((await from('198.51.100.1, 203.0.113.1')).status).toBe(429)
      expect((await from(['198.51.100.2', '203.0.113.1'])).status).toBe(429)
      expect((await from(`${'1.1.1.1,'.repeat(1_200)}203.0.113.1`)).status).toBe(429)
      expect((await from('203.0.113.2')).status).toBe(200)
      expect((await askRaw(port, 'GET', '/hello', { forwarded: 'for=203.0.113.3' })).status).toBe(200)
      expect((await askRaw(port, 'GET', '/hello', { forwarded: 'for=203.0.113.4' })).status).toBe(429)
    })

    it('gives every answer its security headers once, and leaves the application its own', async () => {
      const own = { 'content-security-policy': "default-src 'self'", vary: 'accept' }
      const page: ContractRoute = { method: 'GET', path: '/page', answer: () => ({ headers: own, body: 'page' }) }
      const port = await serve({
        routes: [hello, page],
        options: {
          policies: [limit('general', 3)],
          fallback: 'general',
          securityHeaders: { 'strict-transport-security': 'max-age=31536000', 'x-frame-options': false },
          cors: { origins: ['https://app.example'] },
        },
      })
      const plain = await askRaw(port, 'GET', '/hello')
      const custom = await askRaw(port, 'GET', '/page')
      const missing = await askRaw(port, 'GET', '/missing')
      const refused = await askRaw(port, 'GET', '/hello')
      expect([missing.status, refused.status]).toEqual([404, 429])
      for (const answer of [plain, custom, missing, refused]) {
        expect(answer.field('x-content-type-options')).toBe('nosniff')
        expect(answer.field('strict-transport-security')).toBe('max-age=31536000')
        expect(answer.field('x-frame-options')).toBeUndefined()
        expect(answer.field('referrer-policy')).toBe('strict-origin-when-cross-origin')
      }
      expect(plain.field('content-security-policy')).toContain("default-src 'none'")
      expect(custom.field('content-security-policy')).toBe("default-src 'self'")
      const vary = custom.fields.filter(([each]) => each === 'vary').map(([, value]) => value)
      expect(vary.join(', ')).toMatch(/accept/)
      expect(vary.join(', ')).toMatch(/origin/)
    })

    it('lets the pages of listed origins call, and no others', async () => {
      const port = await serve({
        routes: [hello],
        options: {
          policies: [limit('general', 2)],
          fallback: 'general',
          cors: { origins: ['https://app.example'], methods: ['GET'] },
        },
      })
      const asking = { origin: 'https://app.example', 'access-control-request-method': 'GET' }
      for (let sent = 0; sent < 3; sent += 1) {
        const preflight = await askRaw(port, 'OPTIONS', '/hello', asking)
        expect([preflight.status, preflight.field('access-control-allow-origin')]).toEqual([204, 'https://app.example'])
        expect(preflight.field('access-control-allow-methods')).toBe('GET')
      }
      const forged = { ...asking, origin: 'https://app.example.evil' }
      expect((await askRaw(port, 'OPTIONS', '/hello', forged)).field('access-control-allow-origin')).toBeUndefined()
      const admitted = await askRaw(port, 'GET', '/hello', { origin: 'https://app.example' })
      expect(admitted.field('access-control-allow-origin')).toBe('https://app.example')
      expect(admitted.field('access-control-expose-headers')).toContain('retry-after')
      const stranger = await askRaw(port, 'GET', '/hello', { origin: 'null' })
      expect([stranger.status, stranger.field('access-control-allow-origin')]).toEqual([200, undefined])
      const refused = await askRaw(port, 'GET', '/hello', { origin: 'https://app.example' })
      expect([refused.status, refused.field('access-control-allow-origin')]).toEqual([429, 'https://app.example'])
    })

    it('decides pipelined requests one by one and answers in their order', async () => {
      const port = await serve({ routes: [hello], options: { policies: [limit('general', 3)], fallback: 'general' } })
      const connection = await dial(port)
      connection.write(rawRequest('GET', '/hello').repeat(5))
      const statuses: number[] = []
      for (let read = 0; read < 5; read += 1) statuses.push((await connection.next()).status)
      expect(statuses).toEqual([200, 200, 200, 429, 429])
    })

    it('hands an admitted body on whole', async () => {
      const port = await serve({
        routes: [echo],
        options: { policies: [limit('general', 3)], fallback: 'general' },
      })
      const body = 'é'.repeat(40_000)
      expect((await askRaw(port, 'POST', '/echo', { 'content-type': 'text/plain' }, body)).body).toBe(body)
    })

    it('goes on with a connection whose short body was refused unread', async () => {
      const port = await serve({ routes: [hello, echo], options: { policies: [limit('posts', 1)], fallback: 'posts' } })
      await askRaw(port, 'GET', '/hello')
      const connection = await dial(port)
      connection.write(rawRequest('POST', '/echo', { 'content-type': 'text/plain' }, 'x'.repeat(10_000)))
      expect((await connection.next()).status).toBe(429)
      connection.write(rawRequest('OPTIONS', '/hello') + rawRequest('GET', '/hello'))
      expect((await connection.next()).status).not.toBe(429)
      expect((await connection.next()).status).toBe(429)
    })

    it('ends a connection whose long body was refused, after the whole answer, and serves nothing behind it', async () => {
      const runs = { count: 0 }
      const counting: ContractRoute = {
        method: 'GET',
        path: '/free',
        answer: () => {
          runs.count += 1
          return { body: 'free' }
        },
      }
      const file = { posts: { match: { method: 'POST', path: '/*' }, rules: { burst: { ...perMinute, limit: 1 } } } }
      const port = await serve({
        routes: [counting, echo],
        options: { policies: loadPolicies({ version: 1, policies: file }, []) },
      })
      await askRaw(port, 'POST', '/echo', { 'content-type': 'text/plain' }, 'x')
      const connection = await dial(port)
      const chunk = `4000\r\n${'x'.repeat(16_384)}\r\n`
      connection.write(rawRequest('POST', '/echo', { 'transfer-encoding': 'chunked', 'content-type': 'text/plain' }))
      connection.write(chunk)
      const refused = await connection.next()
      expect([refused.status, refused.field('connection')]).toEqual([429, 'close'])
      expect(JSON.parse(refused.body)).toMatchObject({ status: 429 })
      connection.write(`${chunk}0\r\n\r\n${rawRequest('GET', '/free')}`)
      expect(await connection.ended()).toBe('')
      // The server has read all of it once it has closed on the client's own end.
      connection.socket.end()
      await new Promise((resolve) => connection.socket.once('close', resolve))
      expect(runs.count).toBe(0)
      expect((await askRaw(port, 'GET', '/free')).body).toBe('free')
    })

    it('reads only so much of a refused body that never ends', async () => {
      const port = await serve({ routes: [echo], options: { policies: [limit('posts', 1)], fallback: 'posts' } })
      await askRaw(port, 'POST', '/echo', { 'content-type': 'text/plain' }, 'x')
      const connection = await dial(port)
      connection.write(rawRequest('POST', '/echo', { 'content-length': '10000000000', 'content-type': 'text/plain' }))
      expect((await connection.next()).status).toBe(429)
      const flood = 'x'.repeat(1_048_576)
      const { socket } = connection
      const timer = setInterval(() => socket.writableLength === 0 && connection.write(flood), 1)
      open.push(() => clearInterval(timer))
      await new Promise((resolve) => socket.once('close', resolve))
      // The server looks every 50 ms whether 1 MiB or 2 s are over; what the kernels hold counts as written.
      expect(socket.bytesWritten).toBeLessThan(200 * 1_048_576)
    })

    it('gives slots back when answers end, fail or are left, once each', async () => {
      const held = createGate()
      const slow: ContractRoute = {
        method: 'GET',
        path: '/slow',
        policy: slots(2),
        answer: async () => {
          await held.wait()
          return { body: 'slow' }
        },
      }
      const failing: ContractRoute = {
        ...slow,
        path: '/fails',
        answer: () => {
          throw new Error('a fault of the application')
        },
      }
      const port = await serve({ routes: [slow, failing], options: {} })

      for (let sent = 0; sent < 3; sent += 1) expect((await askRaw(port, 'GET', '/fails')).status).toBe(500)
      const [first, second] = [await dial(port), await dial(port)]
      first.write(rawRequest('GET', '/slow'))
      second.write(rawRequest('GET', '/slow'))
      await eventually(() => held.begun() === 2)
      const refused = await askRaw(port, 'GET', '/slow')
      expect([refused.status, refused.field('retry-after')]).toEqual([429, undefined])

      first.destroy()
      const third = await enter(port, held)
      held.letGo()
      expect((await second.next()).body).toBe('slow')
      expect((await third.answer).body).toBe('slow')
      for (let sent = 0; sent < 3; sent += 1) expect((await askRaw(port, 'GET', '/fails')).status).toBe(500)
    })

    it('gives back the slots of answers that waited behind another when their connection breaks', async () => {
      const held = createGate()
      const slow: ContractRoute = {
        method: 'GET',
        path: '/slow',
        policy: slots(3),
        answer: async () => {
          await held.wait()
          return { body: 'slow' }
        },
      }
      const port = await serve({ routes: [slow], options: {} })
      const connection = await dial(port)
      connection.write(rawRequest('GET', '/slow').repeat(3))
      await eventually(() => held.begun() === 3)
      connection.destroy()
      const entered = [await enter(port, held), await enter(port, held), await enter(port, held)]
      held.letGo()
      for (const { answer } of entered) expect((await answer).status).toBe(200)
    })

    it('gives a slot back when the client leaves in the middle of its body', async () => {
      const [rule] = slots(1).rules
      const file = { uploads: { match: { path: '/upload' }, rules: { 'at-once': { ...rule, id: undefined } } } }
      const policies = loadPolicies({ version: 1, policies: file }, [])
      const port = await serve({ routes: [{ ...echo, path: '/upload' }], options: { policies } })
      const connection = await dial(port)
      connection.write(rawRequest('POST', '/upload', { 'content-length': '1000', 'content-type': 'text/plain' }))
      connection.write('x'.repeat(100))
      await eventually(async () => (await askRaw(port, 'POST', '/upload', text, 'y')).status === 429)
      connection.destroy()
      await eventually(async () => (await askRaw(port, 'POST', '/upload', text, 'y')).status === 200)
    })

    it('waits for a store elsewhere before anything of the application runs', async () => {
      const store = createWaitingStore()
      const runs = { count: 0 }
      const counting: ContractRoute = {
        ...hello,
        answer: () => {
          runs.count += 1
          return { body: 'hello' }
        },
      }
      const guard = createGuard({ policies: [limit('general', 1)], store, deadlineMs: 10_000 })
      const port = await serve({ routes: [counting], options: { guard, fallback: 'general' } })
      const connection = await dial(port)
      connection.write(rawRequest('GET', '/hello').repeat(2))
      await eventually(() => store.waiting() >= 1)
      expect(runs.count).toBe(0)
      store.become('ready')
      store.letGo()
      expect([(await connection.next()).status, (await connection.next()).status]).toEqual([200, 429])
      expect(runs.count).toBe(1)
    })

    it('gives back the slot of a client that left while the store was asked', async () => {
      const store = createWaitingStore()
      const policy = slots(1)
      const guard = createGuard({ policies: [policy], store, deadlineMs: 10_000 })
      const port = await serve({ routes: [{ ...hello, policy }], options: { guard } })
      const connection = await dial(port)
      connection.write(rawRequest('GET', '/hello'))
      await eventually(() => store.waiting() === 1)
      connection.destroy()
      await new Promise((resolve) => connection.socket.once('close', resolve))
      // The server hears of the end before it can answer another connection that came behind it.
      const probe = await dial(port)
      probe.write(rawRequest('OPTIONS', '/hello'))
      await probe.next()
      store.become('ready')
      store.letGo()
      await eventually(() => store.released() === 1)
      expect((await askRaw(port, 'GET', '/hello')).status).toBe(200)
    })

    it('admits or refuses as each rule says when the store fails', async () => {
      const store = createWaitingStore()
      store.become('broken')
      const policies = [limit('open', 1), limit('closed', 1, { onStoreFailure: 'closed' })]
      const guard = createGuard({ policies, store })
      const [openPolicy, closedPolicy] = policies
      if (openPolicy === undefined || closedPolicy === undefined) throw new Error('no policy')
      const routes = [
        { ...hello, path: '/open', policy: openPolicy },
        { ...hello, path: '/closed', policy: closedPolicy },
      ]
      const port = await serve({ routes, options: { guard } })
      for (let sent = 0; sent < 3; sent += 1) expect((await askRaw(port, 'GET', '/open')).status).toBe(200)
      const refused = await askRaw(port, 'GET', '/closed', { 'accept-language': 'fr' })
      expect(refused.status).toBe(503)
      expect(refused.field('retry-after')).toBe('1')
      expect(refused.field('x-ratelimit-limit')).toBeUndefined()
      const body = JSON.parse(refused.body)
      expect(body).toMatchObject({ code: 'service-unavailable', error: 'Service indisponible' })
      // No limit was passed, and none is named.
      expect(body['violated-policies']).toBeUndefined()
    })

    it('counts by account once the application knows it', async () => {
      const policy: PolicyInput = {
        id: 'mail.send',
        rules: [{ id: 'day', kind: 'rate-limit', by: 'account', limit: 1, window: '1d' }],
      }
      const port = await serve({ routes: [{ ...hello, policy }], options: {}, isLate: true })
      const as = (account: string) => askRaw(port, 'GET', '/hello', { 'x-account': account })
      expect((await as('ada')).field('x-ratelimit-remaining')).toBe('0')
      expect((await as('ada')).status).toBe(429)
      expect((await as('bob')).status).toBe(200)
    })

    it('lets the application answer refusals itself', async () => {
      const port = await serve({
        routes: [hello],
        options: { policies: [limit('general', 1)], fallback: 'general' },
        onRefuse: 'teapot',
      })
      await askRaw(port, 'GET', '/hello')
      const refused = await askRaw(port, 'GET', '/hello')
      expect([refused.status, refused.body]).toEqual([418, 'general/burst'])
      expect(refused.field('x-ratelimit-remaining')).toBe('0')
    })

    it('answers on when a handler throws, and counts it', async () => {
      const failing: ContractRoute = {
        method: 'GET',
        path: '/fails',
        answer: () => Promise.reject(new Error('a fault of the application')),
      }
      const port = await serve({
        routes: [hello, failing],
        options: { policies: [limit('general', 2)], fallback: 'general', securityHeaders: true },
      })
      expect((await askRaw(port, 'GET', '/fails')).status).toBe(500)
      expect((await askRaw(port, 'GET', '/hello')).field('x-ratelimit-remaining')).toBe('0')
      expect((await askRaw(port, 'GET', '/fails')).status).toBe(429)
    })
  })
}

const perMinute = { kind: 'rate-limit', by: 'ip', window: '60s' } as const
const text = { 'content-type': 'text/plain' }
const echo: ContractRoute = {
  method: 'POST',
  path: '/echo',
  answer: async (call) => ({ body: await call.body() }),
}

/** Handlers that wait until they are let. */
interface Gate {
  begun(): number
  letGo(): void
  wait(): Promise<void>
}

function createGate(): Gate {
  let begun = 0
  let isOpen = false
  const waiting: (() => void)[] = []
  return {
    begun: () => begun,
    letGo() {
      isOpen = true
      for (const go of waiting.splice(0)) go()
    },
    wait() {
      begun += 1
      return isOpen ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))
    },
  }
}

async function eventually(isSo: () => boolean | Promise<boolean>): Promise<void> {
  await vi.waitUntil(isSo, { timeout: 10_000, interval: 10 })
}
