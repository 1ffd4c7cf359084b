import { describe, expect, it } from 'vitest'
import type { RuleInput } from '../../rule-kinds.ts'
import { createTake, type Take } from '../../store.ts'
import { latePlan } from '../../testing/arrivals.ts'
import { addTake, argumentsOf, hasRoom, MOST_KEYS, openBatch, readAnswer } from './batch.ts'
import { codeOfTake, createKeyring } from './keys.ts'

const keyring = createKeyring('a secret of the batches', 'test')
const limit: RuleInput = { id: 'r', kind: 'rate-limit', by: 'account', limit: 3, window: '1h' }

function takeOf(account: string, fields: Partial<Take> = {}, rule = limit): Take {
  const [step] = latePlan([rule]).counts
  if (step === undefined) throw new Error('nothing is counted')
  return Object.assign(createTake(step.counter, true), { active: true, values: [account], ...fields })
}

type Added = Partial<{ last: boolean; mode: 'take' | 'reserve' | 'confirm' | 'cancel'; ahead: number; name: string }>

function batchOf(takes: readonly Take[], { last = true, mode = 'take', ahead = 0, name = '' }: Added = {}) {
  const batch = openBatch(0)
  for (const take of takes) addTake(batch, take, keyring.ofTake(take), codeOfTake(take), last, mode, ahead, name)
  return batch
}

/** The row in numbers. */
const rowOf = (...given: Parameters<typeof batchOf>) => [...batchOf(...given).row].map((digit) => digit.charCodeAt(0))

describe('a batch as the program reads it', () => {
  it('says of each operation its flags, and the places of its counter and its key', () => {
    const take = takeOf('ada')
    expect(rowOf([take])).toEqual([3, 0, 0, 0])
    expect(rowOf([take], { last: false })).toEqual([2, 0, 0, 0])
    expect(rowOf([{ ...take, enforced: false }])).toEqual([1, 0, 0, 0])
    expect(rowOf([{ ...take, solved: true }])).toEqual([7, 0, 0, 0])
  })

  it('says what a request costs, pays ahead and is asked to do, when that is not the usual', () => {
    const take = takeOf('ada')
    expect(rowOf([{ ...take, cost: 2 }])).toEqual([11, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0])
    expect(rowOf([{ ...take, cost: 2 ** 31 + 1 }])).toEqual([11, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0])
    expect(rowOf([{ ...take, cost: 300 }])).toEqual([11, 0, 0, 0, 0, 0, 0, 2, 44, 0, 0, 0, 0, 0])
    expect(rowOf([take], { ahead: 130 })).toEqual([11, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 0])
    const modes = (['reserve', 'confirm', 'cancel'] as const).map((mode) => rowOf([take], { mode, name: 'n' }))
    expect(modes.map((row) => [row[0], row.at(-1)])).toEqual([
      [27, 1],
      [27, 2],
      [27, 3],
    ])
  })

  it('names a reservation by its request, and a slot by its lease', () => {
    const slot = takeOf(
      'ada',
      { leaseId: 'lease-1' },
      { id: 's', kind: 'concurrency', by: 'account', slots: 1, lease: '1h' },
    )
    expect(batchOf([takeOf('ada')]).names).toEqual([])
    expect(batchOf([takeOf('ada')], { mode: 'reserve', name: 'request-1' }).names).toEqual(['request-1'])
    expect(batchOf([slot], { mode: 'reserve', name: 'request-1' }).names).toEqual(['lease-1'])
    expect(rowOf([slot])[0]).toBe(19)
  })

  it('names each key and each counter once, and the next batch names them again', () => {
    const takes = [takeOf('ada'), takeOf('bob')]
    const [first, second] = takes
    if (first === undefined || second === undefined) throw new Error('two are counted')
    const batch = batchOf([first, second, first])
    expect(batch.keys).toEqual([keyring.ofTake(first).name, keyring.ofTake(second).name])
    expect([...batch.row].map((digit) => digit.charCodeAt(0))).toEqual([3, 0, 0, 0, 3, 1, 0, 1, 3, 0, 0, 0])
    expect(batch.takes).toEqual([first, second, first])
    const next = batchOf([second])
    expect([next.keys, next.id > batch.id]).toEqual([[keyring.ofTake(second).name], true])
    expect(argumentsOf(batch)).toEqual([batch.row, '2', codeOfTake(first).text, codeOfTake(second).text])
    expect(argumentsOf(batchOf([first], { mode: 'confirm', name: 'n' })).slice(1)).toEqual([
      '1',
      codeOfTake(first).text,
      'n',
    ])
  })

  it('counts keys in two digits', () => {
    const take = takeOf('')
    const takes = Array.from({ length: 200 }, (_, index) => ({
      ...take,
      values: [`account-${index}`],
      scratch: undefined,
    }))
    expect(rowOf(takes).slice(-4)).toEqual([3, 0, 1, 71])
  })

  it('has room for so many keys, and so many counters as one digit names', () => {
    const take = takeOf('')
    const keys = Array.from({ length: MOST_KEYS - 2 }, (_, index) => ({
      ...take,
      values: [`a-${index}`],
      scratch: undefined,
    }))
    const full = batchOf(keys)
    expect([hasRoom(full, 2), hasRoom(full, 3)]).toEqual([true, false])
    const counters = batchOf(Array.from({ length: 125 }, () => takeOf('ada')))
    expect([hasRoom(counters, 2), hasRoom(counters, 3)]).toEqual([true, false])
  })
})

