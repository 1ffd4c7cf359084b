import { alternate, freePort, load, median, record, startProgram } from './support.ts'

/**
 * A GET under every protection (limit, security headers, ids, tenant, log line, metrics) against bare Fastify.
 *
 * Usage: npm run bench:get -- [rounds] [seconds]
 */
const rounds = Number(process.argv[2] ?? 7)
const seconds = Number(process.argv[3] ?? 4)
const connections = 64

const ports = [await freePort(), await freePort()] as const
const start = (file: string, port: number, path: string) =>
  startProgram([file], { port, path, env: { BENCH_PORT: String(port) } })
const bare = await start('bench/baseline-get.ts', ports[0], '/hello')
const ours = await start('bench/protected-server.ts', ports[1], '/api/v1/hello')

console.log(`GET at ${connections} connections, ${rounds} rounds of ${seconds} s`)
const results = await alternate(rounds, {
  'bare fastify': () => load({ url: bare.url, seconds, connections, method: 'GET', path: '/hello' }),
  rempart: () => load({ url: ours.url, seconds, connections, method: 'GET', path: '/api/v1/hello' }),
})
const perSecond = {
  'bare fastify': Math.round(median(results['bare fastify'].map((run) => run.perSecond))),
  rempart: Math.round(median(results.rempart.map((run) => run.perSecond))),
}
const ratio = Math.round((perSecond.rempart / perSecond['bare fastify']) * 100) / 100
console.log(perSecond, { ratio })
record('protected-get', { connections, rounds, seconds, perSecond, ratio, target: 'must 0.60', runs: results })
await bare.stop()
await ours.stop()
