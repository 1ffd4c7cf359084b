import type { LineParser, LogLine, Parsed } from '../log-line.ts'
import { DASH, findByte, QUESTION, readStatus, SPACE } from './bytes.ts'
import { createFields, type Fields, splitFields } from './fields.ts'
import { COMMON_TIME_LENGTH, createCommonTimeReader, createIsoTimeReader } from './time.ts'

const COLON = 58

/**
 * Builds the parser of the access logs of an application load balancer: the address with its port in the fourth field,
 * the request in the thirteenth, the User-Agent in the fourteenth.
 *
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
 */
export function createAlbParser(): LineParser {
  const fields = createFields(14)
  const readTime = createIsoTimeReader()

  return (bytes, start, end, line) => {
    if (splitFields(bytes, start, end, SPACE, true, fields) < 14) return 'shape'
    const at = fields.starts[1] ?? 0
    if (!readTime(bytes, at, at + 11, fields.ends[1] ?? 0, line)) return 'time'
    line.addressStart = fields.starts[3] ?? 0
    line.addressEnd = withoutPort(bytes, line.addressStart, fields.ends[3] ?? 0)
    return readTexts(bytes, fields, { status: 8, request: 12, referrer: -1, agent: 13 }, line)
  }
}

/**
 * Builds the parser of S3's server access logs.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html
 */
export function createS3Parser(): LineParser {
  const fields = createFields(17)
  const readTime = createCommonTimeReader()

  return (bytes, start, end, line, view) => {
    if (splitFields(bytes, start, end, SPACE, true, fields) < 17) return 'shape'
    const at = fields.starts[2] ?? 0
    if ((fields.ends[2] ?? 0) !== at + COMMON_TIME_LENGTH || !readTime(bytes, view, at, line)) return 'time'
    line.addressStart = fields.starts[3] ?? 0
    line.addressEnd = fields.ends[3] ?? 0
    return readTexts(bytes, fields, { status: 9, request: 8, referrer: 15, agent: 16 }, line)
  }
}

interface Places {
  readonly status: number
  readonly request: number
  readonly referrer: number
  readonly agent: number
}

function readTexts(bytes: Buffer, { starts, ends }: Fields, at: Places, line: LogLine): Parsed {
  line.status = readStatus(bytes, starts[at.status] ?? 0, ends[at.status] ?? 0)
  if (line.status < 0) return 'status'
  const agentStart = starts[at.agent] ?? 0
  const agentEnd = ends[at.agent] ?? 0
  line.hasAgent = true
  line.agentStart = agentStart
  line.agentEnd = isFilled(bytes, agentStart, agentEnd) ? agentEnd : agentStart
  line.hasReferrer = at.referrer >= 0 && isFilled(bytes, starts[at.referrer] ?? 0, ends[at.referrer] ?? 0)
  line.forwardedStart = 0
  line.forwardedEnd = 0
  return readRequest(bytes, starts[at.request] ?? 0, ends[at.request] ?? 0, line) ? 'line' : 'no-request'
}

/** Reads `GET https://host:443/path?query HTTP/1.1`. */
function readRequest(bytes: Buffer, start: number, end: number, line: LogLine): boolean {
  const methodEnd = findByte(bytes, SPACE, start, end)
  line.methodStart = start
  line.methodEnd = Math.max(methodEnd, start)
  line.pathStart = end
  line.pathEnd = end
  if (methodEnd < 0 || !isFilled(bytes, start, methodEnd)) return false
  const space = findByte(bytes, SPACE, methodEnd + 1, end)
  const targetEnd = space < 0 ? end : space
  const question = findByte(bytes, QUESTION, methodEnd + 1, targetEnd)
  line.pathStart = methodEnd + 1
  line.pathEnd = question < 0 ? targetEnd : question
  return line.pathEnd > line.pathStart
}

function isFilled(bytes: Buffer, start: number, end: number): boolean {
  return end > start && !(end === start + 1 && bytes[start] === DASH)
}

/** Where an address ends that a port stands behind; an IPv6 one stands in brackets or has its port last. */
function withoutPort(bytes: Buffer, start: number, end: number): number {
  for (let position = end - 1; position > start; position -= 1) {
    if (bytes[position] === COLON) return position
  }
  return end
}
