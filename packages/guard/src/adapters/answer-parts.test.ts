import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chooseLocale } from './accept-language.ts'
import { createAnswerBlocks } from './cors.ts'
import { createFieldBlock, linesBeside } from './field-block.ts'
import { securityFields } from './security-headers.ts'

describe('the language of a refusal', () => {
  it.each([
    [undefined, 'en', 'en'],
    ['', 'fr', 'fr'],
    ['fr', 'en', 'fr'],
    ['fr-CA, en;q=0.9', 'en', 'fr'],
    ['en;q=0.1, FR;q=0.2', 'en', 'fr'],
    ['fr, en', 'en', 'fr'],
    ['de', 'fr', 'fr'],
    ['fr;q=0, *', 'fr', 'en'],
    ['*', 'fr', 'fr'],
    ['fr;q=0', 'fr', 'fr'],
    ['fr;q=2, en', 'fr', 'en'],
    ['fr-CA;q=0.9, fr;q=0.2, en;q=0.5', 'en', 'fr'],
  ] as const)('of %j with %s to fall back on is %s', (header, fallback, locale) => {
    expect(chooseLocale(header, fallback)).toBe(locale)
  })

  it('is one of the two, and cheap to choose, whatever is sent', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 400 }), (header) => {
        expect(['en', 'fr']).toContain(chooseLocale(header, 'en'))
      }),
    )
    const startMs = performance.now()
    for (let sent = 0; sent < 100; sent += 1) chooseLocale(`${'a-'.repeat(50_000)}${sent},fr;q=${sent}`, 'en')
    expect(performance.now() - startMs).toBeLessThan(1_000)
  })
})

describe('a prepared block', () => {
  it.each([
    ['x-a', 'one\r\nset-cookie: two'],
    ['x-a\r\nset-cookie', 'two'],
    ['x-a', ''],
    ['x a', 'one'],
    ['x-a', 'é'],
  ])('takes no field that could end its line: %j: %j', (name, value) => {
    expect(() => createFieldBlock({ [name]: value })).toThrow(RangeError)
  })

  it('gives way, field by field, to what an answer sets itself, but for a list', () => {
    const block = createFieldBlock({ 'X-A': 'one', 'x-b': 'two', vary: 'origin' })
    expect(block.text).toBe('x-a: one\r\nx-b: two\r\nvary: origin\r\n')
    expect(linesBeside(block, (name) => name === 'x-a' || name === 'vary')).toBe('x-b: two\r\nvary: origin\r\n')
  })

  it('of security headers can be changed and thinned', () => {
    const fields = securityFields({ 'X-Frame-Options': false, 'referrer-policy': 'no-referrer' })
    expect(fields['x-frame-options']).toBeUndefined()
    expect(fields['referrer-policy']).toBe('no-referrer')
    expect(fields['x-content-type-options']).toBe('nosniff')
    expect(Object.values(securityFields(true)).join()).not.toContain('unsafe')
  })
})

describe('the answer to a page of another origin', () => {
  const blocks = createAnswerBlocks({}, { origins: ['https://app.example', 'http://localhost:5173'] })
  const allowed = (origin: string | undefined) => new Map(blocks.of(origin).fields).get('access-control-allow-origin')

  it('allows listed origins, compared whole, and names the origin as what it depends on', () => {
    expect(allowed('https://app.example')).toBe('https://app.example')
    expect(allowed('http://localhost:5173')).toBe('http://localhost:5173')
    for (const forged of [
      'https://app.example.evil',
      'https://evil-app.example',
      'https://APP.example',
      'https://app.example/',
      'http://app.example',
      'null',
      'constructor',
      '__proto__',
      '',
      undefined,
    ]) {
      expect([forged, allowed(forged)]).toEqual([forged, undefined])
      expect(new Map(blocks.of(forged).fields).get('vary')).toBe('origin')
    }
  })

  it('never allows credentials', () => {
    for (const origin of ['https://app.example', 'https://evil.example']) {
      expect(blocks.of(origin).text + blocks.ofPreflight(origin)?.text).not.toContain('credentials')
    }
  })

  it('refuses at start what no browser sends as an origin', () => {
    for (const origin of ['app.example', 'https://app.example/', 'https://*.example', 'null', 'https://a\r\nx: y']) {
      expect(() => createAnswerBlocks({}, { origins: [origin] })).toThrow(RangeError)
    }
  })

  it('is the same for all where every origin may call', () => {
    const open = createAnswerBlocks({}, { origins: '*' })
    expect(open.of('https://anybody.example').text).toContain('access-control-allow-origin: *\r\n')
    expect(open.of(undefined)).toBe(open.of('https://anybody.example'))
  })
})
