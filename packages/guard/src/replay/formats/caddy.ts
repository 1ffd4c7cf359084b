import type { LineParser, LogLine, Parsed } from '../log-line.ts'
import { BACKSLASH, findByte, QUESTION, QUOTE, readDigits } from './bytes.ts'
import { createIsoTimeReader, FIRST_SECOND, LAST_SECOND } from './time.ts'

const OPEN_BRACE = 123
const CLOSE_BRACE = 125
const OPEN_BRACKET = 91
const CLOSE_BRACKET = 93
const COMMA = 44
const COLON = 58
const SPACE = 32
const DEEPEST = 8

type TakeMember = (bytes: Buffer, from: number, to: number, line: LogLine) => boolean

/** The members that are read, by their path from the top of the object; false for what cannot be read. */
type Members = ReadonlyMap<string, TakeMember>

/**
 * Builds the parser of Caddy's JSON access log, one object a line. The address is `client_ip` where Caddy tells it (it
 * knows its own trusted proxies), else the peer's. A time is a number of seconds or an RFC 3339 text.
 *
 * It walks the object once and decodes nothing; a key is compared as it is written.
 *
 * @see https://caddyserver.com/docs/logging
 */
export function createCaddyParser(): LineParser {
  const readIsoTime = createIsoTimeReader()
  const members = createMembers((bytes, from, to, line) => readTime(bytes, from, to, line, readIsoTime))
  const walk = createWalk(members)

  return (bytes, start, end, line) => {
    if (bytes[start] !== OPEN_BRACE) return 'shape'
    clear(line, start)
    return walk(bytes, start, end, line) ? judge(line) : 'shape'
  }
}

function judge(line: LogLine): Parsed {
  if (line.second < 0) return 'time'
  if (line.addressEnd === line.addressStart) return 'address'
  if (line.status < 0 || line.status > 999) return 'status'
  return line.methodEnd > line.methodStart && line.pathEnd > line.pathStart ? 'line' : 'no-request'
}

function createMembers(takeTime: TakeMember): Members {
  return new Map<string, TakeMember>([
    ['ts', takeTime],
    ['status', takeStatus],
    // Asked for in any order, so each gives way to the ones before it by what `line` already has.
    ['request.client_ip', takeAddress],
    ['request.remote_ip', takePeer],
    ['request.remote_addr', takePeerWithPort],
    ['request.method', takeMethod],
    ['request.uri', takePath],
    ['request.headers.User-Agent', takeAgent],
    ['request.headers.Referer', takeReferrer],
    ['request.headers.X-Forwarded-For', takeForwarded],
  ])
}

function takeStatus(bytes: Buffer, from: number, to: number, line: LogLine): boolean {
  line.status = readDigits(bytes, from, to)
  return line.status >= 0
}

function takeAddress(_bytes: Buffer, from: number, to: number, line: LogLine): boolean {
  line.addressStart = from
  line.addressEnd = to
  return true
}

/** Caddy writes the peer before the client, so the client's address takes its place. */
function takePeer(bytes: Buffer, from: number, to: number, line: LogLine): boolean {
  return line.addressEnd > line.addressStart || takeAddress(bytes, from, to, line)
}

function takePeerWithPort(bytes: Buffer, from: number, to: number, line: LogLine): boolean {
  return takePeer(bytes, from, withoutPort(bytes, from, to), line)
}

function takeMethod(_bytes: Buffer, from: number, to: number, line: LogLine): boolean {
  line.methodStart = from
  line.methodEnd = to
  return true
}

function takePath(bytes: Buffer, from: number, to: number, line: LogLine): boolean {
  const question = findByte(bytes, QUESTION, from, to)
  line.pathStart = from
  line.pathEnd = question < 0 ? to : question
  return true
}

function takeAgent(_bytes: Buffer, from: number, to: number, line: LogLine): boolean {
  line.agentStart = from
  line.agentEnd = to
  return true
}

function takeReferrer(_bytes: Buffer, from: number, to: number, line: LogLine): boolean {
  line.hasReferrer = to > from
  return true
}

function takeForwarded(_bytes: Buffer, from: number, to: number, line: LogLine): boolean {
  line.forwardedStart = from
  line.forwardedEnd = to
  return true
}

function clear(line: LogLine, start: number): void {
  line.second = -1
  line.milli = 0
  line.zoneMinutes = 0
  line.status = 0
  line.addressStart = start
  line.addressEnd = start
  line.methodStart = start
  line.methodEnd = start
  line.pathStart = start
  line.pathEnd = start
  line.hasReferrer = false
  line.hasAgent = true
  line.agentStart = start
  line.agentEnd = start
  line.forwardedStart = start
  line.forwardedEnd = start
}

type TimeReader = ReturnType<typeof createIsoTimeReader>

function readTime(bytes: Buffer, from: number, to: number, line: LogLine, readIso: TimeReader): boolean {
  // The hyphen behind the year of 2025-05-17T10:05:03.123Z.
  if (bytes[from + 4] === 45) return readTextTime(bytes, from, to, line, readIso)
  const dot = findByte(bytes, 46, from, to)
  const second = readSecond(bytes, from, dot < 0 ? to : dot)
  line.second = second
  line.milli = dot < 0 ? 0 : fraction(bytes, dot + 1, to)
  return second >= 0
}

