import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRecoveryCodes, recoveryCodeHash } from './recovery-code.ts'

const known = '7Q2KD-0X9MA-5TREW-1VBNH-ZYC'

describe('createRecoveryCodes', () => {
  it('makes ten different codes of 23 letters in five groups, none of which can be mistaken for another', () => {
    const codes = createRecoveryCodes()
    expect(new Set(codes.map(({ code }) => code)).size).toBe(10)
    for (const { code, hash } of codes) {
      expect(code).toMatch(/^(?:[0-9A-HJKMNP-TV-Z]{5}-){4}[0-9A-HJKMNP-TV-Z]{3}$/)
      expect(recoveryCodeHash(code)).toEqual(hash)
    }
  })

  it('uses every letter of the alphabet about as often', () => {
    const text = createRecoveryCodes(1000)
      .map(({ code }) => code.replaceAll('-', ''))
      .join('')
    const counts = Map.groupBy(text, (letter) => letter)
    expect(counts.size).toBe(32)
    // 719 expected of each, with a standard deviation of 26.
    for (const [letter, found] of counts) expect(Math.abs(found.length - 718.75), letter).toBeLessThan(200)
  })
})

describe('recoveryCodeHash', () => {
  const hash = recoveryCodeHash(known)

  it.each([
    ['lower case', known.toLowerCase()],
    ['no separators', known.replaceAll('-', '')],
    ['spaces', known.replaceAll('-', ' ')],
    ['a space at each end', ` ${known} `],
    ['a no-break space and a line break', `${known.replace('-', '\u00a0')}\n`],
    ['the dashes a telephone makes', known.replaceAll('-', '\u2013')],
    ['a minus sign', known.replaceAll('-', '\u2212')],
    ['O for 0', known.replaceAll('0', 'O')],
    ['o for 0', known.replaceAll('0', 'o')],
    ['I for 1', known.replaceAll('1', 'I')],
    ['l for 1', known.replaceAll('1', 'l')],
  ])('knows a code again with %s', (_, typed) => {
    expect(hash).toHaveLength(32)
    expect(recoveryCodeHash(typed)).toEqual(hash)
  })

  it.each([
    ['a letter less', known.slice(0, -1)],
    ['a letter more', `${known}A`],
    ['a letter that is not in the alphabet', known.replace('7', 'U')],
    ['digits of another script', known.replace('7', '\u0667')],
    ['full-width letters', known.replace('Q', '\uff31')],
    ['a long s, whose capital is S', '\u017f'.repeat(23)],
    ['a Kelvin sign, which looks like K', known.replace('K', '\u212a')],
    ['nothing', ''],
    ['a megabyte', known.repeat(40_000)],
  ])('has nothing to look up for %s', (_, typed) => {
    expect(recoveryCodeHash(typed)).toBeUndefined()
  })

  it('gives any change of a letter another hash', () => {
    const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 22 }), fc.constantFrom(...alphabet), (at, letter) => {
        const plain = known.replaceAll('-', '')
        fc.pre(plain[at] !== letter)
        expect(recoveryCodeHash(plain.slice(0, at) + letter + plain.slice(at + 1))).not.toEqual(hash)
      }),
    )
  })
})
