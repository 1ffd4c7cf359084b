import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastifyRateLimit from '@fastify/rate-limit'
import express, { type Response } from 'express'
import { type Options, rateLimit } from 'express-rate-limit'
import fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createMemoryStore } from '../stores/memory.ts'
import { askRaw } from '../testing/raw-http.ts'
import { createWaitingStore } from '../testing/waiting-store.ts'
import { expressRateLimitStore, fastifyRateLimitStore } from './compat.ts'

const open: (() => unknown)[] = []
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

/** Complaints of the limiter about its store. */
const complaints: unknown[] = []
const logger = { error: (error: unknown) => complaints.push(error), warn: (error: unknown) => complaints.push(error) }
afterEach(() => {
  expect(complaints.splice(0)).toEqual([])
})

async function serveExpress(
  options: Partial<Options>,
  answer = (response: Response): unknown => response.send('ok'),
): Promise<{ port: number; limiter: ReturnType<typeof rateLimit> }> {
  const app = express()
  app.set('env', 'test')
  const limiter = rateLimit({ logger, keyGenerator: (request) => String(request.headers['x-key']), ...options })
  app.use(limiter)
  app.get('/', (_request, response) => void answer(response))
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(() => server.close().closeAllConnections())
  return { port: (server.address() as AddressInfo).port, limiter }
}

const ask = (port: number, key = 'a', path = '/') => askRaw(port, 'GET', path, { 'x-key': key })
const statusesOf = async (port: number, count: number, key = 'a'): Promise<number[]> => {
  const statuses: number[] = []
  for (let sent = 0; sent < count; sent += 1) statuses.push((await ask(port, key)).status)
  return statuses
}

/** Asks without a pause for three windows: whatever was answered within a window of the sending of another counts with it. */
async function expectNoBurst(port: number, limit: number, windowMs: number): Promise<void> {
  const admitted: { readonly sentAtMs: number; readonly answeredAtMs: number }[] = []
  const endsAtMs = performance.now() + 3 * windowMs
  while (performance.now() < endsAtMs) {
    const sentAtMs = performance.now()
    if ((await ask(port)).status === 200) admitted.push({ sentAtMs, answeredAtMs: performance.now() })
  }
  expect(admitted.length).toBeGreaterThanOrEqual(2 * limit)
  for (const [index, { sentAtMs }] of admitted.entries()) {
    const next = admitted[index + limit]
    // The store's clock has whole milliseconds.
    if (next !== undefined) expect(next.answeredAtMs - sentAtMs).toBeGreaterThan(windowMs - 1)
  }
}

