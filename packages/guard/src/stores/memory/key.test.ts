import { describe, expect, it } from 'vitest'
import { decide } from '../../decide.ts'
import type { RuleInput } from '../../rule-kinds.ts'
import { createTake, type Take } from '../../store.ts'
import { from, latePlan } from '../../testing/arrivals.ts'
import { createHashSeed } from '../keyed-hash.ts'
import { createMemoryStore } from '../memory.ts'
import { aim, bindTake, hashOf, IN_SLOT, NOWHERE } from './key.ts'
import { createTables } from './tables.ts'

const seed = createHashSeed()
const windowed = { kind: 'rate-limit', limit: 3, window: '1h' }

function takeOf(fields: object, by: 'account' | readonly ['account', 'tenant'] = 'account'): Take {
  const [step] = latePlan([{ id: 'r', by, ...fields } as RuleInput]).counts
  if (step === undefined) throw new Error('nothing is counted')
  return createTake(step.counter, true)
}

describe('a take', () => {
  it('keeps what a store knows of it, and nothing of another store', () => {
    const [one, other] = [createTables(65_536), createTables(65_536)]
    const take = Object.assign(takeOf(windowed), { values: ['ada'] })
    const binding = bindTake(take, one, seed)
    expect(bindTake(take, one, seed)).toBe(binding)
    expect(bindTake(take, other, seed)).not.toBe(binding)
    expect(take.scratch).toMatchObject({ owner: other })
  })

  it.each([
    ['one subject', 'account', ['ada'], [['bob']]],
    [
      'two subjects',
      ['account', 'tenant'],
      ['ada', 'acme'],
      [
        ['bob', 'acme'],
        ['ada', 'b'],
      ],
    ],
  ] as const)('by %s knows where its counter is as long as the same client comes', (_, by, values, others) => {
    const tables = createTables(65_536)
    const take = Object.assign(takeOf(windowed, by), { values: [...values] })
    for (const other of [values, ...others]) {
      const binding = bindTake(Object.assign(take, { values: [...values] }), tables, seed)
      const { high, low } = binding
      Object.assign(binding, { place: IN_SLOT })
      Object.assign(take, { values: [...other] })
      const isSame = other === values
      expect(bindTake(take, tables, seed).place).toBe(isSame ? IN_SLOT : NOWHERE)
      expect([binding.high === high, binding.low === low]).toEqual([isSame, isSame])
    }
  })

  it('has one hash by either way of hashing a single subject', () => {
    const binding = bindTake(Object.assign(takeOf(windowed), { values: ['ada'] }), createTables(65_536), seed)
    for (const subject of ['ada', '', '192.0.2.1', 'éva', 'a much longer subject than fits a word or two']) {
      aim(binding, subject)
      const { v0, v1 } = hashOf(binding.prefix, [subject])
      expect([binding.high, binding.low]).toEqual([v0, v1])
    }
  })

  it.each([
    [true, windowed],
    [true, { ...windowed, limit: 2 ** 30 }],
    [false, { ...windowed, limit: 2 ** 30 + 1 }],
    [false, { ...windowed, window: '30d' }],
    [false, { kind: 'rate-limit', rate: 6, burst: 2, window: '1h' }],
    [false, { kind: 'concurrency', slots: 2, lease: '1h' }],
  ])('has a quick way: %s for %o', (isQuick, fields) => {
    const { isQuick: told, limit } = bindTake(takeOf(fields), createTables(65_536), seed)
    expect(told).toBe(isQuick)
    expect(limit).toBe(isQuick ? Reflect.get(fields, 'limit') : 0)
  })
})

describe('a counter', () => {
  const ada = from('192.0.2.1', { account: 'ada' })

  it.each([
    ['a rate in whole milliseconds', windowed, { kind: 'rate-limit', rate: 6, burst: 2, window: '1h' }],
    ['a window', { kind: 'rate-limit', rate: 6, burst: 2, window: '1h' }, windowed],
    ['a longer window than milliseconds tell', { ...windowed, limit: 9 }, { ...windowed, limit: 9, window: '30d' }],
    ['a window that milliseconds tell', { ...windowed, limit: 9, window: '30d' }, { ...windowed, limit: 9 }],
  ])('starts anew where a policy makes it %s', (_, before, after) => {
    const store = createMemoryStore({ budgetBytes: 65_536 })
    const [old, changed] = [before, after].map((fields) =>
      latePlan([{ id: 'r', by: 'account', ...fields } as RuleInput]),
    )
    if (old === undefined || changed === undefined) throw new Error('two policies')
    for (let sent = 0; sent < 9; sent += 1) decide(old, store, ada, 1, 1_000)
    const fresh = decide(changed, createMemoryStore({ budgetBytes: 65_536 }), ada, 1, 1_000)
    const { remaining, resetMs } = { ...fresh }
    expect(decide(changed, store, ada, 1, 1_000)).toMatchObject({ outcome: 'allow', remaining, resetMs })
  })
})
