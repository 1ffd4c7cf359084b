// biome-ignore-all lint/suspicious/noTemplateCurlyInString: texts that other languages would fill in.
// biome-ignore-all lint/suspicious/noThenProperty: a value that code could take for a promise.
import fc from 'fast-check'

/** Values that one layer or another has tripped over: types, sizes, texts that are code elsewhere. */
const values: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e308,
  2 ** 53 + 2,
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  'x\udfff',
  '\u001b[31m',
  '\u202etxt.exe',
  '\ufeff',
  '\u2028',
  '\r\nBcc: all@example.org',
  'a'.repeat(70_000),
  '🙂'.repeat(300),
  `ﷺ${'\u0301'.repeat(500)}`,
  "'; drop table tenant; --",
  '{{7*7}}${7*7}<%= 7*7 %>',
  '<script>alert(1)</script>',
  '../../../../etc/passwd',
  '=cmd|"/C calc"!A0',
  '${jndi:ldap://127.0.0.1/a}',
  '00000000-0000-0000-0000-000000000000',
  '9999-99-99T99:99:99Z',
  '-000001-01-01T00:00:00Z',
  'constructor',
  '__proto__',
  [],
  [[]],
  [null],
  Array.from({ length: 2_000 }, () => 0),
  {},
  { length: 1e9 },
  { toString: 'x', valueOf: 1, then: {} },
  { $ne: null },
  nested(31),
  nested(60),
]

/** Names that objects, prototypes and databases have themselves. */
const names: readonly string[] = [
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'then',
  'length',
  '',
  ' ',
  '$where',
  'tenant_id',
  'tenantId',
  'id',
  'isAdmin',
  'a'.repeat(5_000),
  '\u0000',
  '\ud800',
  '..',
  '/',
  '~',
]

export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...values) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
)

export const hostileName: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...names),
  fc.string({ unit: 'binary', maxLength: 20 }),
)

/** What can stand in a header field on the wire: visible ASCII, spaces, tabs and bytes above 127. */
export const hostileField: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '*',
    'null',
    ',',
    ';',
    ',,;;q=',
    '"',
    '\\',
    '\t',
    '\xff\xfe',
    '%00',
    '1, 1',
    'bearer',
    'Bearer',
    `Bearer ${'a'.repeat(4_000)}`,
    'Basic Og==',
    '-1',
    '99999999999999999999',
    'undefined',
    '[object Object]',
    '0'.repeat(6_000),
    '00-00000000000000000000000000000000-0000000000000000-00',
    'for="[::1]:1";proto=https, for=_x',
    '::ffff:999.1.1.1, 10.0.0.1',
    '${jndi:ldap://127.0.0.1/a}',
    "' or 1=1 --",
    '../../etc/passwd',
  ),
  fc
    .array(
      fc.integer({ min: 0x20, max: 0xff }).filter((code) => code !== 0x7f),
      { maxLength: 60 },
    )
    .map((codes) => String.fromCharCode(...codes).trim()),
)

/** A path segment or a query value, percent-encoded or as raw as a request line allows. */
export const hostileSegment: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '%00',
    '%',
    '%zz',
    '%c0%af',
    '%ed%a0%80',
    '..',
    '%2e%2e',
    '%2f',
    '%5c',
    '.',
    '~',
    '*',
    '()',
    "'",
    '%0d%0aX:1',
    '%e2%80%ae',
    '-1',
    '0',
    '1e9',
    'null',
    'undefined',
    'NaN',
    '%5B%5D',
    'a'.repeat(300),
    '__proto__',
    'constructor',
    '01a1fb42-0000-7000-8000-00000000000',
    '01A1FB42-0000-7000-8000-000000000000',
  ),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).map((text) => encodeURIComponent(text.toWellFormed())),
)

