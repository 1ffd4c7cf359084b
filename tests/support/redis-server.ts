import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { createServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** A redis-server of the test's own, in a directory that goes with it. */
export interface RedisServer {
  readonly port: number
  readonly url: string
  readonly directory: string
  readonly pid: number
  /** Sends one command over a connection of its own, and answers the reply's text. */
  command(...args: string[]): Promise<string>
  signal(signal: NodeJS.Signals): void
  /** Kills it, as a crash does. */
  kill(): Promise<void>
  /** Starts it again on the same port and the same files. */
  restart(...more: string[]): Promise<void>
  remove(): Promise<void>
}

/** Where redis-server is; undefined when it is not on the PATH. */
export function findRedis(): string | undefined {
  const paths = (process.env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, 'redis-server'))
  return paths.find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Why a test of Redis is skipped. */
export const noRedis = 'redis-server is not on the PATH, and REMPART_TEST_REDIS_URL is not set'

/** The Redis of a test file: the one that `REMPART_TEST_REDIS_URL` names, else one of its own. */
export interface TestRedis {
  readonly isThere: boolean
  start(): Promise<void>
  /** Once it is started. */
  url(): string
  stop(): Promise<void>
}

/** Finds a Redis for a test file, and starts nothing yet. */
export function redisForTests(): TestRedis {
  const given = process.env['REMPART_TEST_REDIS_URL']
  const binary = findRedis()
  let server: RedisServer | undefined
  return {
    isThere: given !== undefined || binary !== undefined,
    async start() {
      if (given === undefined && binary !== undefined) server = await startRedis(binary)
    },
    url: () => given ?? server?.url ?? '',
    stop: async () => server?.remove(),
  }
}

/** A port that nobody listens on, and where a cluster's bus port is free too. */
export async function freeRedisPort(): Promise<number> {
  for (;;) {
    const port = await listenOnce(0)
    // The cluster's bus listens 10,000 above.
    if (port < 55_000 && (await listenOnce(port + 10_000).catch(() => 0)) > 0) return port
  }
}

async function listenOnce(port: number): Promise<number> {
  const probe = createServer().listen(port, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Starts a server that keeps nothing on disk unless told to, and waits until it answers. */
export async function startRedis(binary: string, options: readonly string[] = []): Promise<RedisServer> {
  const port = await freeRedisPort()
  const directory = mkdtempSync(join(tmpdir(), 'rempart-redis-'))
  let child: ChildProcess | undefined

  const start = async (more: readonly string[]): Promise<void> => {
    const own = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', '', '--appendonly', 'no']
    child = spawn(binary, [...own, ...options, ...more], { stdio: 'ignore' })
    await answers(port, child)
  }
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  await start([])
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    directory,
    get pid() {
      return child?.pid ?? 0
    },
    command: (...args) => sendCommand(port, args),
    signal: (signal) => void child?.kill(signal),
    kill,
    async restart(...more) {
      await kill()
      await start(more)
    },
    async remove() {
      await kill()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function answers(port: number, child: ChildProcess): Promise<void> {
  const deadlineMs = performance.now() + 20_000
  while (performance.now() < deadlineMs) {
    if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`)
    const reply = await sendCommand(port, ['PING']).catch(() => '')
    // While it loads its data it answers with an error, which is an answer.
    if (reply !== '') return
    await delay(10)
  }
  throw new Error('redis-server did not answer within 20 s')
}

/** The raw reply to one command, framing included: a test looks for words in it. */
export async function sendCommand(port: number, args: readonly string[]): Promise<string> {
  const socket = new Socket()
  socket.setEncoding('utf8')
  try {
    socket.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const frames = args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`)
    socket.write(`*${args.length}\r\n${frames.join('')}*1\r\n$4\r\nQUIT\r\n`)
    let reply = ''
    for await (const chunk of socket) reply += String(chunk)
    return reply.replace(/\+OK\r\n$/, '').trim()
  } finally {
    socket.destroy()
  }
}

/** A cluster of three servers, each with a third of the hash slots. */
export interface RedisCluster {
  readonly servers: readonly RedisServer[]
  remove(): Promise<void>
}

const HASH_SLOTS = 16_384

/** Starts a cluster and waits until it serves every slot. */
export async function startRedisCluster(binary: string): Promise<RedisCluster> {
  const options = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000']
  const servers = await Promise.all([0, 1, 2].map(() => startRedis(binary, options)))
  const remove = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.remove()))
  }
  try {
    const share = Math.ceil(HASH_SLOTS / servers.length)
    for (const [index, server] of servers.entries()) {
      const last = Math.min(HASH_SLOTS, (index + 1) * share) - 1
      await server.command('CLUSTER', 'ADDSLOTSRANGE', String(index * share), String(last))
      await server.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))
      if (index > 0) await server.command('CLUSTER', 'MEET', '127.0.0.1', String(servers[0]?.port ?? 0))
    }
    await Promise.all(servers.map(isWhole))
    return { servers, remove }
  } catch (error) {
    await remove()
    throw error
  }
}

async function isWhole(server: RedisServer): Promise<void> {
  const deadlineMs = performance.now() + 20_000
  while (performance.now() < deadlineMs) {
    const info = await server.command('CLUSTER', 'INFO')
    if (/cluster_state:ok/.test(info) && /cluster_known_nodes:3/.test(info)) return
    await delay(20)
  }
  throw new Error('the cluster was not whole within 20 s')
}
