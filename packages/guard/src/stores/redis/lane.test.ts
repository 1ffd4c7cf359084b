import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createDeadline } from '../../deadline.ts'
import type { RuleInput } from '../../rule-kinds.ts'
import { createTake, type Take } from '../../store.ts'
import { latePlan } from '../../testing/arrivals.ts'
import { addTake, type Batch, MOST_KEYS } from './batch.ts'
import { codeOfTake, createKeyring } from './keys.ts'
import { createLane, type Lane } from './lane.ts'

const DEADLINE_MS = 25
const keyring = createKeyring('a secret of the lanes', 'test')
const limit: RuleInput = { id: 'r', kind: 'rate-limit', by: 'account', limit: 9, window: '1h' }
const slots: RuleInput = { id: 's', kind: 'concurrency', by: 'account', slots: 9, lease: '1h' }

function takeOf(account: string, rule = limit): Take {
  const [step] = latePlan([rule]).counts
  if (step === undefined) throw new Error('nothing is counted')
  return Object.assign(createTake(step.counter, true), {
    active: true,
    values: [account],
    leaseId: `lease of ${account}`,
  })
}

interface Call {
  readonly keys: readonly string[]
  readonly args: readonly string[]
  readonly answer: (reply: unknown) => void
  readonly fail: (error: Error) => void
}

/** What a server answers of so many takes that fit. */
const fitting = (takes: number): number[] => Array.from({ length: takes }, () => [8 + 3, 500]).flat()

/** A lane to a server of which the test says how it answers. */
function openLane() {
  const calls: Call[] = []
  const sent: (readonly [string, string, readonly string[]])[] = []
  const told: Take[] = []
  const connection = {
    sharded: false,
    send: vi.fn(async (key: string, command: string, args: string[]): Promise<unknown> => {
      sent.push([key, command, args])
      return 'OK'
    }),
    broadcast: () => Promise.reject(new Error('nobody asks all')),
    reconnect: vi.fn(),
  }
  const lane = createLane({
    connection,
    call: (keys, args) => new Promise((answer, fail) => calls.push({ keys, args, answer, fail })),
    deadline: createDeadline(DEADLINE_MS),
    deadlineMs: DEADLINE_MS,
    processName: 'process-1',
    heartbeatKey: 'test{0}n',
    livingMs: 15_000,
    tell: (_, take) => told.push(take),
  })
  return { lane, calls, sent, told, connection }
}

/** What has become of something that was asked for, so far. */
interface Asked {
  said: unknown
}

/** Nobody waits for what may never end: what is not said in time is seen to be missing. */
function track(promise: Promise<unknown>): Asked {
  const asked: Asked = { said: 'nothing yet' }
  promise.then(
    (value) => {
      asked.said = value ?? 'answered'
    },
    (error: Error) => {
      asked.said = error.message
    },
  )
  return asked
}

/** Puts a request in. */
function ask(lane: Lane, takes: readonly Take[]): Asked {
  const batch: Batch = lane.batch(takes.length, 1_000)
  for (const [index, take] of takes.entries()) {
    addTake(batch, take, keyring.ofTake(take), codeOfTake(take), index === takes.length - 1, 'take', 0, '')
  }
  lane.added()
  return track(batch.done.promise)
}

const askFor = (lane: Lane, ...accounts: readonly string[]) => accounts.map((account) => ask(lane, [takeOf(account)]))
const names = (...accounts: readonly string[]) => accounts.map((account) => keyring.ofTake(takeOf(account)).name)
const many = (count: number, name = 'x') => Array.from({ length: count }, (_, index) => `${name}-${index}`)
const saidOf = (asked: readonly Asked[]) => asked.map(({ said }) => said)
/** The end of a turn of the event loop, and whatever follows from it. */
const turn = () => vi.advanceTimersByTimeAsync(0)
/** A deadline is told behind the sockets of its turn. */
const deadlinePasses = () => vi.advanceTimersByTimeAsync(DEADLINE_MS + 1)

let lane: Lane | undefined
beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  lane?.close()
  vi.useRealTimers()
})
const open = () => {
  const opened = openLane()
  lane = opened.lane
  return opened
}

