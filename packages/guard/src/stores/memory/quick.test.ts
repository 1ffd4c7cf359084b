import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Duration } from '../../duration.ts'
import { createTake, type Store, type Take } from '../../store.ts'
import { earlyPlan } from '../../testing/arrivals.ts'
import { createMemoryStore, memoryOf } from '../memory.ts'
import { takeAlone } from './quick.ts'

const hour = 3_600_000
const smallest = 65_536

interface Figures {
  readonly limit: number
  readonly window: Duration
  readonly cooldown?: Duration
}

/** The take of one rule: of the same counters whatever its figures. */
function takeOf(figures: Figures): Take {
  const [step] = earlyPlan([{ id: 'r', kind: 'rate-limit', by: 'ip', ...figures }]).counts
  if (step === undefined) throw new Error('nothing is counted')
  return Object.assign(createTake(step.counter, true), { active: true })
}

/** One of 2,048 clients in eight networks. */
const addressOf = (client: number) => `10.0.${client % 8}.${client >>> 3}`

function ask(store: Store, take: Take, client: number, nowMs: number, cost = 1): Take {
  Object.assign(take, { values: [addressOf(client)], cost })
  store.take([take], 1, nowMs)
  return take
}

/** The same in a request of two takes, which is answered in the general way. */
function askBeside(store: Store, take: Take, client: number, nowMs: number, cost = 1): Take {
  Object.assign(take, { values: [addressOf(client)], cost })
  store.take([take, { ...take, active: false }], 2, nowMs)
  return take
}

/** Two stores that put keys in the same places. */
function openTwins(seed: object): readonly [Store, Store] {
  const [one, other] = [createMemoryStore({ budgetBytes: smallest }), createMemoryStore({ budgetBytes: smallest })]
  for (const store of [one, other]) Object.assign(memoryOf(store)?.seed ?? {}, seed)
  return [one, other]
}

/** Has so many clients refused in both stores, for a second and a half. */
function refuseIn(stores: readonly Store[], clients: number): void {
  const strict = takeOf({ limit: 1, window: 900, cooldown: 1_500 })
  for (let sent = 0; sent < clients * 2; sent += 1) {
    for (const store of stores) ask(store, strict, sent % clients, 1_000)
  }
}

const readingOf = ({ fits, charged, used, freesMs, waitMs, cooling }: Take) => ({
  fits,
  charged,
  used,
  freesMs,
  waitMs,
  cooling,
})

const figures = fc.record({
  limit: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 6 }) }, fc.integer({ min: 1, max: 60 })),
  window: fc.integer({ min: 62, max: 2_000 }),
  cooldown: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.nat({ max: 3_000 })),
})
const seeds = fc.record({ v0: fc.integer(), v1: fc.integer(), v2: fc.integer(), v3: fc.integer() })
const requests = fc.array(
  fc.record({
    gapMs: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.nat({ max: 40 }), fc.nat({ max: 2_000 })),
    // Few clients that come often among many that come seldom.
    client: fc.oneof(fc.nat({ max: 9 }), fc.nat({ max: 199 })),
    cost: fc.oneof({ weight: 12, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 9 })),
    policy: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.constantFrom(1, 2)),
  }),
  { minLength: 1, maxLength: 400, size: 'max' },
)