describe('the answer to a batch', () => {
  const told = (takes: readonly Take[], reply: unknown, added: Added = {}) => {
    const batch = batchOf(takes, added)
    const heard: unknown[] = []
    readAnswer(batch, reply, (take, key, paid) => heard.push([take, key, paid]))
    return heard
  }

  it('is written into the takes, one after the other', () => {
    const takes = ['ada', 'bob', 'eve', 'joe'].map((account) => takeOf(account, { waitMs: 99 }))
    const heard = told(takes, [7 * 8 + 3, 500, 9 * 8 + 4, 600, 700, 8, 0, -1, 1, 40])
    expect(
      takes.map(({ used, fits, charged, cooling, freesMs, waitMs }) => [used, fits, charged, cooling, freesMs, waitMs]),
    ).toEqual([
      [7, true, true, false, 500, 0],
      [9, false, false, true, 600, 700],
      [1, false, false, false, 0, Infinity],
      [0, true, false, false, 40, 0],
    ])
    expect(heard).toEqual(takes.map((take) => [take, keyring.ofTake(take), 0]))
  })

  it('says what was paid ahead, of those that have asked only', () => {
    const [asking, plain] = [takeOf('ada'), takeOf('bob')]
    const batch = openBatch(0)
    for (const [take, ahead] of [
      [plain, 0],
      [asking, 9],
      [plain, 0],
    ] as const) {
      addTake(batch, take, keyring.ofTake(take), codeOfTake(take), true, 'take', ahead, '')
    }
    const paid: number[] = []
    readAnswer(batch, [11, 1, 19, 2, 9, 27, 3], (_, __, units) => paid.push(units))
    expect(paid).toEqual([0, 9, 0])
    expect(told([asking], [8, 5, 70, 4], { ahead: 9 })).toEqual([[asking, keyring.ofTake(asking), 4]])
    expect(asking.waitMs).toBe(70)
  })

  it.each<[string, unknown]>([
    ['no list', 'OK'],
    ['nothing', null],
    ['an empty list', []],
    ['a list that ends early', [3]],
    ['a refusal without a wait', [8, 500]],
    ['texts', ['11', '500']],
  ])('is none when it is %s', (_, reply) => {
    expect(() => told([takeOf('ada')], reply)).toThrow(TypeError)
    expect(() => told([takeOf('ada')], reply)).toThrow(
      /^Redis answered (something else than a list|fewer numbers than were asked for)$/,
    )
  })
})
