import { createServer, type IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import fastify from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { createGuard } from '../guard.ts'
import type { PolicyInput } from '../policy.ts'
import { loadPolicies } from '../policy-file/load.ts'
import { createMemoryStore } from '../stores/memory.ts'
import { askRaw, type RawAnswer } from '../testing/raw-http.ts'
import { parseItems } from '../testing/structured-field-parser.ts'
import { fastifyGuard } from './fastify.ts'
import type { Protection } from './http.ts'
import { type NodeGuardOptions, type NodeHandler, nodeGuard } from './node.ts'

const limit = (id: string, units: number): PolicyInput => ({
  id,
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: units, window: '60s' }],
})
const hello: NodeHandler = (_request, response) => void response.end('hello')

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0)) close()
})

async function listen(listener: Parameters<typeof createServer>[1], options = {}): Promise<number> {
  const server = createServer(options, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(() => server.close().closeAllConnections())
  return (server.address() as AddressInfo).port
}

async function serve(options: NodeGuardOptions, handler = hello): Promise<number> {
  return listen(nodeGuard(options)(handler))
}

describe('the policies of an application', () => {
  it('must exist: a name without a policy is refused where it is written', async () => {
    const policies = [limit('general', 1)]
    expect(() => nodeGuard({ policies, fallback: 'generall' })).toThrow(RangeError)
    expect(() => nodeGuard({ policies })(hello, 'contact')).toThrow(RangeError)
    const guard = createGuard({ policies, store: createMemoryStore() })
    expect(() => nodeGuard({ guard })(hello, limit('contact', 1))).toThrow(RangeError)
    expect(() => nodeGuard({ guard, store: createMemoryStore() })).toThrow(RangeError)
    const app = fastify()
    app.register(fastifyGuard, { guard })
    app.register(async (routes) => {
      routes.get('/', { config: { guard: limit('contact', 1) } }, () => '')
    })
    await expect(app.ready()).rejects.toThrow(RangeError)
  })

  it('are refused where two of one name differ', () => {
    const protect = nodeGuard({})
    protect(hello, limit('contact', 1))
    expect(() => protect(hello, limit('contact', 2))).toThrow(RangeError)
  })

  it('can be replaced while serving, and counters keep', async () => {
    const load = (units: number) =>
      loadPolicies(
        {
          version: 1,
          policies: {
            all: {
              match: { path: '/*' },
              rules: { burst: { kind: 'rate-limit', by: 'ip', limit: units, window: '60s' } },
            },
          },
        },
        [],
      )
    const protect = nodeGuard({ policies: load(1) })
    const port = await listen(protect(hello))
    const ask = () => askRaw(port, 'GET', '/')
    expect([(await ask()).status, (await ask()).status]).toEqual([200, 429])
    protect.protection.replacePolicies(load(3))
    const answers = [await ask(), await ask(), await ask()]
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429])
  })

  it('may be chosen by the application, for this request or for none', async () => {
    const port = await serve({
      policies: [limit('posts', 1)],
      policyOf: ({ url }) => (url === '/free' ? 'none' : 'posts'),
    })
    const statuses: number[] = []
    for (const path of ['/a', '/b', '/free', '/free']) statuses.push((await askRaw(port, 'GET', path)).status)
    expect(statuses).toEqual([200, 429, 200, 200])
  })

  it('count a path that can be read in two ways under both, and refuse where one refuses', async () => {
    const rule = { kind: 'rate-limit', by: 'ip', limit: 1, window: '60s' }
    const policies = loadPolicies(
      {
        version: 1,
        policies: {
          a: { match: { path: '/a/b' }, rules: { burst: { ...rule, limit: 5 } } },
          rest: { match: { path: '/:any' }, rules: { burst: rule } },
        },
      },
      [],
    )
    const port = await serve({ policies })
    const first = await askRaw(port, 'GET', '/a%2Fb')
    expect([first.status, first.field('ratelimit-policy')]).toEqual([200, '"rest/burst";q=1;w=60'])
    expect((await askRaw(port, 'GET', '/a%2Fb')).status).toBe(429)
    expect((await askRaw(port, 'GET', '/a/b')).field('x-ratelimit-remaining')).toBe('3')
  })

  it('include the fallback where a path can be read as one that no policy matches', async () => {
    const lax = {
      match: { path: '/status/live' },
      rules: { burst: { kind: 'rate-limit', by: 'ip', limit: 50, window: '60s' } },
    }
    const policies = [...loadPolicies({ version: 1, policies: { lax } }, []), limit('general', 2)]
    const port = await serve({ policies, fallback: 'general' })
    const odd = [
      '/contact#/../status/live',
      '/search/..%2f..%2fstatus%2flive',
      '/contact;/../status/live',
      `/contact#/${'a%41'.repeat(200)}/../../status/live`,
    ]
    const statuses: number[] = []
    for (const path of odd) statuses.push((await askRaw(port, 'GET', path)).status)
    expect(statuses).toEqual([200, 200, 429, 429])
    const plain = await askRaw(port, 'GET', '/status/live')
    expect([plain.status, plain.field('ratelimit-policy')]).toEqual([200, '"lax/burst";q=50;w=60'])
  })
})