describe('the quick way', () => {
  it.each([
    ['in an empty store', 0],
    ['among refused clients', 100],
    ['where whole networks are refused', 600],
  ])('answers as the general way does, and leaves as much behind, however policies take turns: %s', (_, refused) => {
    fc.assert(
      fc.property(seeds, fc.tuple(figures, figures, figures), requests, (seed, policies, sent) => {
        const [quick, general] = openTwins(seed)
        refuseIn([quick, general], refused)
        const takes = policies.map((policy) => [takeOf(policy), takeOf(policy)])
        let nowMs = 1_000
        for (const { gapMs, client, cost, policy } of sent) {
          nowMs += gapMs
          const [one, other] = takes[policy] ?? []
          if (one === undefined || other === undefined) throw new Error('three policies')
          const answer = readingOf(ask(quick, one, client, nowMs, cost))
          expect(answer).toEqual(readingOf(askBeside(general, other, client, nowMs, cost)))
        }
        expect(quick.stats()).toEqual(general.stats())
      }),
      { numRuns: 60 },
    )
  })

  /** Whether the quick way alone has an answer, in place of the whole. */
  function askAlone(store: Store, take: Take, client: number, cost = 1): boolean {
    Object.assign(take, { values: [addressOf(client)], cost })
    const tables = memoryOf(store)?.tables
    if (tables === undefined) throw new Error('a memory store')
    return takeAlone([take], tables)
  }

  it('has the answer for a client that comes again, in a line and in a ring, and for one that is known to be refused', () => {
    const store = createMemoryStore({ budgetBytes: smallest })
    const take = takeOf({ limit: 6, window: '1h' })
    // A take is bound to the store by the general way, and so is a fourth unit put in a ring.
    const answered = [1, 2, 3, 4, 5, 6, 7].map((sent) => {
      const alone = sent !== 1 && askAlone(store, take, 7)
      return alone ? [alone, take.used] : [alone, ask(store, take, 7, 1_000).used]
    })
    expect(answered).toEqual([
      [false, 1],
      [true, 2],
      [true, 3],
      [false, 4],
      [true, 5],
      [true, 6],
      [false, 6],
    ])
    expect(askAlone(store, take, 7)).toBe(true)
    expect(readingOf(take)).toEqual({
      fits: false,
      charged: false,
      used: 6,
      freesMs: hour,
      waitMs: hour,
      cooling: false,
    })
  })

  it('has the answer for a client that is known to be refused of a limit that lies in a line', () => {
    const store = createMemoryStore({ budgetBytes: smallest })
    const take = takeOf({ limit: 2, window: '1h' })
    for (let sent = 0; sent < 3; sent += 1) ask(store, take, 7, 1_000 + sent)
    expect(askAlone(store, take, 7)).toBe(true)
    expect(readingOf(take)).toMatchObject({ fits: false, used: 2, freesMs: hour - 2, waitMs: hour - 2 })
  })

  it('has the answer for several units at once where they go into the ring that the client was last found in', () => {
    const store = createMemoryStore({ budgetBytes: smallest })
    const take = takeOf({ limit: 9, window: '1h' })
    for (let sent = 0; sent < 5; sent += 1) ask(store, take, 7, 1_000)
    expect([askAlone(store, take, 7, 3), take.used, take.fits]).toEqual([true, 8, true])
    expect([2, 10].map((cost) => askAlone(store, take, 7, cost))).toEqual([false, false])
    expect(ask(store, take, 7, 1_000)).toMatchObject({ fits: true, used: 9 })
  })

  it('has the answer under a rule with a cooldown, but for whom that refuses', () => {
    const store = createMemoryStore({ budgetBytes: smallest })
    const take = takeOf({ limit: 6, window: '1h', cooldown: '1h' })
    for (let sent = 0; sent < 8; sent += 1) ask(store, take, 7, 1_000)
    ask(store, take, 8, 1_000)
    expect([askAlone(store, take, 8), take.used]).toEqual([true, 2])
    expect(askAlone(store, take, 7)).toBe(false)
    for (let sent = 2; sent < 4; sent += 1) ask(store, take, 8, 1_000)
    expect([askAlone(store, take, 8), take.used]).toEqual([true, 5])
  })

  it('has the answer for nearly all of many clients that come twice, among others that are in rings or refused', () => {
    const store = createMemoryStore({ budgetBytes: smallest })
    const take = takeOf({ limit: 6, window: '1h' })
    for (let client = 0; client < 40; client += 1) {
      for (let sent = 0; sent < 5 + (client % 4); sent += 1) ask(store, take, client, 1_000)
    }
    const newcomers = Array.from({ length: 2_000 }, (_, index) => 40 + (index % 1_000))
    const answered = newcomers.filter(
      (client) => askAlone(store, take, client) || !ask(store, take, client, 1_000).fits,
    )
    expect(answered.length).toBeGreaterThan(1_795)
  })
})
