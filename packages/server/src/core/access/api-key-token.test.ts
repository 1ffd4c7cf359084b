import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createApiKeyToken, isSameHash, parseApiKeyToken } from './api-key-token.ts'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const letter = fc.constantFrom(...alphabet)

describe('an API key', () => {
  it('has a prefix that scanners know, and reads back as what was stored of it', () => {
    for (let made = 0; made < 200; made += 1) {
      const { token, lookupId, secretHash } = createApiKeyToken()
      expect(token).toMatch(/^rmp_live_[0-9A-Za-z]{10}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/)
      expect(parseApiKeyToken(token)).toEqual({ lookupId, secretHash })
      const [, , , secret = ''] = token.split('_')
      expect(secretHash).toEqual(createHash('sha256').update(secret).digest())
    }
  })

  it('is drawn from all letters alike', () => {
    const counts = new Map<string, number>()
    for (let made = 0; made < 2_000; made += 1) {
      for (const part of createApiKeyToken().token.split('_').slice(2, 4)) {
        for (const char of part) counts.set(char, (counts.get(char) ?? 0) + 1)
      }
    }
    // 106 000 draws from 62: 1 710 each, give or take 41. Taking bytes modulo 62 would give eight letters 2 070.
    expect([...counts.keys()].sort().join('')).toBe([...alphabet].sort().join(''))
    for (const count of counts.values()) expect(Math.abs(count - 1_710)).toBeLessThan(300)
  })

  it('is no key once a letter of it is mistyped', () => {
    fc.assert(
      fc.property(fc.nat({ max: 58 }), letter, (drawn, typed) => {
        const { token } = createApiKeyToken()
        // Skips the prefix and the two separators.
        const at = 9 + drawn + (drawn >= 10 ? 1 : 0) + (drawn >= 53 ? 1 : 0)
        fc.pre(token.charAt(at) !== typed)
        expect(parseApiKeyToken(token.slice(0, at) + typed + token.slice(at + 1))).toBeUndefined()
      }),
    )
  })

  it('is no key once two neighbours of it are swapped', () => {
    fc.assert(
      fc.property(fc.nat({ max: 41 }), (drawn) => {
        const { token } = createApiKeyToken()
        const at = 20 + drawn
        fc.pre(token.charAt(at) !== token.charAt(at + 1))
        const swapped = token.slice(0, at) + token.charAt(at + 1) + token.charAt(at) + token.slice(at + 2)
        expect(parseApiKeyToken(swapped)).toBeUndefined()
      }),
    )
  })

  it.each([
    ['nothing', () => ''],
    ['a space behind', (token: string) => `${token} `],
    ['a line break behind', (token: string) => `${token}\n`],
    ['something before', (token: string) => `x${token}`],
    ['a cut', (token: string) => token.slice(0, -1)],
    ['two keys', (token: string) => `${token},${token}`],
    ['another prefix', (token: string) => token.replace('live', 'test')],
    ['capitals', (token: string) => token.toUpperCase()],
    ['a full-width digit', (token: string) => `${token.slice(0, -1)}０`],
  ])('is no key with %s', (_what, change) => {
    expect(parseApiKeyToken(change(createApiKeyToken().token))).toBeUndefined()
  })

  it('is nothing that anybody makes up', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(parseApiKeyToken(text)).toBeUndefined()
      }),
    )
  })
})

describe('isSameHash', () => {
  it('tells equal hashes from others, and from ones of another length', () => {
    const { secretHash } = createApiKeyToken()
    expect(isSameHash(secretHash, Buffer.from(secretHash))).toBe(true)
    expect(isSameHash(secretHash, createApiKeyToken().secretHash)).toBe(false)
    expect(isSameHash(secretHash, secretHash.subarray(1))).toBe(false)
    expect(isSameHash(secretHash, Buffer.alloc(0))).toBe(false)
  })
})
