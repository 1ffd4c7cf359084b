import { describe, expect, it, vi } from 'vitest'
import { type ClientAddress, parseClientAddress } from '../client-address.ts'
import { createGuard } from '../guard.ts'
import { createMemoryStore } from '../stores/memory.ts'
import { createEvidenceCollector } from './evidence.ts'

function client(text: string): ClientAddress {
  const address = parseClientAddress(text)
  if (address === undefined) throw new Error(`${text} is no address`)
  return address
}

const browser = {
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
  accept: '*/*',
  'accept-language': 'fr',
  'accept-encoding': 'gzip',
}

const evidenceOf = createEvidenceCollector({
  isSecure: false,
  reputationOf: ({ text }) => (text === '203.0.113.7' ? { score: 90, source: 'abuse' } : undefined),
})

describe('createEvidenceCollector', () => {
  it('has nothing against a browser from an address on no list', () => {
    const evidence = evidenceOf({ address: client('198.51.100.1'), headers: browser })
    expect(evidence).toEqual({ solved: false, signals: { userAgent: 0, reputation: undefined } })
  })

  it('tells a tool by its name, and a script with a borrowed name by its headers', () => {
    const address = client('198.51.100.1')
    expect(evidenceOf({ address, headers: { 'user-agent': 'curl/8.11' } }).signals).toMatchObject({ userAgent: 70 })
    const borrowed = { 'user-agent': browser['user-agent'] }
    expect(evidenceOf({ address, headers: borrowed }).signals).toMatchObject({ userAgent: 70 })
    expect(evidenceOf({ address, headers: {} }).signals).toMatchObject({ userAgent: 85 })
  })

  it('passes on the score of a listed address and a solved challenge', () => {
    const evidence = evidenceOf({ address: client('203.0.113.7'), headers: browser, solved: true })
    expect(evidence).toEqual({ solved: true, signals: { userAgent: 0, reputation: 90 } })
  })

  it('tells no reputation where none is looked up', () => {
    const alone = createEvidenceCollector({ isSecure: true })
    expect(alone({ address: client('203.0.113.7'), headers: browser }).signals).toMatchObject({ reputation: undefined })
  })

  it('looks no address up for a rule that does not ask for its reputation', () => {
    const reputationOf = vi.fn()
    const lazily = createEvidenceCollector({ isSecure: false, reputationOf })
    const { signals } = lazily({ address: client('203.0.113.7'), headers: browser })
    expect(signals?.['userAgent']).toBe(0)
    expect(reputationOf).not.toHaveBeenCalled()
  })

  it('is read by a signal rule as it comes', () => {
    const guard = createGuard({
      policies: [
        {
          id: 'form',
          rules: [{ id: 'bots', kind: 'signal', sources: ['userAgent', 'reputation'], challenge: 60, deny: 150 }],
        },
      ],
      store: createMemoryStore({ budgetBytes: 1_048_576 }),
    })
    const outcome = (text: string, headers: object, solved = false): string => {
      const ip = client(text)
      const answer = guard.early('form', { ip, evidence: evidenceOf({ address: ip, headers: { ...headers }, solved }) })
      return answer instanceof Promise ? 'late' : answer.outcome
    }
    expect(outcome('198.51.100.1', browser)).toBe('allow')
    expect(outcome('198.51.100.1', { 'user-agent': 'curl/8.11' })).toBe('challenge')
    expect(outcome('198.51.100.1', { 'user-agent': 'curl/8.11' }, true)).toBe('allow')
    expect(outcome('203.0.113.7', browser)).toBe('challenge')
    expect(outcome('203.0.113.7', { 'user-agent': 'curl/8.11' }, true)).toBe('deny')
  })

  it('reads a header that came twice', () => {
    const headers = { 'user-agent': ['curl/8.11', browser['user-agent']] }
    expect(evidenceOf({ address: client('198.51.100.1'), headers }).signals).toMatchObject({ userAgent: 70 })
  })
})
