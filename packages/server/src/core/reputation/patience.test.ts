import { type ClientAddress, parseClientAddress } from '@rempart/guard'
import { describe, expect, it } from 'vitest'
import { createOutbounds } from '../outbound/outbound.ts'
import { patiently } from './patience.ts'
import { ReputationServiceError } from './service.ts'

const address = parseClientAddress('203.0.113.7') as ClientAddress

/** A service that answers as told, one try after the other; the last word again and again. */
function asked(words: readonly (Error | number | 'nothing')[], more: { readonly failuresToOpen?: number } = {}) {
  const state = { tries: 0, closing: new AbortController() }
  const outbound = createOutbounds()({ service: 'test', timeoutMs: 50, firstWaitMs: 1, isBackground: true, ...more })
  const service = patiently(
    {
      lookup() {
        const word = words[Math.min(state.tries, words.length - 1)] ?? 'nothing'
        state.tries += 1
        if (word === 'nothing') return new Promise(() => {})
        return typeof word === 'number' ? Promise.resolve({ score: word, source: 'test' }) : Promise.reject(word)
      },
    },
    outbound,
  )
  return { state, lookup: () => service.lookup(address, state.closing.signal) }
}

const failure = new ReputationServiceError('status 500')

describe('a reputation service', () => {
  it('is asked three times, and answers the third', async () => {
    const { state, lookup } = asked([failure, failure, 42])
    expect(await lookup()).toEqual({ score: 42, source: 'test' })
    expect(state.tries).toBe(3)
  })

  it('is given up after the third time, with what it said last', async () => {
    const { state, lookup } = asked([failure])
    await expect(lookup()).rejects.toBe(failure)
    expect(state.tries).toBe(3)
  })

  it.each([
    ['says when to come back', new ReputationServiceError('status 429', 120_000, true)],
    ['refuses the key', new ReputationServiceError('status 401', 3_600_000, true)],
    ['says no', new ReputationServiceError('status 422', undefined, true)],
  ])('that %s is not asked again, and has not failed', async (_what, said) => {
    const { state, lookup } = asked([said], { failuresToOpen: 2 })
    for (let each = 1; each <= 4; each += 1) {
      await expect(lookup()).rejects.toBe(said)
      expect(state.tries).toBe(each)
    }
  })

  it('is left alone after failures in a row', async () => {
    const { state, lookup } = asked([failure], { failuresToOpen: 3 })
    await expect(lookup()).rejects.toBe(failure)
    await expect(lookup()).rejects.toThrow(/not asked/)
    expect(state.tries).toBe(3)
  })

  it('that never answers is given up in time, as a failure of its own kind', async () => {
    await expect(asked(['nothing']).lookup()).rejects.toThrow(ReputationServiceError)
  })

  it('is not asked again by a process that ends', async () => {
    const { state, lookup } = asked([failure])
    state.closing.abort()
    await expect(lookup()).rejects.toBe(failure)
    expect(state.tries).toBe(1)
  })
})