describe('the requests of a lane', () => {
  it('of one turn travel in one call, which ends for all of them at once', async () => {
    const { lane, calls, told } = open()
    const takes = [takeOf('ada'), takeOf('bob')]
    const outcomes = takes.map((take) => ask(lane, [take]))
    expect(calls).toHaveLength(0)
    await turn()
    expect(calls.map(({ keys }) => keys)).toEqual([names('ada', 'bob')])
    calls[0]?.answer([11, 500, 8, 0, 70])
    await turn()
    expect(saidOf(outcomes)).toEqual(['answered', 'answered'])
    expect(takes.map(({ fits, waitMs }) => [fits, waitMs])).toEqual([
      [true, 0],
      [false, 70],
    ])
    expect(told).toEqual(takes)
    const next = askFor(lane, 'eve')
    await turn()
    expect(calls[1]?.keys).toEqual(names('eve'))
    calls[1]?.answer(fitting(1))
    await turn()
    expect(saidOf(next)).toEqual(['answered'])
  })

  it('do not wait for the end of the turn once there are 32 takes', async () => {
    const { lane, calls } = open()
    void askFor(lane, ...many(31))
    expect(calls).toHaveLength(0)
    void askFor(lane, 'last')
    expect(calls.map(({ keys }) => keys.length)).toEqual([32])
    await turn()
    expect(calls).toHaveLength(1)
  })

  it('travel in four calls at most at a time: what comes meanwhile waits together for the first answer', async () => {
    const { lane, calls } = open()
    for (const account of ['a', 'b', 'c', 'd', 'e', 'f']) {
      void askFor(lane, account)
      await turn()
    }
    expect(calls.map(({ keys }) => keys)).toEqual([names('a'), names('b'), names('c'), names('d')])
    void askFor(lane, ...many(32))
    expect(calls).toHaveLength(4)
    calls[2]?.answer(fitting(1))
    await turn()
    expect(calls[4]?.keys).toEqual(names('e', 'f', ...many(32)))
    calls[0]?.fail(new Error('lost'))
    void askFor(lane, 'g')
    await turn()
    expect(calls[5]?.keys).toEqual(names('g'))
  })

  it('of more than one call travel in as many, each request whole, and one after the other', async () => {
    const { lane, calls } = open()
    for (const account of ['a', 'b', 'c', 'd']) {
      void askFor(lane, account)
      await turn()
    }
    const takes = many(MOST_KEYS - 1).map((account) => takeOf(account))
    const outcomes = [ask(lane, takes.slice(0, 100)), ask(lane, takes.slice(100, 200)), ask(lane, takes.slice(200))]
    await turn()
    expect(calls).toHaveLength(4)
    for (const call of calls) call.answer(fitting(1))
    await turn()
    // A counter of each take's own: 127 go in one call.
    expect(calls.slice(4).map(({ keys }) => keys.length)).toEqual([100, 100, 55])
    for (const [index, count] of [100, 100, 55].entries()) calls[4 + index]?.answer(fitting(count))
    await turn()
    expect(saidOf(outcomes)).toEqual(['answered', 'answered', 'answered'])
  })

  it('that have waited for longer than the deadline are refused, and charged to nobody', async () => {
    const { lane, calls } = open()
    for (const account of ['a', 'b', 'c', 'd']) {
      void askFor(lane, account)
      await turn()
    }
    const late = askFor(lane, 'late')
    await turn()
    await deadlinePasses()
    expect(saidOf(late)).toEqual(['Redis does not answer'])
    await turn()
    expect(calls).toHaveLength(4)
  })

  it('that are not answered in time fail, and leave room for others', async () => {
    const { lane, calls } = open()
    const outcomes = askFor(lane, 'ada')
    await turn()
    await vi.advanceTimersByTimeAsync(DEADLINE_MS - 1)
    expect(saidOf(outcomes)).toEqual(['nothing yet'])
    await deadlinePasses()
    expect(saidOf(outcomes)).toEqual(['no answer within 25 ms'])
    expect(lane.breaker.misses()).toBe(1)
    for (const account of ['a', 'b', 'c', 'd']) {
      void askFor(lane, account)
      await turn()
    }
    expect(calls).toHaveLength(5)
  })

  it.each([
    ['nothing', null],
    ['too few numbers', [11]],
  ])('fail when the answer is %s', async (_, reply) => {
    const { lane, calls } = open()
    const outcomes = askFor(lane, 'ada')
    await turn()
    calls[0]?.answer(reply)
    await turn()
    expect(outcomes[0]?.said).toMatch(/^Redis answered/)
    expect(lane.breaker.misses()).toBe(1)
  })
})

