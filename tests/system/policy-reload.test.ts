import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createPolicySet } from '../../packages/server/src/core/guard/policy-set.ts'
import { createApiKey } from '../../packages/server/src/modules/api-keys/service.ts'
import { parsePolicyFile } from '../../packages/server/src/policy-file.ts'
import { readRoutePolicies } from '../../packages/server/src/route-policies.ts'
import { until } from '../support/processes.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { createTenantWithForm, workerPool } from '../support/tenant-with-form.ts'

/** A real server whose policy file is edited, broken, renamed over, deleted and brought back while it serves. */
let server: ServerProcess
let key: string
const directory = mkdtempSync(join(tmpdir(), 'rempart-reload-'))
const real = join(directory, 'first')
const file = join(directory, 'rempart.policy.yaml')

/** `/limited` may be asked for `limit` times in an hour. */
const policies = (limit: number | string): string => `version: 1
policies:
  limited:
    match: { path: /limited }
    rules:
      burst: { kind: rate-limit, by: ip, limit: ${limit}, window: 1h }
`

beforeAll(async () => {
  mkdirSync(real)
  writeFileSync(file, policies(3))
  const metricsToken = 'a-token-of-enough-length'
  server = await startServerProcess({
    env: {
      REMPART_POLICY_FILE: file,
      REMPART_TRUSTED_PROXIES: '127.0.0.1/32',
      REMPART_METRICS_TOKEN: metricsToken,
    },
  })
  const pool = workerPool(server)
  const tenant = await createTenantWithForm(pool)
  key = (await createApiKey(pool, tenant.id, { name: 'probe', scopes: ['health:read'] })).token
  await pool.end()
})
afterAll(async () => {
  await server?.remove()
  rmSync(directory, { recursive: true })
})

let clients = 0
const newClient = (): string => {
  clients += 1
  return `198.51.${Math.floor(clients / 250)}.${clients % 250}`
}
const ask = (client: string) => fetch(`${server.url}/limited`, { headers: { 'x-forwarded-for': client } })
/** The limit in force, as a client who has never been here is told. */
const limitNow = async (): Promise<string | null> => (await ask(newClient())).headers.get('x-ratelimit-limit')
const untilLimit = (limit: number) => until(async () => (await limitNow()) === String(limit))

const said = (text: string): number => server.logs.filter(({ msg }) => msg.includes(text)).length
const reloads = async (result: string): Promise<number> => {
  const headers = { authorization: 'Bearer a-token-of-enough-length' }
  const text = await (await fetch(`${server.url}/metrics`, { headers })).text()
  return Number(new RegExp(`^rempart_policy_reloads_total\\{result="${result}"\\} (\\d+)$`, 'm').exec(text)?.[1])
}
const version = async (): Promise<unknown> => {
  const reply = await fetch(`${server.url}/health/deep`, { headers: { authorization: `Bearer ${key}` } })
  const health: { guard?: { policyVersion?: unknown } } = JSON.parse(await reply.text())
  return health.guard?.policyVersion
}

it('puts an edited file in force, and keeps what clients have spent', async () => {
  const before = await version()
  const client = newClient()
  expect([(await ask(client)).status, (await ask(client)).status]).toEqual([404, 404])
  expect(await limitNow()).toBe('3')
  writeFileSync(file, policies(5))
  await untilLimit(5)
  const third = await ask(client)
  expect([third.status, third.headers.get('x-ratelimit-remaining')]).toEqual([404, '2'])
  expect([(await ask(client)).status, (await ask(client)).status, (await ask(client)).status]).toEqual([404, 404, 429])
  const after = await version()
  expect([before, after]).toEqual([expect.stringMatching(/^[\da-f]{12}$/), expect.stringMatching(/^[\da-f]{12}$/)])
  expect(after).not.toBe(before)
  await until(() => said('read again: applied') === 1)
  expect(server.logs).toContainEqual(expect.objectContaining({ policyVersion: after, previousVersion: before }))
  expect(await reloads('applied')).toBe(1)
})

