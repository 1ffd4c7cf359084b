import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonBodyError, type JsonBodyLimits, parseJsonBody } from './json-body.ts'

const read = (text: string, limits?: JsonBodyLimits) => parseJsonBody(Buffer.from(text), limits)

function refusal(body: string | Buffer, limits?: JsonBodyLimits): JsonBodyError {
  try {
    parseJsonBody(Buffer.isBuffer(body) ? body : Buffer.from(body), limits)
  } catch (error) {
    if (error instanceof JsonBodyError) return error
    throw error
  }
  throw new Error(`accepted: ${body.toString('utf8')}`)
}

/** A second opinion, written the slow and obvious way: whether anything in a value is refused. */
function isClean(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0')
  if (typeof value !== 'object' || value === null) return true
  return Reflect.ownKeys(value).every((name) => {
    const member: unknown = Reflect.get(value, name)
    const isPollution =
      name === '__proto__' ||
      (name === 'constructor' && typeof member === 'object' && member !== null && Object.hasOwn(member, 'prototype'))
    // A name is refused when JSON cannot spell it without an escape.
    const isPlain = typeof name === 'string' && JSON.stringify(name) === `"${name}"`
    return isPlain && !isPollution && isClean(name) && isClean(member)
  })
}

const trickyName = fc.constantFrom(
  'a',
  'A',
  '"',
  '\\',
  ':',
  '{',
  '\\u0061',
  '',
  'é',
  '😀',
  'constructor',
  'prototype',
  '0',
)
const value = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.string({ unit: 'binary' }),
    trickyName,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.oneof(trickyName, fc.string()), tie('value'), { maxKeys: 5 }),
  ),
})).value

/** The same document with every character of its strings escaped, which must change nothing. */
function escapeAll(text: string): string {
  return text.replaceAll(/"((?:[^"\\]|\\.)*)"/g, (whole) => {
    const plain: string = JSON.parse(whole)
    return `"${plain
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join('')}"`
  })
}

describe('parseJsonBody', () => {
  it.each([
    '{}',
    '[]',
    'null',
    '0',
    '-1.5e3',
    '""',
    'true',
    ' { "a" : [ 1 , { "b" : "\\"}:{" } ] } ',
    '{"é":"\\u00e9😀"}',
  ])('reads %s as JSON.parse does', (text) => {
    expect(read(text)).toEqual(JSON.parse(text))
  })

  it('agrees with JSON.parse on every document that has nothing forbidden, and refuses the others', () => {
    fc.assert(
      fc.property(value, fc.constantFrom(undefined, 1, '\t'), fc.boolean(), (document, indent, escaped) => {
        const plain = JSON.stringify(document, undefined, indent)
        const text = escaped ? escapeAll(plain) : plain
        if (isClean(document)) expect(read(text)).toEqual(JSON.parse(plain))
        else expect(['nul-character', 'lone-surrogate', 'forbidden-key']).toContain(refusal(text).code)
      }),
      { numRuns: 1000 },
    )
  })

  it('reads a name by what it says, whatever names stood in its place before', () => {
    // V8 alone would take the second name for the first one here: the text between the quotes is the same.
    for (const primer of ['{"a":0,"\\\\u0062":1}', '{"a":0,"\\\\":1}', '{"\\\\":1}']) {
      for (let sent = 0; sent < 3; sent += 1) expect(refusal(primer).code).toBe('forbidden-key')
    }
    expect(Object.keys(read('{"a":0,"\\u0062":1}') as object)).toEqual(['a', 'b'])
    expect(Object.keys(read('{"\\u0041":1}') as object)).toEqual(['A'])
    const names = fc.array(fc.tuple(trickyName, fc.boolean()), { maxLength: 6 })
    fc.assert(
      fc.property(names, (spellings) => {
        const members = [...new Map(spellings)].map(([name, isEscaped]) => {
          const plain = JSON.stringify(name)
          return `${isEscaped ? escapeAll(plain) : plain}:0`
        })
        const text = `{${members.join(',')}}`
        const said = [...new Map(spellings).keys()]
        if (said.every((name) => JSON.stringify(name) === `"${name}"`)) {
          expect(Object.keys(read(text) as object).toSorted()).toEqual(said.toSorted())
        } else expect(refusal(text).code).toBe('forbidden-key')
      }),
      { numRuns: 3000 },
    )
  })

  it('never answers a text that is not JSON with anything but its own error', () => {
    const text = fc.string({ unit: fc.constantFrom(...'{}[]":,\\u01eE+-. tna\n\0é'), maxLength: 40 })
    fc.assert(
      fc.property(text, (body) => {
        try {
          expect(read(body)).toEqual(JSON.parse(body))
        } catch (error) {
          expect(error).toBeInstanceOf(JsonBodyError)
        }
      }),
      { numRuns: 3000 },
    )
  })

  it('refuses a name that comes twice at any depth, however it is escaped', () => {
    const twice = fc.tuple(fc.string(), fc.boolean(), fc.array(fc.constantFrom('array', 'object'), { maxLength: 6 }))
    fc.assert(
      fc.property(twice, ([name, escaped, nesting]) => {
        fc.pre(isClean({ [name]: 0 }) && name !== '__proto__')
        const plain = JSON.stringify(name)
        const core = `{${plain}:1,"filler${name.length}x":{},${escaped ? escapeAll(plain) : plain}:2}`
        const text = nesting.reduce((inner, kind) => (kind === 'array' ? `[0,${inner}]` : `{"in":${inner}}`), core)
        expect(refusal(text).code).toBe('duplicate-key')
      }),
    )
  })
})

