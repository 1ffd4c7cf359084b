import { type Logger, symbols } from 'pino'
import type { RequestLine } from './logging.ts'

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
  return (line) => {
    const isSlow = line.durationMs >= slowMs
    if (!log.isLevelEnabled(isSlow ? 'warn' : 'info')) return
    stream.write(formatRequestLine(line, isSlow))
  }
}

function formatRequestLine(line: RequestLine, isSlow: boolean): string {
  let text = `{"level":"${isSlow ? 'warn' : 'info'}","time":"${isoNow()}"`
  for (const name of fields) {
    const value = line[name]
    if (value !== undefined) text += `,"${name}":${typeof value === 'number' ? value : quoted(value)}`
  }
  return `${text},"msg":"${isSlow ? 'slow request' : 'request'}"}\n`
}

const fields = [
  'requestId',
  'traceId',
  'spanId',
  'method',
  'route',
  'status',
  'durationMs',
  'fpPrefix',
  'tenantId',
  'actorId',
  'clientIp',
  'formSlug',
  'leadId',
  'messageId',
  'fate',
  'reasonBlocked',
  'problem',
  'policy',
  'rule',
  'responseBytes',
] as const satisfies readonly (keyof RequestLine)[]

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
