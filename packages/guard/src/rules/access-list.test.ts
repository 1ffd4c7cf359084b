import { describe, expect, it } from 'vitest'
import { decide } from '../decide.ts'
import { PolicyError, type PolicyFault } from '../faults.ts'
import { compilePolicy } from '../plan.ts'
import { definePolicy } from '../policy.ts'
import { createMemoryStore } from '../stores/memory.ts'
import { earlyPlan, from, latePlan } from '../testing/arrivals.ts'
import type { AccessListInput } from './access-list.ts'

const store = () => createMemoryStore({ budgetBytes: 65_536 })
const list = (by: AccessListInput['by'], fields: Partial<AccessListInput>): AccessListInput => ({
  id: 'list',
  kind: 'access-list',
  by,
  ...fields,
})

function faultsOf(by: AccessListInput['by'], fields: object): readonly PolicyFault[] {
  try {
    definePolicy({ id: 'p', rules: [list(by, fields)] })
  } catch (error) {
    if (error instanceof PolicyError) return error.faults
    throw error
  }
  return []
}

describe('a list of countries', () => {
  const outcome = (country: string | undefined, fields: Partial<AccessListInput>) =>
    decide(earlyPlan([list('country', fields)]), store(), from('192.0.2.1', { country }), 1, 0).outcome

  it('refuses those it denies, whatever the case of the header', () => {
    expect(outcome('KP', { deny: ['KP'] })).toBe('deny')
    expect(outcome('kp', { deny: ['KP'] })).toBe('deny')
    expect(outcome('FR', { deny: ['KP'] })).toBe('allow')
    expect(outcome(undefined, { deny: ['KP'] })).toBe('allow')
  })

  it('refuses all but those it allows where it says so, and those that have none', () => {
    const only = { deny: ['*'], allow: ['FR', 'BE'] }
    expect(outcome('FR', only)).toBe('allow')
    expect(outcome('DE', only)).toBe('deny')
    expect(outcome(undefined, only)).toBe('deny')
    expect(outcome('*', only)).toBe('deny')
  })

  it('exempts those it allows from the counting rules behind it', () => {
    const limit = { id: 'burst', kind: 'rate-limit', by: 'ip', limit: 1, window: '1h' } as const
    const plan = earlyPlan([list('country', { allow: ['FR'] }), limit])
    const counters = store()
    const french = from('192.0.2.1', { country: 'FR' })
    for (let sent = 0; sent < 3; sent += 1) expect(decide(plan, counters, french, 1, 0).outcome).toBe('allow')
  })

  it('is refused with what is no code', () => {
    expect(faultsOf('country', { deny: ['fr'] })).toMatchObject([{ path: 'p.rules.list.deny[0]', suggestion: 'FR' }])
    expect(faultsOf('country', { deny: ['FRA'] })).toHaveLength(1)
    expect(faultsOf('country', { allow: [7] })).toHaveLength(1)
    expect(faultsOf('country', {})).toHaveLength(1)
  })
})

describe('a list of keys', () => {
  const gate = list('api-key', { deny: ['*'], allow: ['key-1'] })

  it('lets in those it names and nobody else, once the credential is known', () => {
    const compiled = compilePolicy(definePolicy({ id: 'p', rules: [gate] }))
    expect(compiled.early).toBeUndefined()
    const outcome = (key: string | undefined) =>
      decide(latePlan([gate]), store(), from('192.0.2.1', { 'api-key': key }), 1, 0).outcome
    expect([outcome('key-1'), outcome('key-2'), outcome(undefined), outcome('*')]).toEqual([
      'allow',
      'deny',
      'deny',
      'deny',
    ])
  })

  it('is refused with what is no id', () => {
    expect(faultsOf('api-key', { deny: ['a b'] })).toHaveLength(1)
    expect(faultsOf('api-key', { deny: [''] })).toHaveLength(1)
    expect(faultsOf('api-key', { deny: ['x'.repeat(129)] })).toHaveLength(1)
  })
})
