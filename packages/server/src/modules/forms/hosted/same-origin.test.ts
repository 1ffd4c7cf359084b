import { describe, expect, it } from 'vitest'
import { isFromOwnPage } from './same-origin.ts'

const sent = (headers: Record<string, string>, publicUrl = 'http://localhost:3000') =>
  isFromOwnPage({ headers: { host: 'localhost:3000', ...headers } }, publicUrl)

describe('a POST', () => {
  it.each([
    [{ origin: 'http://localhost:3000', 'sec-fetch-site': 'same-origin' }],
    [{ origin: 'http://localhost:3000' }],
    [{ origin: 'http://forms.acme.example', host: 'FORMS.acme.example' }],
    [{ origin: 'https://forms.acme.example', host: 'forms.acme.example:443' }],
    [{ host: 'internal:8080', origin: 'http://localhost:3000' }],
    [{ 'sec-fetch-site': 'none' }],
    [{}],
  ])('of %j is from a page of this server, or from no browser', (headers) => {
    expect(sent(headers)).toBe(true)
  })

  it.each([
    [{ origin: 'https://evil.example' }],
    [{ origin: 'http://localhost:3001' }],
    [{ origin: 'http://localhost:3000.evil.example' }],
    [{ origin: 'null' }],
    [{ origin: '' }],
    [{ origin: 'http://localhost:3000', 'sec-fetch-site': 'cross-site' }],
    [{ 'sec-fetch-site': 'cross-site' }],
    [{ 'sec-fetch-site': 'same-site' }],
    [{ 'sec-fetch-site': 'nonsense' }],
    [{ origin: 'file://', host: '' }],
  ])('of %j is not', (headers) => {
    expect(sent(headers)).toBe(false)
  })

  it('over plain HTTP is none of a server that is https', () => {
    const headers = { host: 'forms.example', origin: 'http://forms.example' }
    expect(sent(headers, 'https://forms.example')).toBe(false)
    expect(sent({ ...headers, origin: 'https://forms.example' }, 'https://forms.example')).toBe(true)
  })
})
