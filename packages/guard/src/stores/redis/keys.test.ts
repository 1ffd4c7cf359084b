import { describe, expect, it } from 'vitest'
import type { RuleInput } from '../../rule-kinds.ts'
import { createTake, type Take } from '../../store.ts'
import type { Subject } from '../../subject.ts'
import { latePlan } from '../../testing/arrivals.ts'
import { codeOfTake, createKeyring, LANES } from './keys.ts'

const secret = 'sixteen bytes!!!'

function takeOf(
  values: readonly string[],
  by: readonly Subject[] = ['account'],
  fields: Partial<RuleInput> = {},
): Take {
  const rule = { id: 'r', kind: 'rate-limit', by, limit: 3, window: '1h', ...fields } as RuleInput
  const [step] = latePlan([rule]).counts
  if (step === undefined) throw new Error('nothing is counted')
  return Object.assign(createTake(step.counter, true), { active: true, values: [...values] })
}

describe('the names of keys', () => {
  it('are a prefix, the lane as hash tag, and a hash of 132 bits in which nobody is named', () => {
    const { name, lane } = createKeyring(secret, 'shop').ofTake(takeOf(['ada@example.org']))
    expect(name).toMatch(new RegExp(`^shop\\{${lane}\\}[\\w-]{22}$`))
    expect(name).not.toContain('ada')
    const mark = createKeyring(secret, 'shop').ofMark('nonce')
    expect(mark.name).toMatch(new RegExp(`^shop\\{${mark.lane}\\}m[\\w-]{22}$`))
  })

  it('are the same in every process that has the secret, and others under any other', () => {
    const names = [secret, Buffer.from(secret), `${secret}!`].map((one) => {
      const keyring = createKeyring(one, 'shop')
      return [keyring.ofTake(takeOf(['ada'])).name, keyring.ofMark('ada').name]
    })
    expect(names[1]).toEqual(names[0])
    expect(names[2]?.filter((name) => names[0]?.includes(name))).toEqual([])
  })

  it('do not tell a mark and a counter of one text to be one', () => {
    const keyring = createKeyring(secret, 'shop')
    const hashOf = (name: string) => name.slice(-22)
    const [step] = latePlan([{ id: 'r', kind: 'rate-limit', by: 'account', limit: 3, window: '1h' }]).counts
    if (step === undefined) throw new Error('nothing is counted')
    const { shape, policyId, ruleId } = step.counter
    const text = [shape, policyId, ruleId, 'account', 'ada'].map((part) => `${part.length}:${part}`).join('')
    expect(hashOf(keyring.ofMark(text).name)).not.toBe(hashOf(keyring.ofTake(takeOf(['ada'])).name))
  })

  it('follow the subjects of a take, whatever it was bound to before, and a lease of it', () => {
    const keyring = createKeyring(secret, 'shop')
    const take = takeOf(['ada', 'acme'], ['account', 'tenant'])
    const first = keyring.ofTake(take)
    expect(keyring.ofTake(take)).toBe(first)
    const seen = new Set([first.name])
    for (const values of [
      ['ada', 'other'],
      ['bob', 'acme'],
      ['adaacme', ''],
      ['', 'adaacme'],
    ]) {
      take.values.splice(0, 2, ...values)
      seen.add(keyring.ofTake(take).name)
    }
    expect(seen.size).toBe(5)
    take.values.splice(0, 2, 'ada', 'acme')
    expect(keyring.ofTake(take)).toBe(first)
    expect(keyring.ofLease({ counter: take.counter, values: ['ada', 'acme'], leaseId: 'x' })).toBe(first)
    // Another store has had the take meanwhile.
    const other = createKeyring(`${secret}!`, 'shop')
    expect(other.ofTake(take).name).not.toBe(first.name)
    expect(keyring.ofTake(take)).toBe(first)
  })

  it('keep what only their limit has changed', () => {
    const keyring = createKeyring(secret, 'shop')
    const [first, changed] = [takeOf(['ada']), takeOf(['ada'], ['account'], { limit: 99 })]
    expect(keyring.ofTake(changed).name).toBe(keyring.ofTake(first).name)
    expect([first, changed].map((take) => codeOfTake(take).text.split(',')[1])).toEqual(['3', '99'])
  })

  it('are the same in every release: one that is rolled out counts on where the last one stood', () => {
    const keyring = createKeyring(secret, 'shop')
    expect(keyring.ofTake(takeOf(['ada'])).name).toBe('shop{36}FrsvMTn0XUU7nLuQYxFpyA')
    expect(keyring.ofTake(takeOf(['ada', 'acme'], ['account', 'tenant'])).name).toBe('shop{36}xGdJ0hvJszHIFOn9HhVn_4')
    expect(keyring.ofMark('nonce').name).toBe('shop{45}mc61MCN2zciyu_aeTc_sAMT')
  })

  it('stay with a take that comes again, however many others were asked for meanwhile', () => {
    const keyring = createKeyring(secret, 'shop')
    const take = takeOf(['ada', 'acme'], ['account', 'tenant'])
    const other = takeOf([''])
    const key = keyring.ofTake(take)
    for (let index = 0; index < 16_384 * 2 + 2; index += 1) {
      other.values[0] = `account-${index}`
      keyring.ofTake(other)
    }
    expect(keyring.ofTake(take)).toBe(key)
    expect(keyring.ofTake(takeOf(['ada', 'acme'], ['account', 'tenant'])).name).toBe(key.name)
  })

  it('begin a key with nothing known of it', () => {
    expect(createKeyring(secret, 'shop').ofTake(takeOf(['ada']))).toMatchObject({
      batch: -1,
      block: undefined,
      prepaid: undefined,
    })
  })
})