describe('the store for express-rate-limit', () => {
  it('admits at most the limit in any window, and keeps what Retry-After says', async () => {
    const { port } = await serveExpress({
      store: expressRateLimitStore(),
      windowMs: 60_000,
      limit: 3,
      standardHeaders: 'draft-8',
    })
    const first = await ask(port)
    expect(first.field('ratelimit')).toMatch(/r=2; t=60$/)
    expect(await statusesOf(port, 3)).toEqual([200, 200, 429])
    const refused = await ask(port)
    expect([refused.field('x-ratelimit-limit'), refused.field('x-ratelimit-remaining')]).toEqual(['3', '0'])
    expect(Number(refused.field('retry-after'))).toBeGreaterThan(55)
    expect(await statusesOf(port, 1, 'b')).toEqual([200])
  })

  it('lets no burst through around the end of a window', async () => {
    const windowMs = 400
    const { port } = await serveExpress({ store: expressRateLimitStore(), windowMs, limit: 4 })
    await expectNoBurst(port, 4, windowMs)
  })

  it('tells and forgets a key for the limiter’s own calls', async () => {
    const { port, limiter } = await serveExpress({ store: expressRateLimitStore(), windowMs: 60_000, limit: 2 })
    expect(await limiter.getKey('a')).toBeUndefined()
    await statusesOf(port, 2)
    expect(await limiter.getKey('a')).toMatchObject({ totalHits: 2 })
    expect(await statusesOf(port, 1)).toEqual([429])
    await limiter.resetKey('a')
    await vi.waitUntil(async () => (await limiter.getKey('a')) === undefined)
    expect(await statusesOf(port, 3)).toEqual([200, 200, 429])
  })

  it('gives failed requests back, and nothing for those it refused', async () => {
    const answers = [500, 200, 500, 200, 200, 200]
    const store = expressRateLimitStore()
    const decrement = vi.spyOn(store, 'decrement')
    const { port, limiter } = await serveExpress(
      { store, windowMs: 60_000, limit: 2, skipFailedRequests: true },
      (response) => response.status(answers.shift() ?? 200).send('x'),
    )
    const settled = (hits: number) =>
      vi.waitUntil(async () => ((await limiter.getKey('a'))?.totalHits ?? 0) === hits, { timeout: 5_000 })
    expect(await statusesOf(port, 1)).toEqual([500])
    await settled(0)
    expect(await statusesOf(port, 1)).toEqual([200])
    expect(await statusesOf(port, 1)).toEqual([500])
    await settled(1)
    expect(await statusesOf(port, 4)).toEqual([200, 429, 429, 429])
    // Two failures and the three refusals.
    await vi.waitUntil(() => decrement.mock.calls.length === 5, { timeout: 5_000 })
    await Promise.all(decrement.mock.results.map(({ value }) => value))
    expect((await limiter.getKey('a'))?.totalHits).toBe(2)
    await limiter.resetKey('a')
    await settled(0)
  })

  it('gives successes back where only failures count', async () => {
    const answers = [200, 200, 200, 401, 401]
    const { port, limiter } = await serveExpress(
      { store: expressRateLimitStore(), windowMs: 60_000, limit: 2, skipSuccessfulRequests: true },
      (response) => response.status(answers.shift() ?? 200).send('x'),
    )
    for (let sent = 0; sent < 3; sent += 1) {
      expect(await statusesOf(port, 1)).toEqual([200])
      await vi.waitUntil(async () => (await limiter.getKey('a')) === undefined, { timeout: 5_000 })
    }
    expect(await statusesOf(port, 4)).toEqual([401, 401, 429, 429])
  })

  it('keeps two limiters over one store apart by their prefix', async () => {
    const store = createMemoryStore()
    const [one, other] = ['one:', 'other:'].map((prefix) => expressRateLimitStore({ store, prefix }))
    if (one === undefined || other === undefined) throw new Error('no store')
    expect([one.localKeys, expressRateLimitStore().localKeys]).toEqual([false, true])
    const app = express()
    app.use(rateLimit({ logger, store: one, windowMs: 60_000, limit: 3, keyGenerator: () => 'a' }))
    app.use(rateLimit({ logger, store: other, windowMs: 60_000, limit: 2, keyGenerator: () => 'a' }))
    app.get('/', (_request, response) => void response.send('ok'))
    const server = createServer(app)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    open.push(() => server.close().closeAllConnections())
    const port = (server.address() as AddressInfo).port
    const answers = [await ask(port), await ask(port), await ask(port)]
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429])
  })

  it('counts limits that a function gives, up to the highest', async () => {
    const limits: Readonly<Record<string, number>> = { small: 1, large: 3 }
    const limit: Options['limit'] = (request) => limits[String(request.headers['x-key'])] ?? 0
    const { port } = await serveExpress({ store: expressRateLimitStore({ highestLimit: 3 }), windowMs: 60_000, limit })
    expect(await statusesOf(port, 2, 'small')).toEqual([200, 429])
    expect(await statusesOf(port, 4, 'large')).toEqual([200, 200, 200, 429])
    const store = expressRateLimitStore()
    store.init?.({ windowMs: 1_000, limit } as Options)
    expect(() => store.increment('a')).toThrow(RangeError)
  })

  it('fails within its deadline when the store does not answer, for the limiter to decide', async () => {
    const store = createWaitingStore()
    const refusing = await serveExpress({ store: expressRateLimitStore({ store }), windowMs: 60_000, limit: 1 })
    const startMs = performance.now()
    expect(await statusesOf(refusing.port, 1)).toEqual([500])
    expect(performance.now() - startMs).toBeLessThan(1_000)
    const passing = await serveExpress({
      store: expressRateLimitStore({ store }),
      windowMs: 60_000,
      limit: 1,
      passOnStoreError: true,
    })
    expect(await statusesOf(passing.port, 2)).toEqual([200, 200])
    expect(complaints.splice(0)).toHaveLength(2)
    store.become('ready')
    store.letGo()
    expect(await statusesOf(refusing.port, 2, 'fresh')).toEqual([200, 429])
  })
})

