import { describe, expect, it } from 'vitest'
import { decide } from '../../decide.ts'
import type { Plan } from '../../plan.ts'
import type { RuleInput } from '../../rule-kinds.ts'
import { createTake, type Store } from '../../store.ts'
import { from, latePlan } from '../../testing/arrivals.ts'
import { createMemoryStore, memoryOf } from '../memory.ts'
import { leaseBytes } from './tables/lease-table.ts'
import type { Tables } from './tables.ts'

const hour = 3_600_000
const day = 24 * hour
const open = (): Store => createMemoryStore({ budgetBytes: 65_536 })
const planOf = (fields: object, id = 'test'): Plan =>
  latePlan([{ id: 'r', by: 'account', window: '1h', ...fields } as RuleInput], { id })
const ask = (plan: Plan, store: Store, account: string, nowMs: number, cost = 1) =>
  decide(plan, store, from('192.0.2.1', { account }), cost, nowMs)

function tablesOf(store: Store): Tables {
  const memory = memoryOf(store)
  if (memory === undefined) throw new Error('a memory store')
  return memory.tables
}

/** Every buffer that lies in a table. */
function buffersOf(table: object): readonly ArrayBufferLike[] {
  return Object.values(table).flatMap((field) => (ArrayBuffer.isView(field) ? [field.buffer] : []))
}

describe('the figures of a memory store', () => {
  it('tell the bytes of all its tables', () => {
    const store = open()
    const buffers = new Set(
      Object.values(tablesOf(store)).flatMap((table) => (table instanceof Object ? buffersOf(table) : [])),
    )
    const bytes = [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0)
    // Leases are no typed arrays.
    expect(store.stats().bytes).toBe(bytes + leaseBytes(tablesOf(store).leases))
  })

  it('tell the counters of every table, a line’s by their units', () => {
    const store = open()
    ask(planOf({ kind: 'rate-limit', limit: 3 }, 'line'), store, 'ada', 1, 2)
    for (const account of ['ada', 'bob', 'eve']) {
      ask(planOf({ kind: 'rate-limit', limit: 20 }, 'ring'), store, account, 1, 5)
      for (let sent = 0; sent < 12; sent += 1) ask(planOf({ kind: 'rate-limit', limit: 20 }, 'log'), store, account, 1)
    }
    expect(store.stats().entries).toBe(8)
    const rate = planOf({ kind: 'rate-limit', rate: 101, burst: 1 }, 'rate')
    for (let index = 0; index < 4; index += 1) ask(rate, store, `${index}`, 1)
    expect(store.stats().entries).toBe(12)
    ask(planOf({ kind: 'escalation', steps: [{ after: 9, do: 'challenge' }] }, 'ladder'), store, 'ada', 1)
    expect(store.stats().entries).toBe(13)
  })

  it('tell the room of every table, and what each has forgotten', () => {
    const store = open()
    const { lines, small, large, blocked, prefixes, arrivals, ladders } = tablesOf(store)
    const slots = [small, large].reduce((sum, { groups }) => sum + groups * 8, 0)
    const stamps = [arrivals, ladders].reduce((sum, { groups }) => sum + groups * 8, 0)
    expect(store.stats().capacity).toBe((lines.words.length / 16) * 7 + slots + stamps)
    for (const [index, table] of [lines, small, large, arrivals, ladders].entries()) table.evictions = 10 ** index
    for (const [index, table] of [blocked, prefixes].entries()) table.evictions = 10 ** index
    expect(store.stats()).toMatchObject({ evictions: 11_111, blockedEvictions: 11 })
  })
})

describe('the time of a memory store', () => {
  it.each([0, 1, 2])('begins with its first call, at %i ms too', (startMs) => {
    const store = open()
    const plan = planOf({ kind: 'rate-limit', limit: 1 })
    expect(ask(plan, store, 'ada', startMs).outcome).toBe('allow')
    expect(ask(plan, store, 'ada', startMs + hour - 1).outcome).toBe('deny')
    expect(ask(plan, store, 'ada', startMs + hour).outcome).toBe('allow')
  })

  it('keeps whoever is refused for longest refused, whoever is refused for less meanwhile', () => {
    const store = open()
    const [long, less] = ['300d', '60d'].map((lock) => planOf({ kind: 'lockout', attempts: 1, lock }, lock))
    if (long === undefined || less === undefined) throw new Error('two policies')
    for (const plan of [long, less]) for (let sent = 0; sent < 2; sent += 1) ask(plan, store, 'ada', 1_000)
    for (let days = 0; days < 300; days += 10) expect(ask(long, store, 'ada', 1_000 + days * day).outcome).toBe('deny')
    expect(ask(less, store, 'ada', 1_000 + 60 * day).outcome).toBe('allow')
    expect(ask(long, store, 'ada', 1_000 + 300 * day).outcome).toBe('allow')
  })
})

describe('ladders of many keys', () => {
  it('stand each where they should, as many as there is room for', () => {
    const store = open()
    // A seed that leaves room in every group, and fills the first slot of the first.
    Object.assign(memoryOf(store)?.seed ?? {}, { v0: 1, v1: 2, v2: 3, v3: 4 })
    const ladder = planOf({ kind: 'escalation', steps: [{ after: 3, do: 'lock', for: '10m' }] })
    const accounts = Array.from({ length: 16 }, (_, index) => `account-${index}`)
    for (let sent = 1; sent <= 3; sent += 1) {
      for (const account of accounts) expect(ask(ladder, store, account, 1_000 + sent).outcome).toBe('allow')
    }
    expect(store.stats().evictions).toBe(0)
    expect(tablesOf(store).ladders.weights[0]).toBe(3)
    for (const account of accounts) {
      expect(ask(ladder, store, account, 2_003)).toMatchObject({ outcome: 'deny', retryAfterMs: 599_000 })
    }
    for (const account of accounts) expect(ask(ladder, store, account, 1_003 + 600_000).outcome).toBe('allow')
  })

  it('count no further than 32 bits tell', () => {
    const store = open()
    const [step] = planOf({ kind: 'escalation', steps: [{ after: 3, do: 'challenge' }] }).counts
    if (step === undefined) throw new Error('nothing is counted')
    const take = Object.assign(createTake(step.counter, true), {
      active: true,
      values: ['ada'],
      cost: 2 ** 31,
      solved: true,
    })
    for (let sent = 0; sent < 4; sent += 1) store.take([take], 1, 1)
    expect(take.used).toBe(2 ** 32 - 1)
    store.take([take], 1, 1)
    expect(take.used).toBe(2 ** 32 - 1)
  })
})