describe('a path that can be read in two ways', () => {
  it.each([
    ['/a/b', '/:any', '/a/b'],
    ['/:any', '/a/b', '/x'],
  ])('holds no slot of %s where %s refuses', async (slotPath, limitPath, freePath) => {
    const policies = loadPolicies(
      {
        version: 1,
        policies: {
          slots: {
            match: { path: slotPath },
            rules: { 'at-once': { kind: 'concurrency', by: 'ip', slots: 1, lease: '10m' } },
          },
          limit: {
            match: { path: limitPath },
            rules: { burst: { kind: 'rate-limit', by: 'ip', limit: 1, window: '60s' } },
          },
        },
      },
      [],
    )
    const port = await serve({ policies })
    const statuses: number[] = []
    for (const path of ['/a%2Fb', '/a%2Fb', '/a%2Fb', freePath, freePath]) {
      statuses.push((await askRaw(port, 'GET', path)).status)
    }
    expect(statuses).toEqual([200, 429, 429, 200, 200])
  })
})

describe('the client of a request', () => {
  it('is the peer where so many header lines came that the proxy’s own may be cut off', async () => {
    const port = await listen(
      nodeGuard({
        policies: [limit('general', 1)],
        fallback: 'general',
        clientAddress: { trustedProxies: ['127.0.0.1'] },
      })(hello),
      { maxHeaderSize: 1_048_576 },
    )
    const crowd = (client: string) => ({
      'x-forwarded-for': [...Array.from({ length: 300 }, (_, index) => `198.51.100.${index % 250}`), client],
    })
    expect((await askRaw(port, 'GET', '/', crowd('203.0.113.1'))).status).toBe(200)
    expect((await askRaw(port, 'GET', '/', crowd('203.0.113.2'))).status).toBe(429)
    expect((await askRaw(port, 'GET', '/', { 'x-forwarded-for': '203.0.113.2' })).status).toBe(200)
  })

  it('is told in time from 10,000 forged entries', async () => {
    const port = await listen(
      nodeGuard({
        policies: [limit('general', 1)],
        fallback: 'general',
        clientAddress: { trustedProxies: ['127.0.0.1'] },
      })(hello),
      { maxHeaderSize: 1_048_576 },
    )
    const forged = Array.from({ length: 10_000 }, (_, index) => `198.51.${index >> 8}.${index & 255}`).join(', ')
    const startMs = performance.now()
    expect((await askRaw(port, 'GET', '/', { 'x-forwarded-for': `${forged}, 203.0.113.1` })).status).toBe(200)
    expect((await askRaw(port, 'GET', '/', { 'x-forwarded-for': `198.51.100.9, 203.0.113.1` })).status).toBe(429)
    expect(performance.now() - startMs).toBeLessThan(2_000)
  })
})

describe('what is known of a request', () => {
  it('may come late, and a failure to know it is the application’s error', async () => {
    const errors: unknown[] = []
    const port = await serve({
      policies: [limit('general', 1)],
      fallback: 'general',
      subjects: async ({ url }) => (url === '/fails' ? Promise.reject(new Error('no')) : {}),
      onError: (error) => errors.push(error),
    })
    const statuses: number[] = []
    for (const path of ['/fails', '/', '/']) statuses.push((await askRaw(port, 'GET', path)).status)
    expect(statuses).toEqual([500, 200, 429])
    expect(errors).toHaveLength(1)
  })

  it('has a cost, and the tenant’s own figures', async () => {
    const port = await serve({
      policies: [limit('general', 10)],
      fallback: 'general',
      decideOptions: () => ({ cost: 4, overrides }),
    })
    const answers: RawAnswer[] = []
    for (let sent = 0; sent < 3; sent += 1) answers.push(await askRaw(port, 'GET', '/'))
    expect(answers.map((answer) => [answer.status, answer.field('x-ratelimit-limit')])).toEqual([
      [200, '8'],
      [200, '8'],
      [429, '8'],
    ])
  })

  it('clears a lockout when a sign-in is reported', async () => {
    const login: PolicyInput = {
      id: 'login',
      rules: [{ id: 'tries', kind: 'lockout', by: 'ip', attempts: 2, window: '15m', lock: '15m' }],
    }
    let protection: Protection<IncomingMessage> | undefined
    const protect = nodeGuard({ policies: [login], fallback: 'login' })
    protection = protect.protection
    const port = await listen(
      protect((request, response) => {
        if (request.url === '/right') protection?.guard.reportSuccess('login', protection.subjectsOf(request))
        response.end()
      }),
    )
    const statuses: number[] = []
    for (const path of ['/wrong', '/right', '/wrong', '/wrong', '/wrong']) {
      statuses.push((await askRaw(port, 'GET', path)).status)
    }
    expect(statuses).toEqual([200, 200, 200, 200, 429])
  })
})

