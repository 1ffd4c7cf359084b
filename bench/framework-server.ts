import cors from '@fastify/cors'
import fastifyHelmet from '@fastify/helmet'
import fastifyRateLimit from '@fastify/rate-limit'
import type { PolicyInput } from '@rempart/guard'
import { expressGuard } from '@rempart/guard/express'
import { fastifyGuard } from '@rempart/guard/fastify'
import { createRedisStore } from '@rempart/guard/redis'
import express, { type Express } from 'express'
import { rateLimit } from 'express-rate-limit'
import fastify, { type FastifyInstance } from 'fastify'
import helmet from 'helmet'
import { Redis } from 'ioredis'

/** One contender of bench/frameworks.ts, by its name: one GET that answers a constant, with what the name says around it. */

/** Out of reach, and still judged on each request. */
const limit = 100_000_000
const origin = 'https://app.example'
const policy: PolicyInput = {
  id: 'general',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit, window: '60s' }],
}
const guarded = { policies: [policy], fallback: policy.id }
/** As many fields as helmet sends, so that neither side gains by sending less. */
const securityHeaders = {
  'content-security-policy':
    "default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';style-src 'self' https: 'unsafe-inline';upgrade-insecure-requests",
  'cross-origin-opener-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-xss-protection': '0',
} as const

/** Decisions that Redis did not answer in time: a run with any of them measures something else. */
let countMisses = (): number => 0

function connectRedis(): Redis {
  return new Redis(process.env['BENCH_REDIS_URL'] ?? '')
}

const fastifyApps: Readonly<Record<string, (app: FastifyInstance) => Promise<unknown>>> = {
  'fastify bare': async () => undefined,
  'fastify + rempart': async (app) => app.register(fastifyGuard, guarded),
  'fastify + @fastify/rate-limit': async (app) => app.register(fastifyRateLimit, { max: limit, timeWindow: 60_000 }),
  'fastify + rempart, headers, cors': async (app) =>
    app.register(fastifyGuard, { ...guarded, securityHeaders, cors: { origins: [origin] } }),
  'fastify + helmet, cors, rate-limit': async (app) => {
    await app.register(fastifyHelmet)
    await app.register(cors, { origin: [origin] })
    await app.register(fastifyRateLimit, { max: limit, timeWindow: 60_000 })
  },
  'fastify + rempart, redis': async (app) => {
    const store = createRedisStore({ client: connectRedis(), secret: 'the secret of the measurement' })
    countMisses = () => store.state().misses
    await app.register(fastifyGuard, { ...guarded, store })
  },
  'fastify + @fastify/rate-limit, redis': async (app) =>
    app.register(fastifyRateLimit, { max: limit, timeWindow: 60_000, redis: connectRedis() }),
}

const expressApps: Readonly<Record<string, (app: Express) => unknown>> = {
  'express bare': () => undefined,
  'express + rempart, headers': (app) => app.use(expressGuard({ ...guarded, securityHeaders })),
  'express + helmet, express-rate-limit': (app) =>
    app.use(helmet(), rateLimit({ windowMs: 60_000, limit, standardHeaders: 'draft-8', legacyHeaders: true })),
}

const name = process.env['BENCH_CONTENDER'] ?? ''
const port = Number(process.env['BENCH_PORT'])
const furnishFastify = fastifyApps[name]
const furnishExpress = expressApps[name]

if (furnishFastify !== undefined) {
  const app = fastify()
  await furnishFastify(app)
  app.get(
    '/hello',
    { schema: { response: { 200: { type: 'object', properties: { hello: { type: 'string' } } } } } },
    (_request, reply) => void reply.send({ hello: 'world' }),
  )
  app.get('/cpu', () => ({ ...process.cpuUsage(), misses: countMisses() }))
  await app.listen({ port, host: '127.0.0.1' })
} else if (furnishExpress !== undefined) {
  const app = express()
  furnishExpress(app)
  app.get('/hello', (_request, response) => void response.json({ hello: 'world' }))
  app.get('/cpu', (_request, response) => void response.json({ ...process.cpuUsage(), misses: 0 }))
  app.listen(port, '127.0.0.1')
} else {
  throw new Error(`no contender is called ${JSON.stringify(name)}`)
}
process.once('SIGTERM', () => process.exit(0))
