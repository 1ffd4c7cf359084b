import { createServer } from 'node:http'
import fastifyHttpProxy from '@fastify/http-proxy'
import fastifyRateLimit from '@fastify/rate-limit'
import { createGateway } from '@rempart/gateway'
import { loadPolicies } from '@rempart/guard'
import fastProxy from 'fast-proxy'
import fastify from 'fastify'
import { Pool } from 'undici'

/** One contender of bench/gateway.ts, by its name: what forwards each request to the upstream. */

/** Out of reach, and still judged on each request. */
const limit = 100_000_000
const port = Number(process.env['BENCH_PORT'])
const upstream = process.env['BENCH_UPSTREAM'] ?? ''

const contenders: Readonly<Record<string, () => Promise<unknown>>> = {
  async rempart() {
    const rules = { burst: { kind: 'rate-limit', by: 'ip', limit, window: '60s' } }
    const policies = loadPolicies({ version: 1, policies: { everything: { match: { path: '/*' }, rules } } }, [])
    await createGateway({ upstream, policies }).listen('127.0.0.1', port)
  },
  async 'http-proxy'() {
    const app = fastify()
    await app.register(fastifyRateLimit, { max: limit, timeWindow: 60_000 })
    await app.register(fastifyHttpProxy, { upstream, undici: { connections: 128, pipelining: 1 } })
    await app.listen({ port, host: '127.0.0.1' })
  },
  async 'fast-proxy'() {
    const { proxy } = fastProxy({ base: upstream, undici: { connections: 128, pipelining: 1 } })
    createServer((request, response) => proxy(request, response, request.url ?? '/', {})).listen(port, '127.0.0.1')
  },
  async undici() {
    const pool = new Pool(upstream, { connections: 128, pipelining: 1 })
    createServer((request, response) => {
      const { method = 'GET', url = '/', headers } = request
      const { connection: _, 'keep-alive': __, ...kept } = headers
      const body = method === 'GET' || method === 'HEAD' ? null : request
      pool
        .stream({ method, path: url, headers: kept, body }, ({ statusCode, headers: fields }) => {
          response.writeHead(statusCode, fields)
          return response
        })
        .catch(() => response.destroy())
    }).listen(port, '127.0.0.1')
  },
}

const name = process.env['BENCH_CONTENDER'] ?? ''
const start = contenders[name]
if (start === undefined) throw new Error(`no contender is called ${JSON.stringify(name)}`)
await start()
process.once('SIGTERM', () => process.exit(0))