it('names what is in force as "rempart policy check" does, without a server', async () => {
  const { base } = await readRoutePolicies()
  const { parsed } = parsePolicyFile(file, policies(5))
  expect(await version()).toBe(createPolicySet(base, parsed).version)
})

it('keeps the old one when the new one has faults, and says each with its line', async () => {
  const [before, refused] = [await version(), await reloads('refused')]
  writeFileSync(file, `${policies('"nine"')}      volume: { kind: rate-limit, by: ip, limit: 9, window: 1 day }\n`)
  await until(() => said('the policies in force stay') === 1)
  expect(server.logs.filter(({ level }) => level === 'error').map(({ msg }) => msg)).toEqual([
    expect.stringMatching(`^${file}:6:42: policies\\.limited\\.rules\\.burst\\.limit: .*whole number`),
    expect.stringMatching(`^${file}:7:53: policies\\.limited\\.rules\\.volume\\.window: .*did you mean "1d"`),
    expect.stringContaining('the policies in force stay'),
  ])
  expect([await limitNow(), await version(), await reloads('refused')]).toEqual(['5', before, refused + 1])
  writeFileSync(file, 'version: 1\npolicies:\n\tlimited: {}\n')
  await until(() => said('the policies in force stay') === 2)
  expect(said(`${file}:3:1: `)).toBe(1)
  expect(await limitNow()).toBe('5')
})

it('notices a file that is renamed over it', async () => {
  writeFileSync(`${file}.new`, policies(6))
  renameSync(`${file}.new`, file)
  await untilLimit(6)
})

it('goes on under the old one when the file is deleted, and takes the one that comes back', async () => {
  rmSync(file)
  await until(() => said(`${file}: the file cannot be read`) === 1)
  expect(await limitNow()).toBe('6')
  writeFileSync(file, policies(7))
  await untilLimit(7)
})

it('follows a link that is swapped, and what stands at its end', async () => {
  const second = join(directory, 'second')
  mkdirSync(second)
  writeFileSync(join(real, 'p.yaml'), policies(8))
  writeFileSync(join(second, 'p.yaml'), policies(9))
  symlinkSync('first', join(directory, 'data'))
  symlinkSync('data/p.yaml', `${file}.link`)
  renameSync(`${file}.link`, file)
  await untilLimit(8)
  symlinkSync('second', join(directory, 'data.new'))
  renameSync(join(directory, 'data.new'), join(directory, 'data'))
  await untilLimit(9)
  writeFileSync(join(second, 'p.yaml'), policies(10))
  await untilLimit(10)
})

it('reads the file on SIGHUP, too, and says that nothing has changed', async () => {
  const unchanged = await reloads('unchanged')
  server.signal('SIGHUP')
  await until(async () => (await reloads('unchanged')) === unchanged + 1)
  expect(await limitNow()).toBe('10')
})

it('fails no request while it is written over and over, and ends under the last one', async () => {
  const statuses = new Set<number>()
  let isWriting = true
  const asking = Array.from({ length: 4 }, async () => {
    while (isWriting) statuses.add((await ask(newClient())).status)
  })
  for (let round = 0; round < 8; round += 1) {
    const limit = 20 + round
    writeFileSync(`${file}.new`, policies(limit))
    renameSync(`${file}.new`, file)
    server.signal('SIGHUP')
    await untilLimit(limit)
  }
  isWriting = false
  await Promise.all(asking)
  expect([...statuses]).toEqual([404])
})

it('does not start under a file with a fault, and says where it stands', async () => {
  const broken = join(directory, 'broken.yaml')
  writeFileSync(broken, policies(0))
  await expect(startServerProcess({ env: { REMPART_POLICY_FILE: broken } })).rejects.toThrow(
    `${broken}:6:42: policies.limited.rules.burst.limit`,
  )
})
