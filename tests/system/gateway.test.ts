import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPolicyMatcher, createReplay, loadPolicies } from '@rempart/guard'
import { nodeGuard } from '@rempart/guard/node'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { parsePolicyFile } from '../../packages/server/src/policy-file.ts'
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts'
import { until } from '../support/processes.ts'

/** The gateway as it is run: a process of its own, in front of a process of its own. */
const directory = mkdtempSync(join(tmpdir(), 'rempart-gateway-'))
const file = join(directory, 'rempart.policy.yaml')
const policies = (limit: number | string): string => `version: 1
policies:
  contact:
    match: { method: POST, path: /contact }
    rules:
      burst: { kind: rate-limit, by: ip, limit: ${limit}, window: 1h }
      insistence: { kind: lockout, by: ip, attempts: 12, window: 1h, lock: 15m, mode: shadow }
  everything:
    match: { path: '/*' }
    rules:
      general: { kind: rate-limit, by: ip, limit: 25, window: 1h }
      daily: { kind: rate-limit, by: ip, limit: 20, window: 1d }
`

let upstream: ChildProcess
let upstreamPort = 0
const gateways: GatewayProcess[] = []

async function startUpstream(port = 0): Promise<void> {
  upstream = spawn(process.execPath, [join(import.meta.dirname, '../support/upstream-process.ts'), String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(upstream.stdout ?? upstream, 'data')
  upstreamPort = Number(String(line))
}
async function start(
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<GatewayProcess> {
  const all = ['--upstream', `http://127.0.0.1:${upstreamPort}`, '--policy', file, ...args]
  const gateway = await startGatewayProcess(all, env)
  gateways.push(gateway)
  return gateway
}

beforeAll(() => startUpstream())
afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.remove()
})
afterAll(() => {
  upstream.kill('SIGKILL')
  rmSync(directory, { recursive: true })
})

const post = (url: string, client = '198.51.100.1') =>
  fetch(`${url}/contact`, { method: 'POST', body: 'hello', headers: { 'x-forwarded-for': client } })

describe('one policy, three places', () => {
  it('decides alike in the gateway, in the library and over a log', async () => {
    writeFileSync(file, policies(3))
    const requests = Array.from({ length: 160 }, (_, index) => ({
      method: index % 3 === 0 ? 'POST' : 'GET',
      path: ['/contact', '/a?b=c', '/Contact/', '/%63ontact', '/x/../contact'][index % 5] ?? '/',
      client: `198.51.${index % 2}.${(index * 7) % 4}`,
    }))

    const gateway = await start(['--trusted-proxies', '127.0.0.1'])
    const loaded = loadPolicies(parsePolicyFile(file, policies(3)).parsed, [])
    const protect = nodeGuard({ policies: loaded, clientAddress: { trustedProxies: ['127.0.0.1'] } })
    const library = createServer(protect((_request, response) => void response.end()))
    await new Promise<void>((resolve) => library.listen(0, '127.0.0.1', resolve))
    const libraryPort = (library.address() as AddressInfo).port

    const inGateway: string[] = []
    const inLibrary: string[] = []
    for (const request of requests) {
      inGateway.push(await decided(gateway.port, request))
      inLibrary.push(await decided(libraryPort, request))
    }
    library.close()
    expect(inGateway).toEqual(inLibrary)

    const matcher = createPolicyMatcher(loaded.map(({ policy, matches }) => ({ id: policy.id, matches })))
    const replay = createReplay({
      policies: {
        name: 'file',
        policies: loaded.map(({ policy }) => policy),
        routing: { policiesOf: matcher.match },
      },
    })
    const source = replay.open('access.log')
    const date = '17/May/2026:10:00:00 +0000'
    for (const { client, method, path } of requests) {
      source.push(Buffer.from(`${client} - - [${date}] "${method} ${path} HTTP/1.1" 200 5 "-" "test"\n`))
    }
    source.end()
    const [trial] = replay.finish(false).trials
    const refused = inGateway.filter((decision) => decision.startsWith('429'))
    expect(refused.length).toBeGreaterThan(20)
    expect(trial?.refused).toBe(refused.length)
  })
})

/** The status and the quota that a request is told. */
function decided(
  port: number,
  { method, path, client }: { readonly method: string; readonly path: string; readonly client: string },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => {
      text += String(chunk)
    })
    socket.once('error', reject).once('end', () => {
      const fields = ['x-ratelimit-limit', 'x-ratelimit-remaining', 'ratelimit-policy'].map(
        (name) => new RegExp(`^${name}: (.*)\\r$`, 'm').exec(text)?.[1],
      )
      resolve([text.slice(9, 12), ...fields].join(' '))
    })
    socket.write(`${method} ${path} HTTP/1.1\r\nhost: a\r\nx-forwarded-for: ${client}\r\nconnection: close\r\n\r\n`)
  })
}

