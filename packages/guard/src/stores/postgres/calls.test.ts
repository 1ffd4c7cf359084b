import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RuleInput } from '../../rule-kinds.ts'
import { createTake, type Take } from '../../store.ts'
import { latePlan } from '../../testing/arrivals.ts'
import { createPostgresStore, type PostgresStore } from '../postgres.ts'

const secret = 'sixteen bytes are enough'
const limit: RuleInput = { id: 'burst', kind: 'rate-limit', by: 'account', limit: 3, window: '1m' }

interface Query {
  readonly name: string
  readonly text: string
  readonly values: readonly unknown[]
}

function takeOf(account: string, rule = limit): Take {
  const counter = latePlan([rule]).counts[0]?.counter
  if (counter === undefined) throw new Error('the plan counts nothing')
  return Object.assign(createTake(counter, true), { active: true, values: [account], leaseId: `lease of ${account}` })
}

const FITS = [1, 1, 1, 1_500, 0, 0]
const fitting = (values: readonly unknown[]) => (values[0] as readonly number[]).flatMap(() => FITS)

describe('what a PostgreSQL store asks of its database', () => {
  let store: PostgresStore | undefined
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => {
    store?.close()
    vi.useRealTimers()
  })

  /** A store over a database of which the test says what it answers; calls for counters wait until they are let go. */
  function open(
    options: { readonly beatMs?: number; readonly seen?: () => Promise<unknown>; readonly isHeld?: boolean } = {},
  ) {
    const { seen = async () => 1, isHeld = false, ...rest } = options
    const asked: Query[] = []
    const held: (() => void)[] = []
    const answers: Readonly<Record<string, (values: readonly unknown[]) => Promise<unknown>>> = {
      'rempart-guard-beat': seen,
      'rempart-guard-set_mark': async () => true,
      'rempart-guard-take': async (values) => {
        if (isHeld) await new Promise<void>((resolve) => held.push(resolve))
        return fitting(values)
      },
    }
    const opened = createPostgresStore(
      {
        async query(query) {
          asked.push(query)
          return { rows: [{ answer: await answers[query.name]?.(query.values) }] }
        },
      },
      { secret, ...rest },
    )
    store = opened
    const ofName = (name: string) => asked.filter((query) => query.name === `rempart-guard-${name}`)
    return { store: opened, held, ofName }
  }
  const turn = () => vi.advanceTimersByTimeAsync(0)

  it('is a beat when it begins and every five seconds, until it is closed', async () => {
    const { store, ofName } = open()
    await vi.advanceTimersByTimeAsync(4_999)
    expect(ofName('beat')).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(ofName('beat')).toHaveLength(2)
    const [first, second] = ofName('beat').map(({ values, text }) => ({ values, text }))
    expect(first).toEqual(second)
    // Whoever has not been seen for three beats is gone: microseconds.
    expect(first?.values).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), 15_000_000])
    expect(first?.text).toBe('select rempart_guard.beat($1,$2) as answer')
    store.close()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(ofName('beat')).toHaveLength(2)
  })

  it('tells how many processes there are, as last known, and this one at least', async () => {
    const answers: (() => Promise<unknown>)[] = [
      async () => '3',
      async () => 0,
      async () => 2,
      () => Promise.reject(new Error('gone')),
    ]
    const { store } = open({ beatMs: 100, seen: () => (answers.shift() ?? (async () => 1))() })
    const told: number[] = [store.nodes()]
    await turn()
    for (let beat = 0; beat < 4; beat += 1) {
      told.push(store.nodes())
      await vi.advanceTimersByTimeAsync(100)
    }
    expect(told).toEqual([1, 3, 1, 2, 2])
  })

  it('keeps no process alive', () => {
    vi.useRealTimers()
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    const quiet = createPostgresStore({ query: async () => ({ rows: [] }) }, { secret })
    // The beat that has begun is given its patience.
    expect(timers() - before).toBeLessThanOrEqual(1)
    quiet.close()
  })

  it('is one call for what one turn asks, each request with its own number', async () => {
    const { store, ofName } = open()
    const both = [takeOf('ada'), takeOf('bob')]
    const absent = Object.assign(takeOf('nobody'), { active: false })
    const answered = Promise.all([
      store.take(both, 2, 0),
      store.take([absent, takeOf('eve'), takeOf('left out')], 2, 0),
      store.take([absent], 1, 0),
    ])
    expect(ofName('take')).toHaveLength(0)
    await turn()
    await answered
    const [call] = ofName('take')
    expect(call?.values[0]).toEqual([0, 0, 1])
    expect(call?.values.slice(2, 7)).toEqual([
      ['window', 'window', 'window'],
      [3, 3, 3],
      [3, 3, 3],
      [60_000_000, 60_000_000, 60_000_000],
      [0, 0, 0],
    ])
    expect(both.map(({ charged }) => charged)).toEqual([true, true])
  })

  it('is two calls at a time, and the rest together when one of them is answered', async () => {
    const { store, held, ofName } = open({ isHeld: true })
    for (const account of ['a', 'b', 'c', 'd']) {
      void store.take([takeOf(account)], 1, 0)
      await turn()
    }
    expect(ofName('take').map(({ values }) => values[0])).toEqual([[0], [0]])
    held.shift()?.()
    await turn()
    await turn()
    expect(ofName('take').map(({ values }) => values[0])).toEqual([[0], [0], [0, 1]])
    for (let more = 0; more < 3; more += 1) {
      for (const go of held.splice(0)) go()
      await turn()
    }
    void store.take([takeOf('e')], 1, 0)
    await turn()
    expect(ofName('take')).toHaveLength(4)
  })

  it('is 256 takes in a call at most, but for a request that has more by itself', async () => {
    const { store, ofName } = open({ isHeld: true })
    const request = (count: number) => Array.from({ length: count }, (_, index) => takeOf(`x-${index}`))
    void store.take(request(300), 300, 0)
    void store.take(request(200), 200, 0)
    void store.take(request(56), 56, 0)
    void store.take(request(1), 1, 0)
    await turn()
    expect(ofName('take').map(({ values }) => (values[0] as readonly number[]).length)).toEqual([300, 256])
  })

  it('hides in a hash what it counts: 16 bytes that only the secret gives, others for a mark', async () => {
    const { store, ofName } = open()
    void store.take([takeOf('ada@example.org')], 1, 0)
    await store.mark('ada@example.org', 1.5, 0)
    await turn()
    const [[key], [mark, ttlUs]] = [
      ofName('take')[0]?.values[1] as Buffer[],
      ofName('set_mark')[0]?.values as [Buffer, number],
    ]
    expect([key?.length, mark.length, ttlUs]).toEqual([16, 16, 1_500])
    expect(key?.equals(mark)).toBe(false)
    expect(key?.toString('latin1')).not.toContain('ada')
    // The same in every release: one that is rolled out counts on where the last one stood.
    expect([key?.toString('hex'), mark.toString('hex')]).toEqual([
      'd9084c6b3b70afcaf818a1221941bec9',
      'ad52643072ffea7b0343d4db8a245a6a',
    ])
  })

  it('is to empty the counters of the takes that are active, and nothing where there are none', async () => {
    const { store, ofName } = open()
    const absent = Object.assign(takeOf('nobody'), { active: false })
    await store.clear([takeOf('ada'), absent, takeOf('left out')], 2, 0)
    expect(ofName('clear').map(({ values }) => (values[0] as Buffer[]).length)).toEqual([1])
    void store.take([takeOf('ada')], 1, 0)
    await turn()
    expect(ofName('clear')[0]?.values[0]).toEqual(ofName('take')[0]?.values[1])
    await store.clear([absent], 1, 0)
    expect(ofName('clear')).toHaveLength(1)
  })

  it('is to give back the slots that are named, and nothing where there are none', async () => {
    const { store, ofName } = open()
    await store.release([], 0)
    expect(ofName('release')).toHaveLength(0)
    const slots: RuleInput = { id: 's', kind: 'concurrency', by: 'account', slots: 1, lease: '1m' }
    const { counter, values, leaseId } = takeOf('ada', slots)
    await store.release([{ counter, values, leaseId }], 0)
    expect(ofName('release')[0]?.values[1]).toEqual(['lease of ada'])
  })

  it('says of each shape what the database counts by', async () => {
    const { store, ofName } = open()
    const rules: RuleInput[] = [
      { id: 'cells', kind: 'rate-limit', by: 'account', limit: 40, window: '31s', cooldown: '2m' },
      { id: 'rate', kind: 'rate-limit', by: 'account', rate: 65, burst: 5, window: '1h' },
      { id: 'lock', kind: 'lockout', by: 'account', attempts: 3, window: '1m', lock: '2m' },
      {
        id: 'ladder',
        kind: 'escalation',
        by: 'account',
        window: '1m',
        steps: [
          { after: 2, do: 'challenge' },
          { after: 4, do: 'delay', for: '1s', growth: 2, cap: '2s' },
        ],
      },
    ]
    const takes = rules.map((rule) => takeOf('ada', rule))
    const [, , , ladder] = takes
    if (ladder !== undefined) ladder.solved = true
    const [cells] = takes
    if (cells !== undefined) cells.cost = 7
    void store.take(takes, takes.length, 0)
    await turn()
    const columns = ofName('take')[0]?.values ?? []
    const never = Number.MAX_SAFE_INTEGER
    expect(columns.slice(2)).toEqual([
      ['window', 'gcra', 'window', 'ladder'],
      [40, 65, 3, 0],
      [40, 5, 3, 0],
      [31_000_000, 3_600_000_000, 60_000_000, 60_000_000],
      [120_000_000, 0, 120_000_000, 0],
      [1_000_000, 0, 0, 0],
      [1, 60_000_000, 1, 1],
      [never, never, never, 2],
      ['{}', '{}', '{}', '{4,1000000,5,2000000}'],
      [7, 1, 1, 1],
      [true, true, true, true],
      [false, false, true, true],
      [false, false, false, true],
      takes.map(({ leaseId }) => leaseId),
    ])
  })
})
