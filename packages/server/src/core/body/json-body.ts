import { isAscii, isUtf8 } from 'node:buffer'

/** Why a body is refused. `too-many-keys` and `too-deep` are limits; the others are faults of the text. */
export type JsonBodyFault =
  | 'duplicate-key'
  | 'empty'
  | 'forbidden-key'
  | 'invalid-json'
  | 'invalid-utf8'
  | 'lone-surrogate'
  | 'nul-character'
  | 'number-out-of-range'
  | 'too-deep'
  | 'too-many-keys'

/** Bounds of one body. */
export interface JsonBodyLimits {
  /** Deepest nesting of objects and arrays; a scalar is at depth 0. 1 to 256. Default 32. */
  readonly maxDepth?: number
  /** Most object members in the whole document, nested ones included. Default 10,000. */
  readonly maxKeys?: number
}

/** A body that is refused. Neither `message` nor `pointer` holds a value of the body; `pointer` holds its member names. */
export class JsonBodyError extends Error {
  override readonly name = 'JsonBodyError'
  readonly code: JsonBodyFault
  /** RFC 6901 pointer to the fault, cut at 256 characters; absent when the text has no structure to point into. */
  readonly pointer: string | undefined
  /** Characters before the fault, when the text is not JSON and the place is known. */
  readonly offset: number | undefined

  constructor(code: JsonBodyFault, where: { pointer?: string | undefined; offset?: number | undefined } = {}) {
    super(MESSAGES[code])
    this.code = code
    this.pointer = where.pointer?.slice(0, 256)
    this.offset = where.offset
  }
}

const MESSAGES: Record<JsonBodyFault, string> = {
  'duplicate-key': 'The JSON body has the same member name twice in one object.',
  empty: 'The request body is empty.',
  'forbidden-key': 'The JSON body has a member name that is not allowed.',
  'invalid-json': 'The request body is not valid JSON.',
  'invalid-utf8': 'The request body is not valid UTF-8.',
  'lone-surrogate': 'The JSON body has an escape that is half of a surrogate pair.',
  'nul-character': 'The JSON body has the character U+0000.',
  'number-out-of-range': 'The JSON body has a number that is out of range.',
  'too-deep': 'The JSON body is nested too deeply.',
  'too-many-keys': 'The JSON body has too many members.',
}

const WHITE_SPACE: readonly number[] = [0x20, 0x09, 0x0a, 0x0d]
const QUOTE = 0x22
const COMMA = 0x2c
const MINUS = 0x2d
const COLON = 0x3a
const OPEN_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b

/** What sets `{` apart from `[`, and `}` from `]`. */
const BRACE_BIT = 0x20

/** The value of a deeper document is counted by recursion: this keeps it far from the end of the stack. */
const DEEPEST = 256

/**
 * Parses a JSON body, refusing what one JSON reader would accept and the next one, PostgreSQL's `jsonb` or a
 * prototype would not. Linear in the length of the body, whatever it holds.
 *
 * The value comes from `JSON.parse`. What it lets through is found by counting: in a valid document each colon outside
 * a string is one member, so fewer members in the value than colons in the text means that a name came twice, however
 * it was escaped. Only a refused document is read again, to say where.
 *
 * @throws JsonBodyError the only error.
 * @see RFC 8259 §4 (names), §8.1 (encoding), §8.2 (surrogates)
 */
export function parseJsonBody(body: Buffer, limits: JsonBodyLimits = {}): unknown {
  const text = decode(body)
  const colons = scan(text, Math.min(limits.maxDepth ?? 32, DEEPEST), limits.maxKeys ?? 10_000)
  const value = parse(text.includes('\\') ? spellNames(text) : text)
  // Without an escape, no string can hold U+0000 or half a surrogate pair.
  const members = countMembers(value, text.includes('\\u'))
  if (members !== colons) throw diagnose(text)
  return value
}