describe('the policy file', () => {
  it('is in force as soon as it changes, and on SIGHUP; one with faults changes nothing', async () => {
    writeFileSync(file, policies(2))
    const gateway = await start(['--trusted-proxies', '127.0.0.1'])
    const limitOf = async (client: string) => (await post(gateway.url, client)).headers.get('x-ratelimit-limit')
    expect(await limitOf('198.51.100.1')).toBe('2')
    writeFileSync(`${file}.new`, policies(4))
    renameSync(`${file}.new`, file)
    let clients = 0
    const fresh = () => {
      clients += 1
      return `203.0.113.${clients}`
    }
    await until(async () => (await limitOf(fresh())) === '4')
    writeFileSync(file, policies('many'))
    await until(() => gateway.logs.some(({ msg }) => msg.includes(`${file}:6:42: policies.contact.rules.burst.limit`)))
    gateway.signal('SIGHUP')
    await until(() => gateway.logs.filter(({ msg }) => msg.includes('the policies in force stay')).length === 2)
    expect(await limitOf(fresh())).toBe('4')
  })

  it('with faults refuses to start, and says where they stand', async () => {
    writeFileSync(file, policies('many'))
    await expect(start()).rejects.toThrow(`${file}:6:42: policies.contact.rules.burst.limit`)
    writeFileSync(file, policies(3))
    await expect(start(['--trusted-proxies', 'everybody'])).rejects.toThrow('trustedProxies[0]')
    await expect(start(['--upstream', 'https://a/b'])).rejects.toThrow('http://host:port')
    await expect(start(['--listen', 'nowhere'])).rejects.toThrow('Expected host:port')
  })
})

describe('the process', () => {
  it('speaks the language of the terminal, and logs refusals together, with nothing of who was refused', async () => {
    writeFileSync(file, policies(1))
    const gateway = await start([], { LANG: 'fr_FR.UTF-8' })
    expect(gateway.stderr()).toContain(`La passerelle répond à ${gateway.url}`)
    for (let sent = 0; sent < 4; sent += 1) {
      await fetch(`${gateway.url}/contact?token=hush`, { method: 'POST', headers: { 'user-agent': 'Ada' } })
    }
    await until(() => gateway.logs.filter(({ msg }) => msg === 'requests refused').length > 0)
    const counted = gateway.logs.filter(({ msg }) => msg === 'requests refused')
    expect(counted.reduce((sum, line) => sum + Number(line['count']), 0)).toBe(3)
    expect(counted[0]).toMatchObject({ level: 'warn', status: 429, reason: 'contact/burst' })
    expect(JSON.stringify(gateway.logs)).not.toMatch(/hush|Ada|"127\.0\.0\.1"/)
  })

  it('outlives an upstream that is killed in the middle of an answer, and finds the next one', async () => {
    writeFileSync(file, policies(100))
    const gateway = await start()
    const answer = await fetch(`${gateway.url}/half`)
    const body = answer.text()
    upstream.kill('SIGKILL')
    await expect(body).rejects.toThrow('terminated')
    const refused = await fetch(`${gateway.url}/`)
    expect([refused.status, refused.headers.get('content-type')]).toEqual([
      502,
      'application/problem+json; charset=utf-8',
    ])
    await startUpstream(upstreamPort)
    expect(await (await post(gateway.url)).text()).toBe('hello')
  })

  it('ends what is in flight when it is told to stop, then ends itself', async () => {
    writeFileSync(file, policies(100))
    const gateway = await start()
    const slow = fetch(`${gateway.url}/slow`)
    await until(async () => (await fetch(`${gateway.url}/`)).status === 200)
    gateway.signal('SIGTERM')
    expect(await (await slow).text()).toBe('slow')
    expect(await gateway.ended()).toBe(0)
  })

  it('serves others while hundreds of connections send their heads byte by byte, and ends those in time', async () => {
    writeFileSync(file, policies(100))
    const gateway = await start()
    let ended = 0
    const drips = Array.from({ length: 300 }, () => {
      const socket = connect(gateway.port, '127.0.0.1')
      socket
        .on('error', () => undefined)
        .once('close', () => {
          ended += 1
        })
      socket.write('GET / HTTP/1.1\r\nhost: a\r\nx: ')
      return socket
    })
    const dripping = setInterval(() => {
      for (const socket of drips) if (socket.writable) socket.write('a')
    }, 200)
    const startMs = performance.now()
    expect((await fetch(`${gateway.url}/`)).status).toBe(200)
    expect(performance.now() - startMs).toBeLessThan(2_000)
    await until(() => ended === drips.length, 20_000)
    clearInterval(dripping)
  })
})
