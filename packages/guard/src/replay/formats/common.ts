import type { LineParser, LogLine, Parsed } from '../log-line.ts'
import { BACKSLASH, closingQuote, DASH, findByte, QUESTION, QUOTE, readStatus, SPACE } from './bytes.ts'
import { COMMON_TIME_LENGTH, createCommonTimeReader } from './time.ts'

const OPEN_BRACKET = 91
const CLOSE_BRACKET = 93

/**
 * Builds the parser of the NCSA family: Apache's common, combined and virtual-host formats, and nginx's own, which has
 * the same fields. What stands behind the User-Agent (nginx's `$request_time` and the like) is passed over, but for one
 * more quoted text, which in nginx's `main` format is `X-Forwarded-For`.
 *
 * @param withVirtualHost - Whether the host and its port come first, as in Apache's `vhost_combined`.
 * @see https://httpd.apache.org/docs/2.4/mod/mod_log_config.html for the fields and their escapes.
 */
export function createCommonParser(withVirtualHost: boolean): LineParser {
  const readTime = createCommonTimeReader()

  return (bytes, start, end, line, view) => {
    const addressEnd = findByte(bytes, SPACE, start, end)
    if (addressEnd <= start) return 'shape'
    line.addressStart = start
    line.addressEnd = addressEnd
    const open = findTime(bytes, addressEnd, end)
    if (open < 0 || !readTime(bytes, view, open + 1, line)) return 'time'
    if (withVirtualHost && !skipVirtualHost(bytes, open, line)) return 'address'
    const requestStart = open + COMMON_TIME_LENGTH + 4
    if (bytes[requestStart - 2] !== SPACE || bytes[requestStart - 1] !== QUOTE) return 'shape'
    return readRest(bytes, view, requestStart, end, line)
  }
}

/** The bracket that a time stands behind, or -1: a user's name may hold spaces and brackets. */
function findTime(bytes: Buffer, start: number, end: number): number {
  let open = findByte(bytes, OPEN_BRACKET, start, end)
  while (open >= 0 && !isTime(bytes, open, end)) open = findByte(bytes, OPEN_BRACKET, open + 1, end)
  return open
}

/** Whether a date stands behind the bracket and a bracket behind the date. */
function isTime(bytes: Buffer, open: number, end: number): boolean {
  const close = open + COMMON_TIME_LENGTH + 1
  return close < end && bytes[close] === CLOSE_BRACKET && bytes[open + 3] === 47 && bytes[open + 7] === 47
}

/** Takes the second field for the address. */
function skipVirtualHost(bytes: Buffer, open: number, line: LogLine): boolean {
  const next = findByte(bytes, SPACE, line.addressEnd + 1, open)
  if (next < 0) return false
  line.addressStart = line.addressEnd + 1
  line.addressEnd = next
  return true
}

function readRest(bytes: Buffer, view: DataView, requestStart: number, end: number, line: LogLine): Parsed {
  const requestEnd = readRequest(bytes, view, requestStart, end, line)
  if (requestEnd < 0) return 'request'
  const statusStart = requestEnd + 2
  const statusEnd = findByte(bytes, SPACE, statusStart, end)
  line.status = readStatus(bytes, statusStart, statusEnd < 0 ? end : statusEnd)
  if (line.status < 0) return 'status'
  readTexts(bytes, view, statusEnd < 0 ? end : statusEnd + 1, end, line)
  return line.methodEnd > line.methodStart ? 'line' : 'no-request'
}

/**
 * Reads `GET /path?query HTTP/1.1"`; the place of the closing quote, or -1 where there is none. What is no request (a
 * TLS greeting sent in clear, an empty connection) leaves an empty method.
 */
function readRequest(bytes: Buffer, view: DataView, start: number, end: number, line: LogLine): number {
  let position = start
  while (position < end && isUpper(bytes[position])) position += 1
  line.methodStart = start
  line.methodEnd = bytes[position] === SPACE ? position : start
  line.pathStart = position + 1
  line.pathEnd = position + 1
  if (line.methodEnd === start) return closingQuote(bytes, view, start, end)

  position = pathEnd(bytes, position + 1, end)
  line.pathEnd = position
  // ` HTTP/1.1"` and ` HTTP/2.0"` close nine bytes on; a query or a space in the path makes it a search.
  if (bytes[position] === SPACE && bytes[position + 1] === 72 && bytes[position + 9] === QUOTE) return position + 9
  return closingQuote(bytes, view, position, end)
}

function pathEnd(bytes: Buffer, start: number, end: number): number {
  let position = start
  while (position < end) {
    const byte = bytes[position] ?? SPACE
    position += 1
    if (isPathStop[byte] === 0) continue
    if (byte !== BACKSLASH) return position - 1
    position += 1
  }
  return end
}

/** What a path may end at, and what may hide it. */
const isPathStop = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte === SPACE || byte === QUESTION || byte === QUOTE || byte === BACKSLASH ? 1 : 0,
)

/** Methods are read in capitals, hyphens and underscores left out: that is every one there is in use. */
function isUpper(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 65 && byte <= 90
}

/** Reads the size, then the referrer, the User-Agent and perhaps the forwarded address, each in quotes. */
function readTexts(bytes: Buffer, view: DataView, start: number, end: number, line: LogLine): void {
  line.hasReferrer = false
  line.hasAgent = false
  line.agentStart = end
  line.agentEnd = end
  line.forwardedStart = end
  line.forwardedEnd = end
  const referrer = nextText(bytes, start, end)
  if (referrer < 0) return
  const isDash = bytes[referrer] === DASH && bytes[referrer + 1] === QUOTE
  const referrerEnd = isDash ? referrer + 1 : closingQuote(bytes, view, referrer, end)
  if (referrerEnd < 0) return
  line.hasReferrer = !isEmptyText(bytes, referrer, referrerEnd)

  const agent = nextText(bytes, referrerEnd + 1, end)
  if (agent < 0) return
  const closed = closingQuote(bytes, view, agent, end)
  // A line cut off by its logger still tells most of its User-Agent.
  const agentEnd = closed < 0 ? end : closed
  line.hasAgent = true
  line.agentStart = agent
  line.agentEnd = isEmptyText(bytes, agent, agentEnd) ? agent : agentEnd
  if (agentEnd + 1 < end) readForwarded(bytes, view, agentEnd + 1, end, line)
}

function readForwarded(bytes: Buffer, view: DataView, start: number, end: number, line: LogLine): void {
  const forwarded = nextText(bytes, start, end)
  if (forwarded < 0 || forwarded !== start + 2) return
  const closed = closingQuote(bytes, view, forwarded, end)
  if (closed < 0 || isEmptyText(bytes, forwarded, closed)) return
  line.forwardedStart = forwarded
  line.forwardedEnd = closed
}

/** The place behind the next quote, or -1. */
function nextText(bytes: Buffer, start: number, end: number): number {
  const quote = findByte(bytes, QUOTE, start, end)
  return quote < 0 ? -1 : quote + 1
}

function isEmptyText(bytes: Buffer, start: number, end: number): boolean {
  return end === start || (end === start + 1 && bytes[start] === DASH)
}