describe('the store for @fastify/rate-limit', () => {
  const serve = async (
    options: object,
    furnish: (app: FastifyInstance) => void = () => undefined,
  ): Promise<{ app: FastifyInstance; port: number }> => {
    const app = fastify()
    await app.register(fastifyRateLimit, {
      keyGenerator: (request) => String(request.headers['x-key']),
      timeWindow: 60_000,
      ...options,
    })
    app.get('/', () => 'ok')
    furnish(app)
    await app.listen({ port: 0, host: '127.0.0.1' })
    open.push(() => app.close())
    return { app, port: (app.server.address() as AddressInfo).port }
  }

  it('admits at most the limit in any window, and tells when there is more', async () => {
    const { port } = await serve({ store: fastifyRateLimitStore(), max: 2 })
    const first = await ask(port)
    expect([first.field('x-ratelimit-limit'), first.field('x-ratelimit-remaining')]).toEqual(['2', '1'])
    expect(first.field('x-ratelimit-reset')).toBe('60')
    expect(await statusesOf(port, 3)).toEqual([200, 429, 429])
    expect(Number((await ask(port)).field('retry-after'))).toBeGreaterThan(55)
    expect(await statusesOf(port, 1, 'b')).toEqual([200])
  })

  it('lets no burst through around the end of a window', async () => {
    const windowMs = 400
    const { port } = await serve({ store: fastifyRateLimitStore(), max: 4, timeWindow: windowMs })
    await expectNoBurst(port, 4, windowMs)
  })

  it('counts each route with a limit of its own apart, and limits by a function', async () => {
    const { port } = await serve({ store: fastifyRateLimitStore(), max: 2 }, (app) => {
      app.get('/own', { config: { rateLimit: { max: 1 } } }, () => 'ok')
      app.get('/paid', { config: { rateLimit: { max: (_request, key) => (key === 'rich' ? 3 : 0) } } }, () => 'ok')
    })
    expect(await statusesOf(port, 2)).toEqual([200, 200])
    const statuses = async (path: string, key: string, count: number) => {
      const found: number[] = []
      for (let sent = 0; sent < count; sent += 1) found.push((await ask(port, key, path)).status)
      return found
    }
    expect(await statuses('/own', 'a', 2)).toEqual([200, 429])
    expect(await statuses('/paid', 'a', 1)).toEqual([429])
    expect(await statuses('/paid', 'rich', 4)).toEqual([200, 200, 200, 429])
  })

  it('bans who goes on beyond the limit, and reads without counting', async () => {
    const { port, app } = await serve({ store: fastifyRateLimitStore(), max: 1, ban: 2, global: true })
    expect(await statusesOf(port, 6)).toEqual([200, 429, 429, 403, 403, 403])
    const peek = app.createRateLimit({ max: 5, timeWindow: 60_000 })
    const request = { headers: { 'x-key': 'a' }, routeOptions: {} } as never
    await peek(request)
    const counts = [await peek(request, { increment: false }), await peek(request, { increment: false })]
    expect(counts).toMatchObject([{ remaining: 4 }, { remaining: 4 }])
  })

  it('refuses at start what no client could be told', async () => {
    for (const option of [{ continueExceeding: true }, { exponentialBackoff: true }]) {
      const app = fastify()
      await expect(app.register(fastifyRateLimit, { store: fastifyRateLimitStore(), ...option })).rejects.toThrow(
        RangeError,
      )
    }
  })

  it('fails within its deadline when the store does not answer, for the plugin to decide', async () => {
    const store = createWaitingStore()
    const refusing = await serve({ store: fastifyRateLimitStore({ store }), max: 1 })
    const passing = await serve({ store: fastifyRateLimitStore({ store, prefix: 'p:' }), max: 1, skipOnError: true })
    const startMs = performance.now()
    expect(await statusesOf(refusing.port, 1)).toEqual([500])
    expect(await statusesOf(passing.port, 2)).toEqual([200, 200])
    expect(performance.now() - startMs).toBeLessThan(1_000)
    store.become('ready')
    store.letGo()
    expect(await statusesOf(refusing.port, 2, 'fresh')).toEqual([200, 429])
  })
})
