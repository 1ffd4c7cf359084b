import { chmodSync, existsSync, mkdirSync, readdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { removeEmbeddedDatabase } from '../../packages/server/src/database/embedded-remove.ts'
import {
  canMount,
  isRoot,
  NOBODY,
  postmasterPid,
  startServer,
  temporaryDirectory,
  usedDirectory,
} from './embedded-harness.ts'

// A first start takes under a second, and several on a busy disk.
vi.setConfig({ testTimeout: 30_000 })

const KEEP = 'create table kept as select 42 as n'
const READ_KEPT = 'select n from kept'

describe('a data directory', () => {
  it('is made on the first start and keeps its data for the second', async () => {
    const dataDir = join(temporaryDirectory(), 'data')
    const first = startServer(dataDir)
    expect(await first.hear('ready')).toMatchObject({ origin: 'initialised', version: expect.stringMatching(/^18\./) })
    await first.query(KEEP)
    await first.stop()
    expect(postmasterPid(dataDir)).toBeUndefined()

    const second = startServer(dataDir)
    expect(await second.hear('ready')).toMatchObject({ origin: 'started' })
    expect(await second.query(READ_KEPT)).toEqual([[42]])
  })

  it('may have a path longer than a socket can have', async () => {
    const dataDir = join(temporaryDirectory(), 'd'.repeat(120), 'e'.repeat(120))
    const server = startServer(dataDir)
    const { host } = await server.hear('ready')
    expect(Buffer.byteLength(host)).toBeLessThan(85)
    await server.stop()
  })

  it('is served by one process: the second is told so', async () => {
    const dataDir = await usedDirectory()
    const first = startServer(dataDir)
    await first.hear('ready')
    const second = startServer(dataDir)
    expect(await second.hear('failed')).toMatchObject({
      code: 'data-dir-in-use',
      message: expect.stringContaining(dataDir),
      hint: expect.stringContaining('REMPART_DATA_DIR'),
    })
    expect(await first.query('select 1')).toEqual([[1]])
  })

  it.runIf(canMount())('is served by one process also when the second is in another container', async () => {
    const dataDir = await usedDirectory()
    const first = startServer(dataDir)
    const { host } = await first.hear('ready')
    // Its own process numbers, its own shared memory, and nothing of the first one's socket under /tmp.
    const isolate = 'mount -t tmpfs -o mode=700 rempart-test "$0" && exec "$@"'
    const via = ['unshare', '--mount', '--pid', '--ipc', '--fork', '--mount-proc', '/bin/sh', '-c', isolate, host]
    const second = startServer(dataDir, { via })
    expect(await second.hear('failed')).toMatchObject({ code: 'data-dir-in-use' })
    expect(await first.query(READ_KEPT)).toEqual([[42]])
  })

  it('has exactly one winner when three processes make it at once, and the losers leave it alone', async () => {
    const dataDir = join(temporaryDirectory(), 'data')
    const racers = [startServer(dataDir), startServer(dataDir), startServer(dataDir)]
    const outcome = (racer: (typeof racers)[number]) => Promise.any([racer.hear('ready'), racer.hear('failed')])
    const outcomes = await Promise.all(racers.map(outcome))

    expect(outcomes.filter(({ said }) => said === 'ready')).toHaveLength(1)
    const losers = outcomes.filter(({ said }) => said === 'failed')
    expect(losers).toMatchObject([{ code: 'data-dir-in-use' }, { code: 'data-dir-in-use' }])
    const winner = racers[outcomes.findIndex(({ said }) => said === 'ready')]
    expect(await winner?.query('select 1')).toEqual([[1]])
    expect(readdirSync(dataDir).filter((name) => name.startsWith('postgres.init'))).toEqual([])
  })

  it('that holds something else under the name of the database is refused, and left as it is', async () => {
    const directory = temporaryDirectory()
    mkdirSync(join(directory, 'data', 'postgres'), { recursive: true })
    writeFileSync(join(directory, 'data', 'postgres', 'thesis.txt'), 'years of work')
    const server = startServer(join(directory, 'data'))
    expect(await server.hear('failed')).toMatchObject({
      code: 'start-failed',
      message: expect.stringContaining('no PostgreSQL'),
    })
    expect(readdirSync(join(directory, 'data', 'postgres'))).toEqual(['thesis.txt'])
  })

  it('of another major version is refused by name', async () => {
    const directory = temporaryDirectory()
    mkdirSync(join(directory, 'data', 'postgres'), { recursive: true })
    writeFileSync(join(directory, 'data', 'postgres', 'PG_VERSION'), '17\n')
    const server = startServer(join(directory, 'data'))
    expect(await server.hear('failed')).toMatchObject({ code: 'wrong-version', message: expect.stringContaining('17') })
  })
})

describe('a guest', () => {
  it('joins the server that runs, and leaves it running', async () => {
    const dataDir = await usedDirectory()
    const server = startServer(dataDir)
    await server.hear('ready')
    const guest = startServer(dataDir, { share: true })
    expect(await guest.hear('ready')).toMatchObject({ origin: 'shared', version: expect.stringMatching(/^18\./) })
    expect(await guest.query(READ_KEPT)).toEqual([[42]])
    await guest.stop()
    expect(await server.query(READ_KEPT)).toEqual([[42]])
  })

  it('starts the database when nobody serves it, and stops it again', async () => {
    const dataDir = join(temporaryDirectory(), 'data')
    const guest = startServer(dataDir, { share: true })
    expect(await guest.hear('ready')).toMatchObject({ origin: 'initialised' })
    await guest.stop()
    expect(postmasterPid(dataDir)).toBeUndefined()
  })
})

describe.runIf(isRoot)('users', () => {
  it('serves a normal user from a directory of his own', async () => {
    const dataDir = join(temporaryDirectory({ uid: NOBODY }), 'data')
    const server = startServer(dataDir, { uid: NOBODY })
    expect(await server.hear('ready')).toMatchObject({ origin: 'initialised' })
    expect(await server.query('select session_user::text')).toEqual([['rempart_owner']])
    expect(statSync(join(dataDir, 'postgres')).mode & 0o777).toBe(0o700)
  })

  it('lets root serve what a normal user made, and that user again what root served', async () => {
    const dataDir = join(temporaryDirectory({ uid: NOBODY }), 'data')
    for (const options of [{ uid: NOBODY }, {}, { uid: NOBODY }]) {
      const server = startServer(dataDir, options)
      await server.hear('ready')
      await server.stop()
    }
    expect(statSync(join(dataDir, 'postgres')).uid).toBe(NOBODY)
  })

  it('never runs PostgreSQL as root, not even over a directory that was given to root', async () => {
    const dataDir = await usedDirectory()
    const server = startServer(dataDir)
    await server.hear('ready')
    expect(statSync(`/proc/${postmasterPid(dataDir)}`).uid).toBe(NOBODY)
  })

  it('refuses a user without a name, and says what to do', async () => {
    const dataDir = join(temporaryDirectory({ mode: 0o777 }), 'data')
    const server = startServer(dataDir, { uid: 54_321 })
    expect(await server.hear('failed')).toMatchObject({
      code: 'no-os-user',
      hint: expect.stringContaining('/etc/passwd'),
    })
  })

  it('refuses a directory the user cannot write, and says what to do', async () => {
    const server = startServer(join(temporaryDirectory(), 'data'), { uid: NOBODY })
    expect(await server.hear('failed')).toMatchObject({
      code: 'data-dir-not-writable',
      hint: expect.stringContaining('chown'),
    })
  })

  it('refuses a user the database of another', async () => {
    const dataDir = await usedDirectory()
    const second = startServer(dataDir, { uid: 1 })
    expect(await second.hear('failed')).toMatchObject({
      code: 'data-dir-not-writable',
      message: expect.stringContaining('nobody'),
    })
  })

  it('keeps the database elsewhere, linked and announced, when a parent directory is closed', async () => {
    const directory = temporaryDirectory({ mode: 0o700 })
    const dataDir = join(directory, 'data')
    const first = startServer(dataDir)
    await first.hear('ready')
    const cluster = readlinkSync(join(dataDir, 'postgres'))
    expect(cluster).toMatch(/^\/var\/lib\/rempart\/[0-9a-f]{16}\/postgres$/)
    expect(first.saids).toContainEqual({ said: 'log', level: 'info', msg: expect.stringContaining(cluster) })
    await first.query(KEEP)
    await first.stop()

    // The link decides: opening the parent later does not start an empty database.
    chmodSync(directory, 0o755)
    const second = startServer(dataDir)
    expect(await second.hear('ready')).toMatchObject({ origin: 'started' })
    expect(await second.query(READ_KEPT)).toEqual([[42]])
    await second.stop()

    await removeEmbeddedDatabase(dataDir)
    expect([existsSync(cluster), readdirSync(dataDir)]).toEqual([false, []])
  })

  it('opens a closed data directory of root for passing through, not for listing', async () => {
    const directory = temporaryDirectory()
    mkdirSync(join(directory, 'data'), { mode: 0o700 })
    await startServer(join(directory, 'data')).hear('ready')
    expect(statSync(join(directory, 'data')).mode & 0o777).toBe(0o701)
    expect(existsSync(join(directory, 'data', 'postgres', 'PG_VERSION'))).toBe(true)
  })
})
