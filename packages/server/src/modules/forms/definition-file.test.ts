import { describe, expect, it } from 'vitest'
import { DEMO_FORM } from './definition/demo.ts'
import { DefinitionFileError, formatDefinition, parseDefinition } from './definition-file.ts'

/** `line:column pointer` of each fault. */
function placesOf(text: string): readonly string[] {
  try {
    parseDefinition(text, 'en')
    return []
  } catch (error) {
    if (!(error instanceof DefinitionFileError)) throw error
    return error.faults.map(({ line, column, pointer }) => `${line}:${column} ${pointer}`)
  }
}

describe('a definition file', () => {
  it.each(['yaml', 'json'] as const)('reads back from %s as it was written', (format) => {
    expect(parseDefinition(formatDefinition(DEMO_FORM, format), 'en')).toEqual(DEMO_FORM)
  })

  it('may be JSON with tabs, and begin with a byte order mark', () => {
    expect(parseDefinition(`\uFEFF${JSON.stringify(DEMO_FORM, null, '\t')}`, 'en')).toEqual(DEMO_FORM)
  })

  it('is written in the order people write it, whatever order it comes in', () => {
    const { fields, title } = DEMO_FORM
    expect(formatDefinition({ fields, title }, 'yaml')).toMatch(
      /^title:\n {2}en: .*\n {2}fr: .*\nfields:\n {2}- name: /,
    )
  })

  it('says where a value is wrong, or where the one that lacks it begins', () => {
    const text = 'title: { en: x }\nfields:\n  - name: a\n    type: text\n    lable: { en: x }\n'
    expect(placesOf(text)).toEqual(['3:5 /fields/0/label', '5:12 /fields/0/lable'])
  })

  it.each([
    ['nothing', ''],
    ['a broken line', 'a: b: c'],
    ['a document that stops', '{"title": {"en": "x"}, "fields": ['],
    ['the same member twice', 'title: { en: x }\ntitle: { en: y }'],
    ['an unknown tag', 'title: !!js/function x'],
    [
      'a member named __proto__',
      '__proto__: { x: 1 }\ntitle: { en: x }\nfields: [{ name: a, type: email, label: { en: x } }]',
    ],
  ])('is refused for %s', (_what, text) => {
    expect(placesOf(text).length).toBeGreaterThan(0)
  })

  it('follows no alias, so that a few lines cannot stand for gigabytes', () => {
    const laughs = Array.from({ length: 30 }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(10).fill(`*a${n}`).join(',')}]`)
    expect(placesOf(['a0: &a0 x', ...laughs].join('\n'))).toEqual(['1:1 '])
  })
})
