import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createOpaqueToken, opaqueTokenOf, opaqueTokenPrefixes, parseOpaqueToken } from './opaque-token.ts'

type Purpose = keyof typeof opaqueTokenPrefixes
const purposes: readonly Purpose[] = [
  'refresh',
  'mfaChallenge',
  'passwordReset',
  'emailVerification',
  'invitation',
  'oauthState',
  'oauthCompletion',
  'enrolment',
  'passkeyChallenge',
  'emailChange',
  'emailReturn',
  'sessionsEnd',
  'mfaReset',
  'mfaResetWait',
]

describe('opaque tokens', () => {
  it('are 256 random bits behind their letters, and are known again by their hash', () => {
    const tokens = Array.from({ length: 200 }, () => createOpaqueToken('refresh'))
    expect(new Set(tokens.map(({ token }) => token)).size).toBe(200)
    for (const { token, hash } of tokens) {
      expect(token).toMatch(/^rmp_rt_[A-Za-z0-9_-]{43}$/)
      expect(parseOpaqueToken('refresh', token)?.hash).toEqual(hash)
    }
  })

  it('class 14: are accepted for their own purpose only', () => {
    expect(Object.keys(opaqueTokenPrefixes)).toEqual(purposes)
    for (const made of purposes) {
      const { token } = createOpaqueToken(made)
      const accepted = purposes.filter((asked) => parseOpaqueToken(asked, token) !== undefined)
      expect(accepted).toEqual([made])
    }
  })

  it('have one hash per purpose, so that equal bytes relabelled are another token', () => {
    const secret = Buffer.alloc(32, 5)
    const hashes = purposes.map((purpose) =>
      parseOpaqueToken(purpose, opaqueTokenOf(purpose, secret))?.hash.toString('hex'),
    )
    expect(new Set(hashes).size).toBe(purposes.length)
  })

  it('class 12: are refused truncated, lengthened, padded, respaced or with other trailing bits', () => {
    const { token } = createOpaqueToken('passwordReset')
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const last = alphabet.indexOf(token.at(-1) ?? '')
    const altered = [
      ...Array.from({ length: token.length }, (_, length) => token.slice(0, length)),
      ...[1, 2, 3].map((bits) => token.slice(0, -1) + alphabet.charAt(last + bits)),
      ...[`${token}=`, `${token}A`, ` ${token}`, `${token} `, `${token}\n`, token.toUpperCase(), `${token}\0`],
      token.replace('rmp_rst_', 'rmp-rst-'),
      token.replace('rmp_rst_', 'RMP_rst_'),
      token.replace('rmp_rst_', ''),
    ]
    for (const text of altered) expect(parseOpaqueToken('passwordReset', text), text).toBeUndefined()
  })

  it('never throw for any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => parseOpaqueToken('invitation', text) === undefined))
  })

  it('keep the bytes they are made of, and refuse other lengths', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const secret = Buffer.from(bytes)
        expect(parseOpaqueToken('invitation', opaqueTokenOf('invitation', secret))?.secret).toEqual(secret)
      }),
    )
    expect(() => opaqueTokenOf('invitation', Buffer.alloc(31))).toThrow(RangeError)
  })
})