describe('the lanes of keys', () => {
  it('are one for all counters of a subject', () => {
    const keyring = createKeyring(secret, 'shop')
    for (let index = 0; index < 30; index += 1) {
      const account = `account-${index}`
      const { lane } = keyring.ofTake(takeOf([account]))
      expect(keyring.ofTake(takeOf(['acme', account], ['tenant', 'account'])).lane).toBe(lane)
    }
  })

  it('are 64, of evenly many keys each', () => {
    const keyring = createKeyring(secret, 'shop')
    const take = takeOf([''])
    const [counters, marks] = [new Uint32Array(LANES), new Uint32Array(LANES)]
    for (let index = 0; index < 6_400; index += 1) {
      take.values[0] = `account-${index}`
      count(counters, keyring.ofTake(take).lane)
      count(marks, keyring.ofMark(`nonce-${index}`).lane)
    }
    // 100 are expected in each lane; six standard deviations are 60.
    for (const keys of [...counters, ...marks]) expect(Math.abs(keys - 100)).toBeLessThan(60)
  })

  function count(lanes: Uint32Array, lane: number): void {
    lanes[lane] = (lanes[lane] ?? 0) + 1
  }

  it('cannot be foretold without the secret', () => {
    const lanesUnder = (one: string) => {
      const keyring = createKeyring(one, 'shop')
      return Array.from({ length: 40 }, (_, index) => keyring.ofTake(takeOf([`account-${index}`])).lane)
    }
    expect(lanesUnder(secret)).toEqual(lanesUnder(secret))
    const same = lanesUnder(secret).filter((lane, index) => lane === lanesUnder(`${secret}!`)[index])
    expect(same.length).toBeLessThan(10)
  })
})

describe('a keyring', () => {
  it('refuses a secret of fewer than 16 bytes, in whatever form', () => {
    for (const short of ['x'.repeat(15), Buffer.alloc(15), '']) {
      expect(() => createKeyring(short, 'shop')).toThrow('secret: at least 16 bytes')
    }
    // Bytes count, not characters.
    expect(() => createKeyring('é'.repeat(8), 'shop')).not.toThrow()
  })

  it.each(['{', '}', 'a{0}b'])('refuses the prefix %s, which would name a hash slot itself', (prefix) => {
    expect(() => createKeyring(secret, prefix)).toThrow('prefix: without braces')
    expect(() => createKeyring(secret, prefix)).toThrow(RangeError)
  })
})