/**
 * The same document with its names spelt without escapes. V8 compares the text of a name with the name that stood there in
 * documents before, and takes an escape for the characters it is written with: after one body with the name `\\u0061`
 * (a backslash and five more), it reads another's `"\\u0061"` as that name, not as `a`. A name that no spelling frees of
 * escapes (it holds a quote, a backslash or a control character) is refused before V8 sees it.
 */
function spellNames(text: string): string {
  let spelt = ''
  let from = 0
  let start = text.indexOf('"')
  while (start !== -1) {
    const end = closingQuote(text, start) + 1
    if (isName(text, end) && text.slice(start, end).includes('\\')) {
      spelt += text.slice(from, start) + spellName(text.slice(start, end), start)
      from = end
    }
    start = text.indexOf('"', end)
  }
  return spelt + text.slice(from)
}

/** Whether a colon follows: in a valid document, what stands before one is a name. */
function isName(text: string, end: number): boolean {
  let index = end
  while (WHITE_SPACE.includes(text.charCodeAt(index))) index += 1
  return text.charCodeAt(index) === COLON
}

function spellName(token: string, offset: number): string {
  const name = parse(token)
  const spelt = JSON.stringify(name)
  if (!spelt.includes('\\')) return spelt
  throw new JsonBodyError(stringFault(String(name)) ?? 'forbidden-key', { offset })
}

function decode(body: Buffer): string {
  if (body.length === 0) throw new JsonBodyError('empty')
  if (isAscii(body)) return body.toString('latin1')
  if (!isUtf8(body)) throw new JsonBodyError('invalid-utf8')
  return body.toString('utf8')
}

/** Counts the colons outside strings; a bracket or a colon beyond a limit ends it before anything is built. */
function scan(text: string, maxDepth: number, maxKeys: number): number {
  let depth = 0
  let colons = 0
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code === QUOTE) index = closingQuote(text, index)
    else if (code === COLON) colons += 1
    else if (code >= OPEN_BRACKET) {
      depth += nesting(code)
      if (depth > maxDepth) throw new JsonBodyError('too-deep', { offset: index })
    }
  }
  if (colons > maxKeys) throw new JsonBodyError('too-many-keys')
  return colons
}

function nesting(code: number): -1 | 0 | 1 {
  const bracket = code & ~BRACE_BIT
  if (bracket === OPEN_BRACKET) return 1
  return bracket === CLOSE_BRACKET ? -1 : 0
}

/** The index of the quote that ends the string opened at `open`, or the end of a text that never closes it. */
function closingQuote(text: string, open: number): number {
  let close = text.indexOf('"', open + 1)
  while (close !== -1) {
    let before = close - 1
    while (text.charCodeAt(before) === BACKSLASH) before -= 1
    if ((close - before) % 2 === 1) return close
    close = text.indexOf('"', close + 1)
  }
  return text.length
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!/[^ \t\n\r]/.test(text)) throw new JsonBodyError('empty')
    if (text.includes('\0')) throw new JsonBodyError('nul-character', { offset: text.indexOf('\0') })
    throw new JsonBodyError('invalid-json', { offset: offsetOf(error) })
  }
}

/** The engine's message ends with the place, or quotes the body: only the first form is read, and only its number. */
function offsetOf(error: unknown): number | undefined {
  const place =
    error instanceof SyntaxError ? / at position (\d{1,9})(?: \(line \d+ column \d+\))?$/.exec(error.message) : null
  return place === null ? undefined : Number(place[1])
}

/** Members of a value and of all it holds; NaN, which no count of colons equals, when something in it is refused. */
function countMembers(value: unknown, areStringsSuspect: boolean): number {
  if (typeof value === 'string') return areStringsSuspect && stringFault(value) !== undefined ? Number.NaN : 0
  if (typeof value === 'number') return Number.isFinite(value) ? 0 : Number.NaN
  if (typeof value !== 'object' || value === null) return 0
  if (!Array.isArray(value)) return countOwn(value as Record<string, unknown>, areStringsSuspect)
  let members = 0
  for (const item of value) members += countMembers(item, areStringsSuspect)
  return members
}

