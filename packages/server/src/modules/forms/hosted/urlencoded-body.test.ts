import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ProblemError } from '../../../core/problem.ts'
import { parsePairs } from './urlencoded-body.ts'

const parse = (text: string) => parsePairs(Buffer.from(text, 'latin1'))

function faultOf(body: Buffer): string | undefined {
  try {
    parsePairs(body)
    return undefined
  } catch (error) {
    return error instanceof ProblemError && error.code === 'invalid-form-body' ? error.options.reason : 'another error'
  }
}

describe('an urlencoded body', () => {
  it('gives names and values, decoded, in their order, repeated ones too', () => {
    expect(parse('a=1&b=x+y%26z&a=%C3%A9&empty=&bare&&c==')).toEqual([
      ['a', '1'],
      ['b', 'x y&z'],
      ['a', 'é'],
      ['empty', ''],
      ['bare', ''],
      ['c', '='],
    ])
  })

  it('reads whatever a browser writes', () => {
    const texts = fc.array(
      fc.tuple(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }), fc.string({ unit: 'binary' })),
    )
    fc.assert(
      fc.property(texts, (pairs) => {
        const isSound = ([name, value]: readonly [string, string]): boolean =>
          name !== '__proto__' && !`${name}${value}`.includes('\0') && `${name}${value}`.isWellFormed()
        const sound = pairs.filter(isSound)
        const written = new URLSearchParams(sound).toString()
        expect(parse(written)).toEqual(sound)
      }),
    )
  })

  it('never throws anything but its own refusal, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(faultOf(Buffer.from(bytes))).not.toBe('another error')
      }),
    )
  })

  it.each([
    ['a percent sign that begins nothing', 'a=100%', 'malformed-escape'],
    ['half an escape', 'a=%4', 'malformed-escape'],
    ['an escape that is no UTF-8', 'a=%FF', 'malformed-escape'],
    ['an overlong form', 'a=%C0%AF', 'malformed-escape'],
    ['half of a surrogate pair', 'a=%ED%A0%80', 'malformed-escape'],
    ['bytes that are no UTF-8', 'a=\xff', 'invalid-utf8'],
    ['U+0000 in a value', 'a=x%00y', 'nul-character'],
    ['U+0000 in a name', 'a%00=x', 'nul-character'],
    ['a raw U+0000', 'a=\0', 'nul-character'],
    ['the name that reaches a prototype', '__proto__=x', 'forbidden-name'],
    ['that name, encoded', '%5F_proto__=x', 'forbidden-name'],
    ['a value without a name', '=x', 'forbidden-name'],
    ['a name longer than any of ours', `${'a'.repeat(201)}=x`, 'forbidden-name'],
    ['more pairs than a form can have', 'a=1&'.repeat(2_001), 'too-many-pairs'],
  ])('is refused for %s', (_what, text, reason) => {
    expect(faultOf(Buffer.from(text, 'latin1'))).toBe(reason)
  })

  it('of a megabyte of separators is refused at once', () => {
    expect(faultOf(Buffer.alloc(1_048_576, '&'))).toBe('too-many-pairs')
  })
})