describe('a lane whose server does not answer', () => {
  const failTimes = async ({ lane, calls }: ReturnType<typeof openLane>, times: number): Promise<void> => {
    for (let failed = 0; failed < times; failed += 1) {
      void askFor(lane, `failing-${failed}`)
      await turn()
      await vi.advanceTimersByTimeAsync(4)
      calls.at(-1)?.fail(new Error('gone'))
      await turn()
    }
  }

  it('opens its breaker at five misses, and refuses at once whoever waits', async () => {
    const opened = open()
    const { lane, calls } = opened
    await failTimes(opened, 4)
    expect(lane.breaker.isOpen()).toBe(false)
    for (const account of ['a', 'b', 'c', 'd', 'e']) {
      void askFor(lane, account)
      await turn()
    }
    const waiting = [...askFor(lane, 'f'), ...many(130, 'more').map((account) => ask(lane, [takeOf(account)]))]
    await vi.advanceTimersByTimeAsync(1)
    calls[4]?.fail(new Error('gone'))
    await turn()
    expect(new Set(saidOf(waiting))).toEqual(new Set(['Redis does not answer']))
    expect(lane.breaker.isOpen()).toBe(true)
    expect(calls.length).toBeLessThanOrEqual(9)
  })

  it('is forgiven four misses by an answer, and by one to a plain command', async () => {
    const opened = open()
    await failTimes(opened, 4)
    void askFor(opened.lane, 'ada')
    await turn()
    opened.calls.at(-1)?.answer(fitting(1))
    await turn()
    await failTimes(opened, 4)
    expect(opened.lane.breaker.isOpen()).toBe(false)
    track(opened.lane.send('k', 'DEL', ['k']))
    await turn()
    await failTimes(opened, 4)
    expect(opened.lane.breaker.isOpen()).toBe(false)
    await failTimes(opened, 1)
    expect(opened.lane.breaker.isOpen()).toBe(true)
  })

  it('sends no plain command any more, and counts those that failed or were late', async () => {
    const opened = open()
    const { lane, sent, connection } = opened
    const sending = track(lane.send('k', 'DEL', ['k', 'l']))
    await turn()
    expect(sending.said).toBe('OK')
    expect(sent).toEqual([['k', 'DEL', ['k', 'l']]])
    connection.send.mockRejectedValueOnce(new Error('gone'))
    const failed = track(lane.send('k', 'DEL', ['k']))
    await turn()
    expect(failed.said).toBe('gone')
    connection.send.mockReturnValueOnce(new Promise(() => undefined))
    const late = track(lane.send('k', 'DEL', ['k']))
    await deadlinePasses()
    expect(late.said).toBe('no answer within 25 ms')
    expect(lane.breaker.misses()).toBe(2)
    await failTimes(opened, 3)
    const refused = track(lane.send('k', 'DEL', ['k']))
    await turn()
    expect(refused.said).toBe('Redis does not answer')
    expect(connection.send).toHaveBeenCalledTimes(3)
  })

  it('is asked by its heartbeat, and serves again as soon as that is answered', async () => {
    const opened = open()
    await failTimes(opened, 5)
    await vi.advanceTimersByTimeAsync(250)
    const beat = opened.calls.at(-1)
    expect([beat?.keys, beat?.args]).toEqual([['test{0}n'], ['beat', 'process-1', '15000']])
    expect(opened.lane.breaker.isOpen()).toBe(true)
    beat?.answer(2)
    await turn()
    expect(opened.lane.breaker.isOpen()).toBe(false)
  })

  it('refuses whoever waits when it is closed', async () => {
    const { lane, calls } = open()
    const waiting = askFor(lane, 'ada')
    lane.close()
    await turn()
    expect(saidOf(waiting)).toEqual(['Redis does not answer'])
    expect(calls).toHaveLength(0)
  })
})

describe('the heartbeat of a lane', () => {
  const beatAt = async (lane: Lane): Promise<unknown> => {
    const beat = track(lane.beat())
    await turn()
    return beat.said
  }

  it('says how many processes live', async () => {
    const { lane, calls } = open()
    const beat = track(lane.beat())
    calls[0]?.answer('3')
    await turn()
    expect(beat.said).toBe(3)
    const next = track(lane.beat())
    calls[1]?.answer(4)
    await turn()
    expect(next.said).toBe(4)
  })

  it('is one at a time, and gives up a connection that has not answered for five seconds, once in five', async () => {
    const { lane, calls, connection } = open()
    const first = track(lane.beat())
    await vi.advanceTimersByTimeAsync(5_000)
    expect(first.said).toBe('no answer within 25 ms')
    expect(await beatAt(lane)).toBe('Redis does not answer')
    expect([calls.length, connection.reconnect.mock.calls.length]).toEqual([1, 0])
    await vi.advanceTimersByTimeAsync(1)
    expect(await beatAt(lane)).toBe('Redis does not answer')
    expect(connection.reconnect).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(await beatAt(lane)).toBe('Redis does not answer')
    expect([calls.length, connection.reconnect.mock.calls.length]).toEqual([1, 1])
    calls[0]?.fail(new Error('gone'))
    await turn()
    const next = track(lane.beat())
    calls[1]?.answer(1)
    await turn()
    expect(next.said).toBe(1)
  })
})

describe('slots that a late call has taken', () => {
  const askForSlots = async (lane: Lane) => {
    const outcome = ask(lane, [takeOf('ada', slots), takeOf('bob'), takeOf('eve', slots)])
    await turn()
    await deadlinePasses()
    expect(outcome.said).toBe('no answer within 25 ms')
  }

  it('are given back once its answer comes', async () => {
    const { lane, calls, sent, connection } = open()
    await askForSlots(lane)
    expect(sent).toEqual([])
    connection.send.mockRejectedValueOnce(new Error('gone'))
    calls[0]?.answer(fitting(3))
    await turn()
    const [ada, eve] = ['ada', 'eve'].map((account) => keyring.ofTake(takeOf(account, slots)).name)
    expect(connection.send.mock.calls).toEqual([
      [ada, 'ZREM', [ada, 'lease of ada']],
      [eve, 'ZREM', [eve, 'lease of eve']],
    ])
  })

  it('are not there when the call has failed', async () => {
    const { lane, calls, connection } = open()
    await askForSlots(lane)
    calls[0]?.fail(new Error('gone'))
    await turn()
    expect(connection.send).not.toHaveBeenCalled()
  })
})