const overrides = { general: { burst: { limit: 8 } } }

describe('the fields of an answer', () => {
  it('are the same in a call in process as on the wire', async () => {
    const app = fastify()
    await app.register(fastifyGuard, {
      policies: [limit('general', 1)],
      fallback: 'general',
      securityHeaders: true,
      cors: { origins: ['https://app.example'] },
    })
    app.get('/', () => 'hello')
    const inject = await app.inject({ url: '/', headers: { origin: 'https://app.example' } })
    const refusedInject = await app.inject({ url: '/', headers: { origin: 'https://app.example' } })
    await app.listen({ port: 0, host: '127.0.0.1' })
    open.push(() => void app.close())
    const port = (app.server.address() as AddressInfo).port
    const wire = await askRaw(port, 'GET', '/', { origin: 'https://app.example' })
    const names = (answer: { headers: object } | RawAnswer) =>
      ('fields' in answer ? answer.fields.map(([name]) => name) : Object.keys(answer.headers))
        .filter((name) => !['keep-alive', 'connection'].includes(name))
        .sort()
    // The one counter of the loopback address is spent in process.
    expect([inject.statusCode, refusedInject.statusCode, wire.status]).toEqual([200, 429, 429])
    const merged = new Set(names(wire))
    expect([...merged]).toEqual(names(refusedInject))
    expect(names(inject)).toContain('x-frame-options')
  })

  it('parse as structured fields, whatever a policy is called', async () => {
    const ids = fc.stringMatching(/^[A-Za-z0-9][\w.:-]{0,20}$/)
    await fc.assert(
      fc.asyncProperty(ids, async (id) => {
        const port = await serve({ policies: [limit(id, 7)], fallback: id })
        const answer = await askRaw(port, 'GET', '/')
        expect(parseItems(answer.field('ratelimit-policy') ?? '')).toEqual([
          { name: `${id}/burst`, parameters: { q: 7, w: 60 } },
        ])
        expect(parseItems(answer.field('ratelimit') ?? '')).toMatchObject([
          { name: `${id}/burst`, parameters: { r: 6 } },
        ])
      }),
      { numRuns: 20 },
    )
  })

  it.each([
    ['an object', (response: ServerResponse) => response.writeHead(200, { 'X-Frame-Options': 'SAMEORIGIN' })],
    ['a flat list', (response: ServerResponse) => response.writeHead(200, ['X-Frame-Options', 'SAMEORIGIN'])],
    [
      'pairs',
      (response: ServerResponse) => response.writeHead(200, [['X-Frame-Options', 'SAMEORIGIN']] as unknown as string[]),
    ],
    ['setHeader', (response: ServerResponse) => response.setHeader('X-Frame-Options', 'SAMEORIGIN')],
  ])('give way to those an application writes as %s', async (_form, write) => {
    const port = await serve({ securityHeaders: true }, (_request, response) => {
      write(response)
      response.end()
    })
    const answer = await askRaw(port, 'GET', '/')
    expect(answer.field('x-frame-options')).toBe('SAMEORIGIN')
    expect(answer.field('x-content-type-options')).toBe('nosniff')
  })

  it('reach an answer whose class writes its head in a way of its own', async () => {
    class OwnResponse extends ServerResponse {
      _storeHeader(firstLine: string, headers: unknown): void {
        Reflect.get(ServerResponse.prototype, '_storeHeader').call(this, firstLine, headers)
      }
    }
    const listener = nodeGuard({ policies: [limit('general', 5)], fallback: 'general', securityHeaders: true })(hello)
    const port = await listen(listener, { ServerResponse: OwnResponse })
    const answer = await askRaw(port, 'GET', '/')
    expect([answer.field('x-frame-options'), answer.field('x-ratelimit-remaining')]).toEqual(['DENY', '4'])
  })
})

describe('reasons other than a limit', () => {
  it.each([
    [{ id: 'list', kind: 'access-list', by: 'ip', deny: ['127.0.0.0/8'] }, 403, 'access-denied', undefined],
    [
      { id: 'bots', kind: 'signal', sources: ['userAgent'], challenge: 50, deny: 101 },
      401,
      'challenge-required',
      'Rempart-Proof',
    ],
  ] as const)('answer %j with %i', async (rule, status, code, scheme) => {
    const policy = { id: 'p', rules: [{ ...rule, ...(rule.kind === 'signal' && { deny: 100 }) }] } as PolicyInput
    const port = await serve({
      policies: [policy],
      fallback: 'p',
      subjects: () => ({ evidence: { signals: { userAgent: 60 } } }),
    })
    const answer = await askRaw(port, 'GET', '/')
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([status, code])
    expect(answer.field('www-authenticate')).toBe(scheme)
    expect(answer.field('retry-after')).toBeUndefined()
  })
})
