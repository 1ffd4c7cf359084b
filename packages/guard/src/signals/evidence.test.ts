import { describe, expect, it } from 'vitest'
import { type ClientAddress, parseClientAddress } from '../client-address.ts'
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

  it('reads a header that came twice', () => {
    const headers = { 'user-agent': ['curl/8.11', browser['user-agent']] }
    expect(evidenceOf({ address: client('198.51.100.1'), headers }).signals).toMatchObject({ userAgent: 70 })
  })
})
