import { describe, expect, it } from 'vitest'
import { decide } from '../decide.ts'
import { burst, earlyPlan, flood, from } from '../testing/arrivals.ts'
import { createMemoryStore } from './memory.ts'

const hour = 3_600_000

describe('room for a new client', () => {
  it('taken from another counter of the same request is not charged with that counter too', () => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    const first = burst({ id: 'first', limit: 100 })
    const second = burst({ id: 'second', limit: 100 })
    const both = earlyPlan([first, second])
    const probes = [earlyPlan([first]), earlyPlan([second])]
    flood(earlyPlan([burst({ limit: 2 })], { id: 'full' }), store, 20_000, 0)
    for (let index = 0; index < 2_000; index += 1) {
      const client = from(`10.0.${index >>> 8}.${index & 255}`)
      decide(earlyPlan([second]), store, client, 1, 1)
      decide(both, store, client, 1, 1)
      // What is asked exceeds the limit, so that asking charges nothing.
      const [firstUsed = 0, secondUsed = 0] = probes.map((plan) => 100 - decide(plan, store, client, 101, 1).remaining)
      expect(firstUsed).toBeLessThanOrEqual(1)
      expect(secondUsed).toBeLessThanOrEqual(2)
    }
  })

  it('is made of counters that have ended before any that runs, however much they had spent', () => {
    const store = createMemoryStore({ budgetBytes: 1_048_576 })
    const brief = earlyPlan([burst({ limit: 3, window: '1s' })], { id: 'brief' })
    const plan = earlyPlan([burst({ limit: 20 })])
    for (let round = 0; round < 3; round += 1) flood(brief, store, 20_000, 0)
    const honest = Array.from({ length: 100 }, (_, index) => from(`198.51.100.${index}`))
    for (const client of honest) decide(plan, store, client, 1, 5_000)
    // A twentieth of the slots: hardly any group of eight gets more than it has.
    const evictions = store.stats().evictions
    for (const cost of [1, 2]) {
      for (let index = 0; index < 300; index += 1)
        decide(plan, store, from(`10.0.${index >>> 8}.${index & 255}`), cost, 6_000)
    }
    expect(store.stats().evictions).toBe(evictions)
    for (const client of honest) expect(decide(plan, store, client, 1, 7_000).remaining).toBe(18)
  })
})

describe('a clock that steps', () => {
  it('back by an hour neither re-admits a client nor locks it out for longer', () => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    const plan = earlyPlan([burst({ limit: 1, window: '1m' })])
    const client = from('192.0.2.1')
    decide(plan, store, client, 1, 2 * hour)
    expect(decide(plan, store, client, 1, hour)).toMatchObject({ outcome: 'deny', retryAfterMs: 60_000 })
    expect(decide(plan, store, client, 1, hour + 59_999).outcome).toBe('deny')
    expect(decide(plan, store, client, 1, hour + 60_000).outcome).toBe('allow')
  })

  it('back and forth by less than a second gains nothing', () => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    const plan = earlyPlan([burst({ limit: 1, window: '1m' })])
    const client = from('192.0.2.1')
    decide(plan, store, client, 1, 100_000)
    for (let step = 0; step < 1_000; step += 1) {
      expect(decide(plan, store, client, 1, step % 2 === 0 ? 99_100 : 100_000).outcome).toBe('deny')
    }
    expect(decide(plan, store, client, 1, 159_999).outcome).toBe('deny')
    expect(decide(plan, store, client, 1, 160_000).outcome).toBe('allow')
  })

  it('back during a cooldown neither ends nor lengthens it', () => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    const plan = earlyPlan([burst({ limit: 1, cooldown: '5m', window: '1m' })])
    const client = from('192.0.2.1')
    decide(plan, store, client, 1, hour)
    decide(plan, store, client, 1, hour)
    expect(decide(plan, store, client, 1, 0).retryAfterMs).toBe(300_000)
    expect(decide(plan, store, client, 1, 300_000).outcome).toBe('allow')
  })
})

