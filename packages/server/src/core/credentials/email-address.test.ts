import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseEmailAddress } from './email-address.ts'

const normOf = (text: string) => {
  const parsed = parseEmailAddress(text)
  return 'norm' in parsed ? parsed.norm : parsed.fault
}

describe('parseEmailAddress', () => {
  it('keeps the local part as typed for mail, and compares all of it in lower case', () => {
    expect(parseEmailAddress(' Ada.Lovelace+News@Example.ORG ')).toEqual({
      display: 'Ada.Lovelace+News@example.org',
      norm: 'ada.lovelace+news@example.org',
    })
  })

  it('takes every spelling of an international domain for one', () => {
    const spellings = [
      'ada@bücher.example',
      'ada@BÜCHER.example',
      'ada@bu\u0308cher.example',
      'ada@xn--bcher-kva.example',
      'ada@XN--BCHER-KVA.EXAMPLE',
    ]
    expect(new Set(spellings.map(normOf))).toEqual(new Set(['ada@xn--bcher-kva.example']))
  })

  it('does not take addresses for one that a mail server may tell apart', () => {
    const different = ['ada.l@example.org', 'adal@example.org', 'ada.l+x@example.org', 'ada.l@mail.example.org']
    expect(new Set(different.map(normOf)).size).toBe(4)
  })

  describe('class 23: homoglyphs and normalisation', () => {
    const victim = 'mike@kirk.example'

    it.each([
      ['a full-width @', 'mike＠kirk.example'],
      ['a full-width @ before a real one', 'mike＠kirk.example@evil.example'],
      ['a small @', 'mike﹫kirk.example'],
      ['a dotless i', 'mıke@kirk.example'],
      ['a dotted capital I, which lower-cases to i and a dot', 'mİke@kirk.example'],
      ['a Kelvin sign, which lower-cases to k', 'mi\u212ae@kirk.example'],
      ['a long s', 'mi\u017fter@kirk.example'],
      ['a Cyrillic letter', 'mіke@kirk.example'],
      ['full-width letters', 'ｍｉｋｅ@kirk.example'],
      ['a combining accent', 'mi\u0301ke@kirk.example'],
      ['a zero-width space', 'mi\u200bke@kirk.example'],
      ['a soft hyphen', 'mi\u00adke@kirk.example'],
      ['a right-to-left override', '\u202emike@kirk.example'],
      ['a ligature', 'ﬁona@kirk.example'],
      ['half a character', 'mike\ud800@kirk.example'],
    ])('refuses %s before the @', (_, text) => {
      expect(parseEmailAddress(text)).toEqual({ fault: 'not-ascii' })
    })

    it.each([
      ['a Kelvin sign', 'mike@\u212airk.example'],
      ['full-width letters', 'mike@ｋｉｒｋ.example'],
      ['a full-width full stop', 'mike@kirk．example'],
      ['an ideographic full stop', 'mike@kirk。example'],
      ['a zero-width space', 'mike@ki\u200brk.example'],
      ['a soft hyphen', 'mike@ki\u00adrk.example'],
      ['a long s', 'mike@\u017fkirk.example'],
      ['a circled letter', 'mike@ⓚirk.example'],
      ['a Kelvin sign beside a label that needs its letters', 'mike@\u212airk.bücher.example'],
      ['an A-label of plain letters', 'mike@xn--kirk-.example'],
      ['an A-label that decodes to nothing', 'mike@xn--zzzzzzzzzzzz.example'],
      ['an A-label that is cut short', 'mike@xn--a.example'],
      ['an A-label that decodes to ASCII', 'mike@xn--kirk-0.example'],
      ['a percent escape', 'mike@ki%72k.example'],
    ])('never takes a domain with %s for the plain one', (_, text) => {
      expect(parseEmailAddress(text)).not.toHaveProperty('norm')
    })

    it('keeps a domain that only looks like another apart from it', () => {
      const looksAlike = ['mike@kırk.example', 'mike@кirk.example', 'mike@kírk.example', 'mike@kirk\u0301.example']
      for (const text of looksAlike) expect(normOf(text), text).not.toBe(victim)
    })

    it('never makes a plain ASCII address of a text that is none, whatever letters are exchanged', () => {
      const lookAlikes = fc.constantFrom(
        'ı',
        'İ',
        '\u212a',
        '\u017f',
        '＠',
        'ｋ',
        'і',
        'ᵏ',
        'k\u0327',
        '\u00ad',
        '\u200d',
        '．',
      )
      const position = fc.integer({ min: 0, max: victim.length - 1 })
      fc.assert(
        fc.property(position, lookAlikes, fc.boolean(), (at, letter, isInsertion) => {
          const text = victim.slice(0, at) + letter + victim.slice(isInsertion ? at : at + 1)
          expect(normOf(text)).not.toBe(victim)
        }),
      )
    })
  })

  it.each([
    ['two addresses', 'a@x.example,b@y.example'],
    ['two @', 'a@b@c.example'],
    ['a header after a line break', 'a@x.example\r\nBcc: b@y.example'],
    ['a line break in the local part', 'a\nb@x.example'],
    ['a NUL', 'a\0@x.example'],
    ['a name and brackets', 'Ada <a@x.example>'],
    ['a quoted local part', '"a b"@x.example'],
    ['a comment', 'a(b)@x.example'],
    ['an address literal', 'a@[127.0.0.1]'],
    ['an IP address', 'a@127.0.0.1'],
    ['no domain', 'a@'],
    ['no local part', '@x.example'],
    ['one label', 'a@localhost'],
    ['a dot at the end of the domain', 'a@x.example.'],
    ['two dots', 'a..b@x.example'],
    ['a local part of 65 letters', `${'a'.repeat(65)}@x.example`],
    ['255 letters', `a@${'x.'.repeat(123)}example`],
    ['a megabyte', `${'a'.repeat(1_048_576)}@x.example`],
    ['nothing', ''],
    ['no @', 'ada'],
  ])('refuses %s', (_, text) => {
    expect(parseEmailAddress(text)).toHaveProperty('fault')
  })

  it('is settled after one pass: what it answers, it answers again, and it is ASCII', () => {
    const parts = fc.stringMatching(/^[A-Za-z0-9+_-]{1,20}$/)
    const domains = fc.oneof(parts, fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }))
    fc.assert(
      fc.property(parts, domains, (local, domain) => {
        const parsed = parseEmailAddress(`${local}@${domain}.example`)
        if (!('norm' in parsed)) return
        expect(parsed.norm).toMatch(/^[\x21-\x7e]+$/)
        expect(parseEmailAddress(parsed.norm)).toEqual({ display: parsed.norm, norm: parsed.norm })
        expect(parseEmailAddress(parsed.display)).toEqual(parsed)
      }),
    )
  })
})
