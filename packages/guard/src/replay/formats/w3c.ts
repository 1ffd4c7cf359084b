import type { LineParser, LogLine, Parsed } from '../log-line.ts'
import { wordAt } from '../words.ts'
import { DASH, findByte, QUESTION, readStatus, SPACE } from './bytes.ts'
import { createFields, type Fields, splitFields } from './fields.ts'
import { createIsoTimeReader } from './time.ts'

const TAB = 9
const HASH = 35
const MOST_FIELDS = 128

/** The columns that are read, by their names in a `#Fields` line; a name may have several spellings. */
const columnNames: Readonly<Record<Column, readonly string[]>> = {
  date: ['date'],
  time: ['time'],
  address: ['c-ip'],
  method: ['cs-method'],
  path: ['cs-uri-stem'],
  status: ['sc-status'],
  referrer: ['cs(referer)'],
  agent: ['cs(user-agent)'],
  forwarded: ['x-forwarded-for', 'cs(x-forwarded-for)'],
}

type Column = 'date' | 'time' | 'address' | 'method' | 'path' | 'status' | 'referrer' | 'agent' | 'forwarded'
type Columns = Record<Column, number>

const required: readonly Column[] = ['date', 'time', 'address', 'method', 'path']

/**
 * Builds the parser of the W3C extended format: columns named by a `#Fields` line, which may come again and change.
 * CloudFront separates them by tabs, IIS by spaces. Times are in UTC.
 *
 * @see https://www.w3.org/TR/WD-logfile
 */
export function createW3cParser(): LineParser {
  const fields = createFields(MOST_FIELDS)
  const readTime = createIsoTimeReader()
  let columns: Columns | undefined

  return (bytes, start, end, line) => {
    if (bytes[start] === HASH) {
      columns = readDirective(bytes.toString('latin1', start, Math.min(end, start + 8_192))) ?? columns
      return 'aside'
    }
    if (columns === undefined) return 'shape'
    const separator = findByte(bytes, TAB, start, end) < 0 ? SPACE : TAB
    const count = splitFields(bytes, start, end, separator, false, fields)
    if (count <= Math.max(columns.date, columns.time, columns.address, columns.method, columns.path)) return 'shape'
    if (!readColumnTime(bytes, fields, columns, line, readTime)) return 'time'
    return readColumns(bytes, fields, count, columns, line)
  }
}

function readColumnTime(
  bytes: Buffer,
  { starts, ends }: Fields,
  at: Columns,
  line: LogLine,
  readTime: ReturnType<typeof createIsoTimeReader>,
): boolean {
  const dateStart = wordAt(starts, at.date)
  if (wordAt(ends, at.date) !== dateStart + 10) return false
  return readTime(bytes, dateStart, wordAt(starts, at.time), wordAt(ends, at.time), line)
}

/** The columns of a `#Fields` line; undefined for another directive, or where one is missing that is needed. */
function readDirective(text: string): Columns | undefined {
  const list = /^#Fields:\s*(.*)$/i.exec(text)?.[1]
  if (list === undefined) return undefined
  const names = list.trim().toLowerCase().split(/\s+/)
  const entries = Object.entries(columnNames).map(([column, spellings]) => [
    column,
    names.findIndex((name) => spellings.includes(name)),
  ])
  // The keys are those of `columnNames`.
  const columns = Object.fromEntries(entries) as Columns
  return required.every((column) => columns[column] >= 0) ? columns : undefined
}

function readColumns(bytes: Buffer, fields: Fields, count: number, at: Columns, line: LogLine): Parsed {
  const { starts, ends } = fields
  line.addressStart = wordAt(starts, at.address)
  line.addressEnd = wordAt(ends, at.address)
  line.methodStart = wordAt(starts, at.method)
  line.methodEnd = wordAt(ends, at.method)
  line.pathStart = wordAt(starts, at.path)
  const pathEnd = wordAt(ends, at.path)
  const question = findByte(bytes, QUESTION, line.pathStart, pathEnd)
  line.pathEnd = question < 0 ? pathEnd : question
  const has = (column: number): boolean => column >= 0 && column < count && isFilled(bytes, fields, column)
  line.status = has(at.status) ? readStatus(bytes, wordAt(starts, at.status), wordAt(ends, at.status)) : 0
  if (line.status < 0) return 'status'
  line.hasReferrer = has(at.referrer)
  line.hasAgent = at.agent >= 0
  line.agentStart = has(at.agent) ? wordAt(starts, at.agent) : 0
  line.agentEnd = has(at.agent) ? wordAt(ends, at.agent) : 0
  line.forwardedStart = has(at.forwarded) ? wordAt(starts, at.forwarded) : 0
  line.forwardedEnd = has(at.forwarded) ? wordAt(ends, at.forwarded) : 0
  return line.pathEnd > line.pathStart && has(at.method) ? 'line' : 'no-request'
}

function isFilled(bytes: Buffer, { starts, ends }: Fields, column: number): boolean {
  const start = wordAt(starts, column)
  const length = wordAt(ends, column) - start
  return length > 1 || (length === 1 && bytes[start] !== DASH)
}