describe('a policy that changes under a running store', () => {
  it('keeps what clients have spent when the limit changes, either way', () => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    const client = from('192.0.2.1')
    const wide = earlyPlan([burst({ limit: 100 })])
    for (let sent = 0; sent < 50; sent += 1) decide(wide, store, client, 1, sent * 1_000)
    expect(decide(earlyPlan([burst({ limit: 10 })]), store, client, 1, 50_000).outcome).toBe('deny')
    expect(decide(earlyPlan([burst({ limit: 60 })]), store, client, 1, 50_000).remaining).toBe(9)
  })

  it('counts in one place what comes through the old policy and the new in turn, also when a window has just ended', () => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    const client = from('192.0.2.1')
    const [old, raised] = [3, 4].map((limit) => earlyPlan([burst({ limit, window: 75 })]))
    if (old === undefined || raised === undefined) throw new Error('two policies')
    decide(old, store, client, 3, 1)
    decide(raised, store, client, 1, 1)
    decide(old, store, client, 1, 1)
    const outcomes = Array.from(
      { length: 8 },
      (_, sent) => decide(sent % 2 === 0 ? raised : old, store, client, 1, 76).outcome,
    )
    expect(outcomes.filter((outcome) => outcome === 'allow')).toHaveLength(4)
  })

  it('gives units back when they were to come back as they were spent, if the window grows', () => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    const client = from('192.0.2.1')
    const short = earlyPlan([burst({ limit: 1_000, window: '1h' })])
    const cellMs = Math.ceil(hour / 31)
    // As many cells as one window can touch.
    for (let cell = 0; cell < 32; cell += 1) decide(short, store, client, 10, cell * cellMs)
    const long = earlyPlan([burst({ limit: 1_000, window: '2h' })])
    const atMs = 31 * cellMs + 1
    expect(decide(long, store, client, 10, atMs).remaining).toBe(1_000 - 31 * 10 - 10)
    // The last entry was begun a millisecond before: they came to share it.
    expect(decide(long, store, client, 10, hour + 31 * cellMs).remaining).toBe(1_000 - 3 * 10)
    expect(decide(long, store, client, 10, atMs + 2 * hour).remaining).toBe(1_000 - 2 * 10)
  })

  it.each([1, 3, 20, 120])('makes nobody wait longer than the window in force, if it shrinks: limit %i', (limit) => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    const client = from('192.0.2.1')
    const long = earlyPlan([burst({ limit, window: '20d' })])
    for (let sent = 0; sent <= limit; sent += 1) decide(long, store, client, 1, sent)
    const short = earlyPlan([burst({ limit, window: '1m' })])
    expect(decide(short, store, client, 1, 1_000)).toMatchObject({ outcome: 'deny', retryAfterMs: 60_000 })
    expect(decide(short, store, client, 1, 60_999).outcome).toBe('deny')
    expect(decide(short, store, client, 1, 61_000).outcome).toBe('allow')
  })

  it.each([3, 20, 120])(
    'frees in time what comes through a shorter window also while the longer still charges: limit %i',
    (limit) => {
      const store = createMemoryStore({ budgetBytes: 65_536 })
      const client = from('192.0.2.1')
      const [long, short] = ['20d', '1m'].map((window) => earlyPlan([burst({ limit, window })]))
      if (long === undefined || short === undefined) throw new Error('two policies')
      for (const [atMs, plan] of [short, long, short].entries())
        decide(plan, store, client, Math.floor(limit / 3), atMs)
      expect(decide(short, store, client, limit, 2).retryAfterMs).toBe(60_000)
      expect(decide(short, store, client, limit, 60_002).outcome).toBe('allow')
    },
  )

  it('frees at once those whose spent limit it raises', () => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    const client = from('192.0.2.1')
    const tight = earlyPlan([burst({ limit: 1 })])
    for (let sent = 0; sent < 3; sent += 1) decide(tight, store, client, 1, 0)
    expect(decide(earlyPlan([burst({ limit: 2 })]), store, client, 1, 0).outcome).toBe('allow')
  })

  it('frees at once those in a cooldown that it removes', () => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    const client = from('192.0.2.1')
    const strict = earlyPlan([burst({ limit: 1, window: 10, cooldown: '1h' })])
    for (let sent = 0; sent < 3; sent += 1) decide(strict, store, client, 1, 0)
    expect(decide(strict, store, client, 1, 20).outcome).toBe('deny')
    expect(decide(earlyPlan([burst({ limit: 1, window: 10 })]), store, client, 1, 20).outcome).toBe('allow')
  })
})

describe('a memory store', () => {
  it('shares nothing with another, even through one plan', () => {
    const plan = earlyPlan([burst({ limit: 1 })])
    const client = from('192.0.2.1')
    for (const store of [createMemoryStore(), createMemoryStore()]) {
      expect(decide(plan, store, client, 1, 0).outcome).toBe('allow')
      expect(decide(plan, store, client, 1, 0).outcome).toBe('deny')
    }
  })

  it('counts apart what policies, rules and subjects of other names spend, though all else is the same', () => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    const plans = [
      earlyPlan([burst({ limit: 1 })]),
      earlyPlan([burst({ limit: 1 })], { id: 'other' }),
      earlyPlan([burst({ id: 'other', limit: 1 })]),
      earlyPlan([burst({ by: 'fingerprint', limit: 1 })]),
    ]
    const client = from('192.0.2.1', { fingerprint: '192.0.2.1' })
    for (const outcome of ['allow', 'deny']) {
      expect(plans.map((plan) => decide(plan, store, client, 1, 0).outcome)).toEqual(plans.map(() => outcome))
    }
  })

  it('tells for metrics what it holds', () => {
    const store = createMemoryStore({ budgetBytes: 1_048_576 })
    const plan = earlyPlan([burst({ limit: 1, window: '1m', cooldown: '5m' })])
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.2']) decide(plan, store, from(address), 1, 0)
    expect(store.stats()).toMatchObject({ budgetBytes: 1_048_576, entries: 2, blocked: 1, evictions: 0 })
    decide(plan, store, from('192.0.2.3'), 1, hour)
    expect(store.stats()).toMatchObject({ entries: 1, blocked: 0 })
    store.mark('a request that counts nothing', 1_000, 2 * hour)
    expect(store.stats().entries).toBe(0)
  })

  it.each([0, 65_535, 1e6 + 0.5, Number.NaN])('refuses a budget of %s bytes', (budgetBytes) => {
    expect(() => createMemoryStore({ budgetBytes })).toThrow(
      new RangeError('budgetBytes: a whole number of bytes, at least 64 KiB'),
    )
  })
})
