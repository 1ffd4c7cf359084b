import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { startEmbeddedDatabase } from '../../packages/server/src/database/embedded.ts'
import {
  isRoot,
  isRunning,
  killGuardOf,
  NOBODY,
  postmasterPid,
  startServer,
  temporaryDirectory,
  until,
  usedDirectory,
} from './embedded-harness.ts'

// A first start takes under a second, and several on a busy disk.
vi.setConfig({ testTimeout: 30_000 })

const READ_KEPT = 'select n from kept'
const BACK_WITHIN_MS = 5_000

async function servedDirectory() {
  const dataDir = await usedDirectory()
  const server = startServer(dataDir)
  await server.hear('ready')
  return { dataDir, server, pid: postmasterPid(dataDir) ?? 0 }
}

describe.runIf(process.platform === 'linux')('kill -9 of the server', () => {
  it('shuts PostgreSQL down with it', async () => {
    const { dataDir, server, pid } = await servedDirectory()
    await server.kill()
    await until(() => !isRunning(pid))
    expect(postmasterPid(dataDir)).toBeUndefined()
  })

  it('lets the next start adopt a PostgreSQL that was left running', async () => {
    const { dataDir, server, pid } = await servedDirectory()
    await killGuardOf(server)
    await server.kill()
    expect(isRunning(pid)).toBe(true)

    const next = startServer(dataDir)
    expect(await next.hear('ready')).toMatchObject({ origin: 'adopted' })
    expect(postmasterPid(dataDir)).toBe(pid)
    expect(await next.query(READ_KEPT)).toEqual([[42]])
    await next.stop()
    expect(isRunning(pid)).toBe(false)
  })

  it('lets a start with other settings or roles replace the PostgreSQL that was left running', async () => {
    const { dataDir, server, pid } = await servedDirectory()
    await killGuardOf(server)
    await server.kill()

    const log: string[] = []
    const extraSetup = ['alter role rempart_worker connection limit 7']
    const next = await startEmbeddedDatabase({ dataDir, log: ({ msg }) => log.push(msg), extraSetup })
    onTestFinished(() => next.stop())
    expect(next.origin).toBe('started')
    expect(isRunning(pid)).toBe(false)
    expect(log).toContainEqual(expect.stringContaining('replaced'))
    const client = new pg.Client(next.connection('rempart_owner'))
    await client.connect()
    const { rows } = await client.query("select rolconnlimit from pg_roles where rolname = 'rempart_worker'")
    await client.end()
    expect(rows).toEqual([{ rolconnlimit: 7 }])
  })

  it('lets the next start succeed at once, while PostgreSQL is still on its way out', async () => {
    const { dataDir, server } = await servedDirectory()
    await server.kill()
    const next = startServer(dataDir)
    await next.hear('ready')
    expect(await next.queryUntilAnswered(READ_KEPT, BACK_WITHIN_MS)).toEqual([[42]])
  })

  it('at any moment of the first start leaves a directory that the next start can use', {
    timeout: 30_000,
  }, async () => {
    const dataDir = join(temporaryDirectory(), 'data')
    for (const afterMs of [120, 200, 300, 400, 500, 600, 700]) {
      const server = startServer(dataDir)
      await Promise.race([delay(afterMs + Math.random() * 80), server.hear('ready')])
      await server.kill()
    }
    const last = startServer(dataDir)
    await last.hear('ready')
    expect(await last.queryUntilAnswered('select current_database()::text', BACK_WITHIN_MS)).toEqual([['rempart']])
  })
})

describe.runIf(process.platform === 'linux')('kill -9 of PostgreSQL', () => {
  it('is mended within 5 s, again and again, with what was committed and still one server', {
    timeout: 30_000,
  }, async () => {
    const { dataDir, server } = await servedDirectory()
    for (let round = 1; round <= 3; round += 1) {
      const pid = postmasterPid(dataDir) ?? 0
      process.kill(pid, 'SIGKILL')
      await until(() => server.saids.filter(({ said }) => said === 'restarted').length === round, BACK_WITHIN_MS)
      expect(await server.query(READ_KEPT)).toEqual([[42]])
      expect(postmasterPid(dataDir)).not.toBe(pid)
    }
    const second = startServer(dataDir)
    expect(await second.hear('failed')).toMatchObject({ code: 'data-dir-in-use' })
  })

  it('is mended when it was an adopted one', async () => {
    const { dataDir, server, pid } = await servedDirectory()
    await killGuardOf(server)
    await server.kill()
    const next = startServer(dataDir)
    await next.hear('ready')
    process.kill(pid, 'SIGKILL')
    await next.hear('restarted')
    expect(await next.query(READ_KEPT)).toEqual([[42]])
  })

  it('of one of its processes, which breaks every connection, keeps the directory ours', async () => {
    const { dataDir, server } = await servedDirectory()
    // An ordinary role may not see the pid of another's connection; the system may.
    const backend = childrenOf(postmasterPid(dataDir) ?? 0).find(({ title }) => title.includes('rempart_lock'))
    process.kill(backend?.pid ?? 0, 'SIGKILL')
    await server.hear('restarted')
    expect(await server.query(READ_KEPT)).toEqual([[42]])
    const second = startServer(dataDir)
    expect(await second.hear('failed')).toMatchObject({ code: 'data-dir-in-use' })
  })
})

describe.runIf(process.platform === 'linux')('kill -9 of both', () => {
  it('is recovered from by the next start', async () => {
    const { dataDir, server, pid } = await servedDirectory()
    process.kill(pid, 'SIGKILL')
    await server.kill()
    const next = startServer(dataDir)
    await next.hear('ready')
    expect(await next.queryUntilAnswered(READ_KEPT, BACK_WITHIN_MS)).toEqual([[42]])
  })

  it('is recovered from when another process has got the number of the dead one', async () => {
    const { dataDir, server, pid } = await servedDirectory()
    const { host } = await server.hear('ready')
    await killGuardOf(server)
    process.kill(pid, 'SIGKILL')
    await server.kill()
    await until(() => !isRunning(pid))

    const identity = isRoot ? { uid: NOBODY, gid: NOBODY } : {}
    const stranger = spawn('/bin/sleep', ['60'], identity)
    onTestFinished(() => void stranger.kill())
    const socketLock = '.s.PGSQL.5432.lock'
    for (const path of [
      join(dataDir, 'postgres', 'postmaster.pid'),
      join(dataDir, 'socket', socketLock),
      join(host, socketLock),
    ]) {
      const [, ...rest] = readFileSync(path, 'utf8').split('\n')
      writeFileSync(path, [stranger.pid, ...rest].join('\n'))
    }

    const next = startServer(dataDir)
    await next.hear('ready')
    expect(await next.query(READ_KEPT)).toEqual([[42]])
    expect(stranger.exitCode).toBeNull()
  })
})

function childrenOf(pid: number): { pid: number; title: string }[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
  return children.map((child) => ({ pid: child, title: readFileSync(`/proc/${child}/cmdline`, 'utf8') }))
}
