import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ClientAddress } from './client-address.ts'
import { createFingerprint, type FingerprintInput, normalizeUserAgent } from './fingerprint.ts'
import { from } from './testing/arrivals.ts'

const secret = 'a secret of at least thirty-two bytes'
const dayMs = 86_400_000
const fingerprint = createFingerprint({ secret })
const input = (fields: Partial<FingerprintInput> = {}): FingerprintInput => ({
  address: from('192.0.2.1').ip,
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0',
  routeGroup: 'contact',
  ...fields,
})

describe('a fingerprint', () => {
  it('names the same client all day, and in a log by its first 8 hexadecimal digits', () => {
    const morning = fingerprint(input(), 20_000 * dayMs)
    const evening = fingerprint(input(), 20_001 * dayMs - 1)
    expect(morning.value).toMatch(/^[0-9a-f]{64}$/)
    expect(evening.value).toBe(morning.value)
    expect(morning.fpPrefix).toBe(morning.value.slice(0, 8))
  })

  it('of one day cannot be followed into the next', () => {
    expect(fingerprint(input(), 20_001 * dayMs).value).not.toBe(fingerprint(input(), 20_000 * dayMs).value)
    expect(fingerprint(input(), 20_000 * dayMs).value).toBe(fingerprint(input(), 20_000 * dayMs).value)
  })

  it('differs by address, User-Agent, route group and secret', () => {
    const other = createFingerprint({ secret: `${secret}!` })
    const values = [
      fingerprint(input(), 0).value,
      fingerprint(input({ address: from('192.0.2.2').ip }), 0).value,
      fingerprint(input({ userAgent: 'curl/8.1' }), 0).value,
      fingerprint(input({ userAgent: undefined }), 0).value,
      fingerprint(input({ routeGroup: 'forms' }), 0).value,
      other(input(), 0).value,
    ]
    expect(new Set(values).size).toBe(values.length)
  })

  it('is not changed by rotating inside a /64, by the case of the User-Agent or by a minor update', () => {
    const agent = (userAgent: string) => fingerprint(input({ userAgent }), 0).value
    expect(agent('MOZILLA/5.0  firefox/143.0.2')).toBe(agent('mozilla/5.0 Firefox/143.0.1'))
    const at = (address: string) => fingerprint(input({ address: from(address).ip }), 0).value
    expect(at('2001:db8::1')).toBe(at('2001:db8::2'))
    expect(at('::ffff:192.0.2.1')).toBe(at('192.0.2.1'))
  })

  it('cannot be forged by moving text from one part to the next', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii', minLength: 1 }), fc.nat(), (text, cut) => {
        const at = cut % text.length
        const address: ClientAddress = { text, key: text.slice(0, at), family: 4 }
        const split = fingerprint(input({ address, userAgent: undefined, routeGroup: text.slice(at) }), 0)
        const whole = fingerprint(
          input({ address: { ...address, key: text }, userAgent: undefined, routeGroup: '' }),
          0,
        )
        expect(split.value).not.toBe(whole.value)
      }),
    )
  })

  it('costs nothing until it is asked for', () => {
    const untouched = {
      address: from('192.0.2.1').ip,
      routeGroup: 'contact',
      get userAgent(): string {
        throw new Error('read')
      },
    }
    const lazy = fingerprint(untouched, 0)
    expect(() => lazy.fpPrefix).toThrow('read')
  })

  it.each(['', 'short', Buffer.alloc(31)])('is refused a secret that can be guessed: %j', (weak) => {
    expect(() => createFingerprint({ secret: weak })).toThrow(RangeError)
  })

  it.each([0, -1, 0.5, Number.NaN])('is refused a rotation of %s ms', (rotationMs) => {
    expect(() => createFingerprint({ secret, rotationMs })).toThrow(RangeError)
  })
})

describe('a normalised User-Agent', () => {
  it('is bounded printable text in one spelling, whatever was sent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2_000, size: 'max' }), (sent) => {
        const normal = normalizeUserAgent(sent)
        expect(normal.length).toBeLessThanOrEqual(512)
        expect(normal).toMatch(/^[\x20-\x7e]*$/)
        expect(normalizeUserAgent(normal)).toBe(normal)
      }),
    )
  })
})
