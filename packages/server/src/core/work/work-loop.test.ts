import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startWorkLoop, type WorkLoop, type WorkLoopOptions } from './work-loop.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const never = 3_600_000

interface TestLoop extends WorkLoop {
  /** Rounds that have begun. */
  readonly rounds: () => number
  readonly failures: unknown[]
  readonly lost: Error[]
  readonly stopping: AbortSignal
  readonly breakOff: AbortSignal
}

/** A loop on the channel of mails that counts its rounds and looks when it is told. */
function loopOf(options: Partial<WorkLoopOptions> = {}): TestLoop {
  const [stopping, breakOff] = [new AbortController(), new AbortController()]
  const failures: unknown[] = []
  const lost: Error[] = []
  let rounds = 0
  const loop = startWorkLoop({
    listenAt: database.target('rempart_worker'),
    channel: 'rempart_mail',
    lookMs: never,
    stopMs: never,
    stopping,
    breakOff,
    onFailed: (error) => failures.push(error),
    onLost: (error) => lost.push(error),
    ...options,
    round: () => {
      rounds += 1
      return options.round?.() ?? Promise.resolve()
    },
  })
  closing.push(() => loop.stop())
  const signals = { stopping: stopping.signal, breakOff: breakOff.signal }
  return { ...loop, ...signals, rounds: () => rounds, failures, lost }
}

const tell = (channel: string) => database.worker.query('select pg_notify($1, $2)', [channel, ''])

/** Cuts the connections that listen for mail. */
const cut = () =>
  database.worker.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'rempart-listen rempart_mail'`,
  )

describe('a work loop', () => {
  it('looks when it has connected, and when it hears of work on its channel', async () => {
    const loop = loopOf()
    await expect.poll(loop.rounds).toBe(1)
    await tell('rempart_webhooks')
    await tell('rempart_mail')
    await expect.poll(loop.rounds).toBe(2)
  })

  it('looks again once a lost connection is back: what was said meanwhile was not heard', async () => {
    const loop = loopOf()
    await expect.poll(loop.rounds).toBe(1)
    await cut()
    await expect.poll(loop.rounds).toBe(2)
    expect(loop.lost).toHaveLength(1)
  })

  it('looks every so often without being told, and after a round that failed', async () => {
    const fault = new Error('the database is away')
    const loop = loopOf({ lookMs: 5, round: () => Promise.reject(fault) })
    await expect.poll(loop.rounds).toBeGreaterThan(3)
    expect(loop.failures.slice(0, 2)).toEqual([fault, fault])
  })

  it('stops by taking no more, then waits for the round and what it left under way', async () => {
    const round = Promise.withResolvers<void>()
    const left = Promise.withResolvers<void>()
    const loop = loopOf({ round: () => round.promise, settled: () => left.promise })
    await expect.poll(loop.rounds).toBe(1)
    let isStopped = false
    const stopped = loop.stop().then(() => {
      isStopped = true
    })
    expect(loop.stopping.aborted).toBe(true)
    round.resolve()
    await expect.poll(loop.rounds).toBe(2)
    expect(isStopped).toBe(false)
    left.resolve()
    await stopped
    expect(loop.breakOff.aborted).toBe(false)
    await tell('rempart_mail')
    expect(loop.rounds()).toBe(2)
  })

  it('breaks off what is under way when a stop has waited long enough, and tells of no failure then', async () => {
    const loop: TestLoop = loopOf({
      stopMs: 20,
      round: () =>
        new Promise((_, reject) => {
          if (loop.stopping.aborted) reject(new Error('nothing more is taken'))
          loop.breakOff.addEventListener('abort', () => reject(new Error('broken off')))
        }),
    })
    await expect.poll(loop.rounds).toBe(1)
    await loop.stop()
    expect(loop.breakOff.aborted).toBe(true)
    expect(loop.failures).toEqual([])
  })
})
