import { type Logger, symbols } from 'pino'
import type { LogFields, RequestLine } from '../logging/logging.ts'

/** Writes the one line of a request. */
export type RequestLog = (line: RequestLine) => void

/** The longest text a line takes from one field. */
const longest = 256

/**
 * Writes request lines beside a logger's other lines, in the same form and to the same place: `info`, or `warn` and
 * "slow request" from `slowMs` on. The logger cleans whatever it is given; a request line has a closed list of fields
 * that hold nothing a visitor typed, so it is built at a fraction of the cost.
 */
export function createRequestLog(log: Logger, slowMs: number): RequestLog {
  // pino documents the symbol; its type for the instance leaves the member out.
  const stream = Reflect.get(log, symbols.streamSym) as { write(line: string): void }
  // Of several processes behind one port, which one: a number of ours, as the logger's other lines have it.
  const { worker } = log.bindings()
  const place = typeof worker === 'number' ? `,"worker":${worker}` : ''
  return (line) => {
    const isSlow = line.durationMs >= slowMs
    if (!log.isLevelEnabled(isSlow ? 'warn' : 'info')) return
    stream.write(formatRequestLine(line, isSlow, place))
  }
}

// Ids, traces and prefixes are of our own alphabets, and the caller's request id was held to one: they need no quoting.
function formatRequestLine(line: RequestLine, isSlow: boolean, place: string): string {
  const { tenantId, actorId } = line
  const head = `{"level":"${isSlow ? 'warn' : 'info'}","time":"${isoNow()}"${place},"requestId":"${line.requestId}"`
  const what = `,"method":"${line.method}","route":"${line.route}","status":${line.status},"durationMs":${line.durationMs}`
  const who = `,"fpPrefix":"${line.fpPrefix}"${tenantId === undefined ? '' : `,"tenantId":"${tenantId}"`}`
  const actor = actorId === undefined ? '' : `,"actorId":"${actorId}"`
  const tail = `${rareMembers(line)},"msg":"${isSlow ? 'slow request' : 'request'}"}\n`
  return head + what + who + actor + tail
}

function rareMembers(line: RequestLine): string {
  if (line.traceId === undefined && line.clientIp === undefined && line.note === null) return ''
  let text = line.traceId === undefined ? '' : `,"traceId":"${line.traceId}"`
  if (line.clientIp !== undefined) text += `,"clientIp":${quoted(line.clientIp)}`
  for (const name of notes) {
    const value = line.note?.[name]
    if (value !== undefined) text += `,"${name}":${quoted(value)}`
  }
  return text
}

const notes = [
  'formSlug',
  'leadId',
  'messageId',
  'gateSlug',
  'registrationId',
  'fate',
  'reasonBlocked',
  'problem',
] as const satisfies readonly (keyof LogFields)[]

/** A JSON string that is one line and moves no cursor: what is not printable ASCII is written as an escape. */
function quoted(value: string): string {
  const text = value.length > longest ? value.slice(0, longest) : value
  return plain.test(text) ? `"${text}"` : JSON.stringify(text).replace(/[^\x20-\x7e]/g, escapeOf)
}

const plain = /^[\w/:.*~ +=-]*$/

const escapeOf = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`

let second = -1
let secondText = ''

/** RFC 3339 in UTC; the part down to the second is written once a second. */
function isoNow(): string {
  const nowMs = Date.now()
  const current = Math.floor(nowMs / 1_000)
  if (current !== second) {
    second = current
    secondText = new Date(current * 1_000).toISOString().slice(0, 20)
  }
  return `${secondText}${String(nowMs % 1_000).padStart(3, '0')}Z`
}