function countOwn(object: Record<string, unknown>, areStringsSuspect: boolean): number {
  const names = Object.keys(object)
  let members = names.length
  for (const name of names) {
    const member = object[name]
    if (isForbidden(name, member)) return Number.NaN
    if (areStringsSuspect && stringFault(name) !== undefined) return Number.NaN
    members += countMembers(member, areStringsSuspect)
  }
  return members
}

function stringFault(value: string): 'lone-surrogate' | 'nul-character' | undefined {
  if (value.includes('\0')) return 'nul-character'
  return value.isWellFormed() ? undefined : 'lone-surrogate'
}

/** Names through which a careless merge reaches a prototype. */
function isForbidden(name: string, member: unknown): boolean {
  if (name === '__proto__') return true
  return name === 'constructor' && typeof member === 'object' && member !== null && Object.hasOwn(member, 'prototype')
}

/** Where a reading of the refused document stands in one object or array. */
interface Frame {
  /** Names seen in an object; absent in an array. */
  readonly names: Set<string> | undefined
  /** The member being read: its name, absent until it is read, or its index. */
  member: string | number | undefined
}

/** Reads a valid but refused document a second time, to find its first fault and where it stands. */
function diagnose(text: string): JsonBodyError {
  const frames: Frame[] = []
  for (let start = 0; start < text.length; start += 1) {
    const code = text.charCodeAt(start)
    const end = tokenEnd(text, start, code)
    const fault = end === start ? move(frames, code) : tokenFault(frames, JSON.parse(text.slice(start, end)))
    if (fault !== undefined) return new JsonBodyError(fault, { pointer: pointerTo(frames), offset: start })
    start = Math.max(start, end - 1)
  }
  return new JsonBodyError('invalid-json')
}

/** The index after the string or number that starts here, or `start` where neither does. */
function tokenEnd(text: string, start: number, code: number): number {
  if (code === QUOTE) return closingQuote(text, start) + 1
  if (code !== MINUS && !isDigit(code)) return start
  let end = start + 1
  while (isNumberPart(text.charCodeAt(end))) end += 1
  return end
}

function move(frames: Frame[], code: number): undefined {
  const frame = frames.at(-1)
  if (code === OPEN_BRACE) frames.push({ names: new Set(), member: undefined })
  else if (code === OPEN_BRACKET) frames.push({ names: undefined, member: 0 })
  else if (nesting(code) === -1) frames.pop()
  else if (code === COMMA && frame !== undefined) {
    frame.member = typeof frame.member === 'number' ? frame.member + 1 : undefined
  }
}

/** The fault of a number or of a string, which is a name where its object awaits one. */
function tokenFault(frames: Frame[], token: string | number): JsonBodyFault | undefined {
  if (typeof token === 'number') return Number.isFinite(token) ? undefined : 'number-out-of-range'
  const frame = frames.at(-1)
  if (frame?.names === undefined || frame.member !== undefined) return stringFault(token)
  frame.member = token
  const isPollution = token === '__proto__' || (token === 'prototype' && frames.at(-2)?.member === 'constructor')
  if (isPollution) return 'forbidden-key'
  if (frame.names.has(token)) return 'duplicate-key'
  frame.names.add(token)
  return stringFault(token)
}

function pointerTo(frames: readonly Frame[]): string {
  return frames
    .map(
      ({ member }) =>
        `/${String(member ?? '')
          .replaceAll('~', '~0')
          .replaceAll('/', '~1')}`,
    )
    .join('')
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

/** Digits, `+`, `-`, `.`, `E` and `e`. */
function isNumberPart(code: number): boolean {
  return isDigit(code) || code === 0x2b || code === MINUS || code === 0x2e || (code & ~0x20) === 0x45
}
