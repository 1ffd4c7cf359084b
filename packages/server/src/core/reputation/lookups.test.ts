import { type ClientAddress, parseClientAddress } from '@rempart/guard'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createReputationLookups, type LookupOutcome, type ReputationLookupsOptions } from './lookups.ts'
import { ReputationServiceError, type ServiceReputation } from './service.ts'

function address(text: string): ClientAddress {
  const found = parseClientAddress(text)
  if (found === undefined) throw new Error(`${text} is no address`)
  return found
}

const nth = (index: number): ClientAddress => address(`203.0.${index >> 8}.${index & 255}`)
const bad: ServiceReputation = { score: 90, source: 'service' }

let nowMs: number
const log = { warn: vi.fn() }
const outcomes: LookupOutcome[] = []
const lookup = vi.fn<(address: ClientAddress, signal: AbortSignal) => Promise<ServiceReputation | undefined>>()

beforeEach(() => {
  nowMs = Date.UTC(2026, 10, 20, 12)
  outcomes.length = 0
  log.warn.mockClear()
  lookup.mockReset().mockResolvedValue(bad)
})

const open = (options: Partial<ReputationLookupsOptions> = {}) =>
  createReputationLookups({
    service: { lookup },
    dailyBudget: 1_000,
    clock: { now: () => nowMs },
    log,
    count: (outcome) => void outcomes.push(outcome),
    ...options,
  })

/** Lets answers that are there arrive. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('createReputationLookups', () => {
  it('answers at once from what it knows, and asks behind the request', async () => {
    const lookups = open()
    expect(lookups.of(nth(1))).toBeUndefined()
    await settle()
    expect(lookups.of(nth(1))).toEqual(bad)
    expect(lookup).toHaveBeenCalledTimes(1)
  })

  it('asks once about a client however many requests it sends meanwhile', async () => {
    let answer: (reputation: ServiceReputation) => void = () => undefined
    lookup.mockReturnValue(new Promise((resolve) => (answer = resolve)))
    const lookups = open()
    for (let count = 0; count < 1_000; count += 1) expect(lookups.of(nth(1))).toBeUndefined()
    expect(lookup).toHaveBeenCalledTimes(1)
    answer(bad)
    await settle()
    expect(lookups.of(nth(1))).toEqual(bad)
  })

  it('asks once about a /64, whichever of its addresses come', async () => {
    const lookups = open()
    lookups.of(address('2001:db8::1'))
    await settle()
    expect(lookups.of(address('2001:db8::dead'))).toEqual(bad)
    expect(lookup).toHaveBeenCalledTimes(1)
  })

  it('asks again after a day, and believes the old answer until there is a new one', async () => {
    const lookups = open()
    lookups.of(nth(1))
    await settle()
    nowMs += 86_400_000
    lookup.mockResolvedValue(undefined)
    expect(lookups.of(nth(1))).toEqual(bad)
    await settle()
    expect(lookups.of(nth(1))).toBeUndefined()
    expect(lookup).toHaveBeenCalledTimes(2)
  })

  it('spends no more than its budget of the day, under a flood of addresses', async () => {
    const lookups = open({ dailyBudget: 10 })
    for (let index = 0; index < 200; index += 1) {
      lookups.of(nth(index))
      await settle()
    }
    expect(lookup).toHaveBeenCalledTimes(10)
    expect(outcomes.filter((outcome) => outcome === 'over-budget')).toHaveLength(190)
    nowMs += 12 * 3_600_000
    lookups.of(nth(500))
    expect(lookup).toHaveBeenCalledTimes(11)
  })

  it('has four questions under way at most', () => {
    lookup.mockReturnValue(new Promise(() => undefined))
    const lookups = open()
    for (let index = 0; index < 100; index += 1) lookups.of(nth(index))
    expect(lookup).toHaveBeenCalledTimes(4)
    expect(outcomes).toEqual(Array.from({ length: 96 }, () => 'busy'))
  })

  it('holds against nobody that the service failed, and asks about them again after a minute', async () => {
    lookup.mockRejectedValueOnce(new ReputationServiceError('no connection'))
    const lookups = open()
    lookups.of(nth(1))
    await settle()
    expect(lookups.of(nth(1))).toBeUndefined()
    expect(lookup).toHaveBeenCalledTimes(1)
    nowMs += 60_000
    lookups.of(nth(1))
    await settle()
    expect(lookups.of(nth(1))).toEqual(bad)
  })

  it('leaves a service alone that fails five times, and comes back', async () => {
    lookup.mockRejectedValue(new ReputationServiceError('no connection'))
    const lookups = open()
    for (let index = 0; index < 50; index += 1) {
      lookups.of(nth(index))
      await settle()
    }
    expect(lookup).toHaveBeenCalledTimes(5)
    expect(log.warn).toHaveBeenCalledTimes(1)
    nowMs += 60_000
    lookup.mockResolvedValue(bad)
    lookups.of(nth(100))
    await settle()
    expect(lookups.of(nth(100))).toEqual(bad)
  })

  it('waits as long as the service says', async () => {
    lookup.mockRejectedValueOnce(new ReputationServiceError('status 429', 120_000))
    const lookups = open()
    lookups.of(nth(1))
    await settle()
    nowMs += 119_999
    lookups.of(nth(2))
    expect(lookup).toHaveBeenCalledTimes(1)
    nowMs += 1
    lookups.of(nth(2))
    expect(lookup).toHaveBeenCalledTimes(2)
  })

  it('forgets the oldest of too many clients rather than grow', async () => {
    const lookups = open({ mostRemembered: 10, dailyBudget: 10_000 })
    for (let index = 0; index < 100; index += 1) {
      lookups.of(nth(index))
      await settle()
    }
    expect(lookups.of(nth(99))).toEqual(bad)
    expect(lookups.of(nth(0))).toBeUndefined()
  })

  it('ends what is under way when it closes, without a word', async () => {
    lookup.mockImplementation((_address, signal) => {
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new ReputationServiceError('no answer in time')))
      })
    })
    const lookups = open()
    lookups.of(nth(1))
    lookups.close()
    await settle()
    lookups.of(nth(2))
    expect(lookup).toHaveBeenCalledTimes(1)
    expect(outcomes).toEqual([])
  })
})