describe('what parseJsonBody refuses', () => {
  it.each([
    ['invalid-utf8', Buffer.from([0x22, 0xc3, 0x28, 0x22])],
    ['invalid-utf8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['invalid-utf8', Buffer.from([0x22, 0xc0, 0x80, 0x22])],
    ['invalid-json', Buffer.from('\ufeff{}')],
    ['invalid-json', '{"a":1,}'],
    ['invalid-json', '{"a":1} {"a":1}'],
    ['invalid-json', '"unclosed'],
    ['invalid-json', '"a\nb"'],
    ['invalid-json', '01'],
    ['invalid-json', 'NaN'],
    ['invalid-json', ']]]]{{{{'],
    ['empty', ''],
    ['empty', ' \r\n\t'],
    ['nul-character', '{"a":"\0"}'],
    ['nul-character', '{"a":"x\\u0000"}'],
    ['nul-character', '{"\\u0000":1}'],
    ['lone-surrogate', '{"a":"\\ud800"}'],
    ['lone-surrogate', '["\\udc00\\ud800"]'],
    ['lone-surrogate', '{"\\uD83D":1}'],
    ['forbidden-key', '{"__proto__":{"isAdmin":true}}'],
    ['forbidden-key', '{"a":[{"__pr\\u006fto__":null}]}'],
    ['forbidden-key', '{"constructor":{"prototype":{"isAdmin":true}}}'],
    ['forbidden-key', '{"c\\u006fnstructor":{"prototyp\\u0065":1}}'],
    ['duplicate-key', '{"role":"user","role":"admin"}'],
    ['duplicate-key', '{"a":1,"\\u0061":2}'],
    ['duplicate-key', '{"":1,"":2}'],
    ['number-out-of-range', '1e999'],
    ['number-out-of-range', '{"a":[-1e400]}'],
  ])('answers %s to %j', (code, body) => {
    expect(refusal(body).code).toBe(code)
  })

  it.each([
    '{"constructor":"Bouygues"}',
    '{"constructor":{"name":"x"}}',
    '{"prototype":1}',
    '"__proto__"',
    '"\\\\u0000"',
    '"\\ud83d\\ude00"',
  ])('leaves %s alone, which only looks like it', (text) => {
    expect(read(text)).toEqual(JSON.parse(text))
  })

  it('counts depth from the outermost bracket', () => {
    expect(read('[[[1]]]', { maxDepth: 3 })).toEqual([[[1]]])
    expect(refusal('[[{"a":[]}]]', { maxDepth: 3 })).toMatchObject({ code: 'too-deep', offset: 7 })
    expect(read('["[[[[{{{{"]', { maxDepth: 1 })).toEqual(['[[[[{{{{'])
  })

  it('counts members over the whole document', () => {
    expect(read('[{"a":1},{"b":":::"}]', { maxKeys: 2 })).toEqual([{ a: 1 }, { b: ':::' }])
    expect(refusal('[{"a":1},{"b":2},{"c":3}]', { maxKeys: 2 }).code).toBe('too-many-keys')
  })

  it('points at the fault, and says nothing of the values around it', () => {
    const text = '{"email":"ada@example.org","data":[0,{"a/b":1,"c":[true,"x"],"a/b":2}]}'
    const offset = text.lastIndexOf('"a/b"')
    expect(refusal(text)).toMatchObject({ code: 'duplicate-key', pointer: '/data/1/a~1b', offset })
    expect(refusal('{"a":{"b":[1,"\\u0000"]}}').pointer).toBe('/a/b/1')
    expect(refusal('{"a":-1e999}').pointer).toBe('/a')
    expect(refusal('{"email":"ada@example.org",}')).toMatchObject({ code: 'invalid-json', offset: 27 })
    expect(refusal('{"email":ada@example.org}').message).not.toContain('ada')
  })
})

describe('a body made to be slow', () => {
  const mega = 1_048_576
  const hostile: [string, string, string | undefined][] = [
    ['brackets', '['.repeat(mega), 'too-deep'],
    ['braces', '{"a":'.repeat(200_000), 'too-deep'],
    ['100,000 members', `{${Array.from({ length: 100_000 }, (_, n) => `"k${n}":1`).join(',')}}`, 'too-many-keys'],
    ['escaped quotes', `"${'\\"'.repeat(mega / 2)}"`, undefined],
    ['backslashes', `"${'\\\\'.repeat(mega / 2)}"`, undefined],
    ['backslashes that never close', `"${'\\'.repeat(mega)}`, 'invalid-json'],
    ['unclosed escaped quotes', `"${'\\"'.repeat(mega / 2)}`, 'invalid-json'],
    ['U+0000 escapes', `"${'\\u0000'.repeat(mega / 6)}"`, 'nul-character'],
    ['short strings', `[${'"",'.repeat(mega / 3)}0]`, undefined],
    ['numbers', `[${'1,'.repeat(mega / 2)}1]`, undefined],
    ['one long number', `[${'9'.repeat(mega)}]`, 'number-out-of-range'],
    ['empty objects', `[${'{},'.repeat(mega / 3)}1e999]`, 'number-out-of-range'],
  ]

  it.each(hostile)('is judged in linear time: %s', (_, text, code) => {
    const body = Buffer.from(text)
    const startedAt = performance.now()
    const verdict = code === undefined ? parseJsonBody(body) : refusal(body).code
    // A quadratic pass over a megabyte takes minutes; a second leaves room for a loaded machine.
    expect(performance.now() - startedAt).toBeLessThan(1000)
    expect(verdict).toEqual(code ?? JSON.parse(text))
  })

  it('finds the last of 100,000 members to be a duplicate in linear time', () => {
    const members = Array.from({ length: 100_000 }, (_, n) => `"k${n}":1`).join(',')
    const startedAt = performance.now()
    expect(refusal(`{${members},"k0":2}`, { maxKeys: 200_000 })).toMatchObject({
      code: 'duplicate-key',
      pointer: '/k0',
    })
    expect(performance.now() - startedAt).toBeLessThan(1000)
  })
})