/** Texts that are no acceptable JSON, made from one that is. All of them are refused with 400, whatever the schema. */
export const brokenTexts: readonly (readonly [name: string, make: (json: string) => Buffer])[] = [
  ['cut short', (json) => Buffer.from(json.slice(0, -1))],
  ['something behind it', (json) => Buffer.from(`${json}x`)],
  ['twice', (json) => Buffer.from(json + json)],
  ['a byte order mark', (json) => Buffer.from(`\ufeff${json}`)],
  ['white space alone', () => Buffer.from(' \n')],
  ['a comment', (json) => Buffer.from(`/**/${json}`)],
  ['single quotes', () => Buffer.from("{'a':1}")],
  ['a trailing comma', () => Buffer.from('{"a":1,}')],
  ['NaN', () => Buffer.from('{"a":NaN}')],
  ['an infinite number', () => Buffer.from('{"a":1e999}')],
  ['a raw control character', () => Buffer.from('{"a":"\u0001"}')],
  ['U+0000, escaped', () => Buffer.from('{"a":"\\u0000"}')],
  ['U+0000, raw', (json) => Buffer.concat([Buffer.from(json), Buffer.from([0])])],
  ['half a surrogate pair', () => Buffer.from('{"a":"\\ud800"}')],
  ['half a surrogate pair in a name', () => Buffer.from('{"\\udc00":1}')],
  [
    'bytes that are no UTF-8',
    () => Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
  ],
  ['an overlong slash', () => Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')])],
  ['UTF-16', (json) => Buffer.from(json, 'utf16le')],
  ['a name twice', (json) => Buffer.from(json.replace('{', '{"a":1,"a":2,'))],
  ['a name twice, once escaped', (json) => Buffer.from(json.replace('{', '{"a":1,"\\u0061":2,'))],
  ['a name twice, inside', (json) => Buffer.from(json.replace('{', '{"a":[{"b":1,"b":1}],'))],
  ['__proto__', (json) => Buffer.from(json.replace('{', '{"__proto__":{"isAdmin":true},'))],
  ['__proto__, escaped', (json) => Buffer.from(json.replace('{', '{"\\u005f_proto__":{"isAdmin":true},'))],
  ['constructor.prototype', (json) => Buffer.from(json.replace('{', '{"constructor":{"prototype":{"isAdmin":true}},'))],
  ['lists in lists', () => Buffer.from('['.repeat(100_000))],
  ['objects in objects', () => Buffer.from('{"a":'.repeat(50_000))],
  ['closed lists in lists', () => Buffer.from(`${'['.repeat(5_000)}${']'.repeat(5_000)}`)],
  [
    'a hundred thousand names',
    () => Buffer.from(`{${Array.from({ length: 60_000 }, (_, n) => `"k${n}":0`).join(',')}}`),
  ],
]

function nested(depth: number): unknown {
  let value: unknown = 'deep'
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? { a: value } : [value]
  return value
}

/** A value with one place of it replaced, removed or added to. */
export function mutated(example: unknown): fc.Arbitrary<unknown> {
  const places = placesOf(example)
  const place = fc.constantFrom(...places)
  const replaced = fc.tuple(place, hostileValue).map(([path, value]) => changed(example, path, () => value))
  const removed = place.map((path) => changed(example, path, () => undefined))
  const added = fc
    .tuple(place, hostileName, hostileValue)
    .map(([path, name, value]) =>
      changed(example, path, (at) => (isRecord(at) ? withMember(at, name, value) : [at, value])),
    )
  return fc.oneof(replaced, removed, added)
}

type Path = readonly (string | number)[]

function placesOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path]
  return [path, ...Object.entries(value).flatMap(([name, member]) => placesOf(member, [...path, name]))]
}

function changed(value: unknown, path: Path, change: (at: unknown) => unknown): unknown {
  const [name, ...rest] = path
  if (name === undefined) return change(value)
  if (Array.isArray(value))
    return value.map((item, index) => (index === Number(name) ? changed(item, rest, change) : item))
  if (!isRecord(value)) return value
  return withMember(value, String(name), changed(value[name], rest, change))
}

// Assigning `__proto__` would set the prototype and send nothing.
function withMember(value: Record<string, unknown>, name: string, member: unknown): Record<string, unknown> {
  const copy = { ...value }
  Object.defineProperty(copy, name, { value: member, enumerable: true, configurable: true, writable: true })
  return copy
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