/** Reads RFC 3339, and the offset without its colon that Caddy writes. */
function readTextTime(bytes: Buffer, from: number, to: number, line: LogLine, readIso: TimeReader): boolean {
  if (!readIso(bytes, from, from + 11, to, line)) return false
  const zone = /([+-])(\d\d):?(\d\d)$/.exec(bytes.toString('latin1', Math.max(from + 19, to - 6), to))
  if (zone === null) return true
  line.zoneMinutes = (Number(zone[2]) * 60 + Number(zone[3])) * (zone[1] === '-' ? -1 : 1)
  line.second -= line.zoneMinutes * 60
  return true
}

/** A Unix time, or -1. Nine digits are the most that `readDigits` takes; a Unix time has ten. */
function readSecond(bytes: Buffer, from: number, to: number): number {
  if (to - from !== 9 && to - from !== 10) return -1
  const second = readDigits(bytes, from, to - 6) * 1_000_000 + readDigits(bytes, to - 6, to)
  return second >= FIRST_SECOND && second < LAST_SECOND ? second : -1
}

function fraction(bytes: Buffer, start: number, end: number): number {
  let milli = 0
  for (let index = 0; index < 3; index += 1) {
    const digit = start + index < end ? (bytes[start + index] ?? 48) - 48 : 0
    milli = milli * 10 + (digit >= 0 && digit <= 9 ? digit : 0)
  }
  return milli
}

function withoutPort(bytes: Buffer, start: number, end: number): number {
  for (let position = end - 1; position > start; position -= 1) {
    if (bytes[position] === COLON) return position
  }
  return end
}

/** Where a walk through an object stands. */
interface Place {
  /** The keys of the objects around, each followed by a dot. */
  prefix: string
  readonly outer: string[]
  /** The key whose value comes next; empty where none does. */
  key: string
}

/**
 * Builds the walk through one JSON object, which hands over the members that are read: the inside of a text, a number, the
 * first of a list. It checks no more of the grammar than it needs.
 *
 * @returns A function that is false where the object is not closed in the line, goes too deep, or has a member that cannot
 * be read.
 */
function createWalk(members: Members): (bytes: Buffer, start: number, end: number, line: LogLine) => boolean {
  const readKey = createKeyReader(members)
  const place: Place = { prefix: '', outer: [], key: '' }

  const take = (bytes: Buffer, from: number, to: number, line: LogLine): boolean => {
    if (place.key === '') return true
    const member = members.get(place.prefix + place.key)
    place.key = ''
    return member === undefined || member(bytes, from, to, line)
  }
  /** The place behind a text, or -1. */
  const passText = (bytes: Buffer, position: number, end: number, line: LogLine): number => {
    const close = closing(bytes, position + 1, end)
    if (close < 0) return -1
    if (bytes[close + 1] === COLON) place.key = readKey(bytes, position + 1, close)
    else if (!take(bytes, position + 1, close, line)) return -1
    return close + 1
  }
  /** The place behind a value that is no text, a bracket or a comma; -1 for what cannot be. */
  const passOther = (bytes: Buffer, position: number, end: number, line: LogLine): number => {
    switch (bytes[position]) {
      case OPEN_BRACE:
        return enter(place) ? position + 1 : -1
      case CLOSE_BRACE:
        leave(place)
        return position + 1
      case COMMA:
      case COLON:
      case OPEN_BRACKET:
      case CLOSE_BRACKET:
      case SPACE:
        return position + 1
      default: {
        const to = scalarEnd(bytes, position, end)
        return take(bytes, position, to, line) ? Math.max(to, position + 1) : -1
      }
    }
  }

  return (bytes, start, end, line) => {
    place.prefix = ''
    place.key = ''
    place.outer.length = 0
    let position = start
    while (position >= 0 && position < end) {
      const isText = bytes[position] === QUOTE
      position = isText ? passText(bytes, position, end, line) : passOther(bytes, position, end, line)
      if (place.outer.length === 0 && position >= 0) return true
    }
    return false
  }
}

function enter(place: Place): boolean {
  if (place.outer.length >= DEEPEST) return false
  place.outer.push(place.prefix)
  if (place.key !== '') place.prefix = `${place.prefix}${place.key}.`
  place.key = ''
  return true
}

function leave(place: Place): void {
  place.prefix = place.outer.pop() ?? ''
  place.key = ''
}

/** Turns keys into texts; those that are read come in every line and are kept. */
function createKeyReader(members: Members): (bytes: Buffer, start: number, end: number) => string {
  const words = [...new Set([...members.keys()].flatMap((member) => member.split('.')))]
  const known = words.map((text) => ({ text, bytes: Buffer.from(text, 'latin1') }))
  return (bytes, start, end) => {
    for (const key of known) {
      if (key.bytes.length === end - start && isSame(key.bytes, bytes, start)) return key.text
    }
    // What is no such key matters only for the objects inside it.
    return '?'
  }
}

function isSame(key: Buffer, bytes: Buffer, start: number): boolean {
  for (let index = 0; index < key.length; index += 1) {
    if (key[index] !== bytes[start + index]) return false
  }
  return true
}

function closing(bytes: Buffer, start: number, end: number): number {
  let quote = bytes.indexOf(QUOTE, start)
  while (quote >= start && quote < end) {
    if (!isEscaped(bytes, start, quote)) return quote
    quote = bytes.indexOf(QUOTE, quote + 1)
  }
  return -1
}

/** Whether an odd number of backslashes stands before a place. */
function isEscaped(bytes: Buffer, start: number, place: number): boolean {
  let before = place - 1
  while (before >= start && bytes[before] === BACKSLASH) before -= 1
  return (place - before) % 2 === 0
}

function scalarEnd(bytes: Buffer, start: number, end: number): number {
  let position = start
  while (position < end) {
    const byte = bytes[position]
    if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET) break
    position += 1
  }
  return position
}
