/** Three requests in one write wait for an answer when their connection breaks: their slots have to come back. */
export const brokenPipeline = `
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { nodeGuard } from '@rempart/guard/node'

const slots = { id: 'slots', rules: [{ id: 'at-once', kind: 'concurrency', by: 'ip', slots: 3, lease: '10m' }] }
const protect = nodeGuard({ policies: [slots], fallback: 'slots' })
let waiting = 0
const server = createServer(protect(({ url }, response) => {
  if (url === '/wait') waiting += 1
  else response.end()
}))
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address()
const client = connect(port, '127.0.0.1')
client.write('GET /wait HTTP/1.1\\r\\nhost: localhost\\r\\n\\r\\n'.repeat(3))
while (waiting < 3) await setTimeout(5)
const full = await fetch('http://127.0.0.1:' + port)
client.destroy()
for (let tries = 0; tries < 200; tries += 1) {
  const answers = await Promise.all([1, 2, 3].map(() => fetch('http://127.0.0.1:' + port)))
  if (answers.every(({ status }) => status === 200)) {
    process.stdout.write(full.status + ' then free')
    process.exit(0)
  }
  await setTimeout(10)
}
process.stdout.write('the slots did not come back')
process.exit(1)
`

/** Prints the names that each entry exports, and the globals that loading them has added. It ends by itself. */
export const listing = `
import { createRequire } from 'node:module'
// Node's own module adds some of its own.
import 'node:http'
const before = new Set(Reflect.ownKeys(globalThis))
const exports = {}
for (const entry of ENTRIES) {
  const name = '@rempart/guard' + entry.slice(1)
  exports[entry] = Object.keys(await import(name)).filter((key) => key !== '__esModule').sort()
}
const added = Reflect.ownKeys(globalThis).filter((key) => !before.has(key)).map(String)
process.stdout.write(JSON.stringify({ exports, added }))
`

/** What a program says in types, and what its compiler must not let pass. */
export const typedProgram = `
import { createGuard, createMemoryStore, type Decision, PolicyError, type PolicyInput } from '@rempart/guard'
import { fastifyGuard } from '@rempart/guard/fastify'
import { honoGuard } from '@rempart/guard/hono'
import { createRedisStore, type RedisClient } from '@rempart/guard/redis'
import fastify from 'fastify'
import { Hono } from 'hono'

const rule = { id: 'r', kind: 'rate-limit', by: 'ip', limit: 1, window: '1m' } as const
const policy: PolicyInput = { id: 'p', rules: [rule] }
// @ts-expect-error -- there is no such kind
export const misspelt: PolicyInput = { id: 'p', rules: [{ ...rule, kind: 'rate-limits' }] }
// @ts-expect-error -- a store needs its secret
export const store = (client: RedisClient) => createRedisStore({ client })
export const guard = createGuard({ policies: [policy], store: createMemoryStore() })
export const ask = (ip: string): Decision | Promise<Decision> =>
  guard.early('p', { ip: { text: ip, key: ip, family: 4 } })
export const app = fastify().register(fastifyGuard, { policies: [policy], fallback: 'p' })
app.get('/', { config: { guard: 'none' } }, () => new PolicyError([]).faults)
// @ts-expect-error -- a route's policy is a policy or 'none'
app.get('/typo', { config: { guard: 'non' } }, () => 1)
export const hono = new Hono().use(honoGuard({ policies: [policy], fallback: 'p' }))
`
