import { execFileSync } from 'node:child_process'
import { appendFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { canMount, postmasterPid, startServer, temporaryDirectory, until } from './embedded-harness.ts'

// A first start takes under a second, and several on a busy disk.
vi.setConfig({ testTimeout: 30_000 })

const BACK_WITHIN_MS = 7_000

/** A file system of this size, of its own. */
function mountedDirectory(megabytes: number): string {
  const directory = join(temporaryDirectory(), 'data')
  execFileSync('mkdir', [directory])
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'rempart-test', directory])
  onTestFinished(() => void execFileSync('umount', ['--lazy', directory]))
  return directory
}

/** Leaves not a byte. */
function fill(directory: string): void {
  for (const sizeBytes of [1024 * 1024, 4096, 1]) {
    try {
      for (;;) appendFileSync(join(directory, 'balloon'), Buffer.alloc(sizeBytes, 1))
    } catch {
      // That size does not fit any more; a smaller one may.
    }
  }
}

const empty = (directory: string) => rmSync(join(directory, 'balloon'))

describe.runIf(canMount())('a full disk', () => {
  it('stops the first start with advice, leaves nothing half-made, and is forgotten when there is room', async () => {
    const dataDir = mountedDirectory(30)
    const first = startServer(dataDir)
    expect(await first.hear('failed')).toMatchObject({
      code: 'disk-full',
      message: expect.stringContaining(dataDir),
      hint: expect.stringContaining('Free some space'),
    })
    expect(readdirSync(dataDir).filter((name) => name.startsWith('postgres'))).toEqual([])

    execFileSync('mount', ['-o', 'remount,size=200m', dataDir])
    expect(await startServer(dataDir).hear('ready')).toMatchObject({ origin: 'initialised' })
  })

  it('stops a later start with advice, and harms nothing', async () => {
    const dataDir = mountedDirectory(100)
    const first = startServer(dataDir)
    await first.hear('ready')
    await first.query('create table kept as select 42 as n')
    await first.stop()

    fill(dataDir)
    expect(await startServer(dataDir).hear('failed')).toMatchObject({ code: 'disk-full' })

    empty(dataDir)
    const later = startServer(dataDir)
    await later.hear('ready')
    expect(await later.query('select n from kept')).toEqual([[42]])
  })

  it('fails statements while the server lives, and is forgotten when there is room', async () => {
    const dataDir = mountedDirectory(100)
    const server = startServer(dataDir)
    await server.hear('ready')
    await server.query('create table filling (line text)')
    const pid = postmasterPid(dataDir)

    fill(dataDir)
    const grow = "insert into filling select repeat('x', 1000) from generate_series(1, 1000)"
    expect(await server.query(grow)).toBe('53100')
    expect(await server.query('select count(*)::int from filling')).toEqual([[0]])
    expect(postmasterPid(dataDir)).toBe(pid)

    empty(dataDir)
    expect(await server.query(grow)).toEqual([])
  })

  it('that takes PostgreSQL down, for want of room in its journal, is survived and mended', {
    timeout: 30_000,
  }, async () => {
    const dataDir = mountedDirectory(100)
    const server = startServer(dataDir)
    await server.hear('ready')
    await server.query(
      'create table counter with (fillfactor = 10) as select n, 0 as value from generate_series(1, 300) n',
    )
    fill(dataDir)
    let answer: unknown[] | string = []
    while (typeof answer !== 'string') answer = await server.query('update counter set value = value + 1')
    const triedInVain = () =>
      server.saids.filter((said) => said.said === 'log' && /brought back yet/.test(said.msg)).length
    await until(() => triedInVain() >= 2)
    expect(server.child.exitCode).toBeNull()

    empty(dataDir)
    const rows = await server.queryUntilAnswered(
      'select count(distinct value)::int, count(*)::int from counter',
      BACK_WITHIN_MS,
    )
    expect(rows).toEqual([[1, 300]])
  })
})
