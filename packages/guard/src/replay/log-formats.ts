import { parseClientAddress } from '../client-address.ts'
import { createAlbParser, createS3Parser } from './formats/amazon.ts'
import { createCaddyParser } from './formats/caddy.ts'
import { createCommonParser } from './formats/common.ts'
import { createW3cParser } from './formats/w3c.ts'
import { createLogLine, type LineParser, type LogFormatName } from './log-line.ts'

/** How the texts of a format write a byte that they cannot hold as it is. */
export type Escapes = 'backslash' | 'json' | 'percent'

/** A format of log. */
export interface LogFormat {
  readonly name: LogFormatName
  readonly escapes: Escapes
  readonly createParser: () => LineParser
}

/** The formats that are read, the likeliest first. */
const formats: readonly LogFormat[] = [
  { name: 'combined', escapes: 'backslash', createParser: () => createCommonParser(false) },
  { name: 'vhost', escapes: 'backslash', createParser: () => createCommonParser(true) },
  { name: 'caddy', escapes: 'json', createParser: createCaddyParser },
  { name: 'w3c', escapes: 'percent', createParser: createW3cParser },
  { name: 'alb', escapes: 'backslash', createParser: createAlbParser },
  { name: 's3', escapes: 'backslash', createParser: createS3Parser },
]

/** The names a format can be asked for by; `common` is read as `combined`, which may lack its last two fields. */
export const logFormatNames: readonly LogFormatName[] = formats.map(({ name }) => name)

/** The format of a name. */
export function formatOf(name: LogFormatName): LogFormat {
  const format = formats.find((each) => each.name === name)
  if (format === undefined) throw new RangeError(`There is no log format "${name}"`)
  return format
}

/**
 * The format in which most of a log's first lines can be read.
 *
 * @param sample - The beginning of the log; a last line without its end is passed over unless it is the only one.
 * @returns Undefined where no line is a line of any format with an address in it.
 */
export function detectFormat(sample: Buffer): LogFormat | undefined {
  const lines = splitLines(sample)
  let best: LogFormat | undefined
  let bestCount = 0
  for (const format of formats) {
    const count = countLines(format, sample, lines)
    if (count > bestCount) {
      best = format
      bestCount = count
    }
  }
  return best
}

/** The time of the first line of a log that can be read, in Unix seconds; undefined where none can. */
export function readFirstSecond(sample: Buffer): number | undefined {
  const parse = detectFormat(sample)?.createParser()
  if (parse === undefined) return undefined
  const line = createLogLine()
  const view = viewOf(sample)
  const first = splitLines(sample).find(([start, end]) => parse(sample, start, end, line, view) === 'line')
  return first === undefined ? undefined : line.second
}

const viewOf = ({ buffer, byteOffset, length }: Buffer): DataView => new DataView(buffer, byteOffset, length)

function splitLines(sample: Buffer): readonly (readonly [start: number, end: number])[] {
  const lines: [number, number][] = []
  let start = 0
  while (start < sample.length && lines.length < 256) {
    const newline = sample.indexOf(10, start)
    if (newline < 0 && lines.length > 0) break
    const end = newline < 0 ? sample.length : newline
    const last = end > start && sample[end - 1] === 13 ? end - 1 : end
    if (last > start) lines.push([start, last])
    start = end + 1
  }
  return lines
}

function countLines(
  { createParser }: LogFormat,
  sample: Buffer,
  lines: readonly (readonly [start: number, end: number])[],
): number {
  const parse = createParser()
  const line = createLogLine()
  const view = viewOf(sample)
  let count = 0
  for (const [start, end] of lines) {
    if (parse(sample, start, end, line, view) !== 'line') continue
    if (line.addressEnd - line.addressStart > 64) continue
    if (parseClientAddress(sample.toString('latin1', line.addressStart, line.addressEnd)) !== undefined) count += 1
  }
  return count
}

/** Turns a text of a log into what was meant: UTF-8, its escapes undone. Never throws. */
export function decodeText(bytes: Buffer, start: number, end: number, escapes: Escapes): string {
  const text = bytes.toString('utf8', start, end)
  switch (escapes) {
    case 'backslash':
      return text.includes('\\') ? decodeBackslashes(bytes.toString('latin1', start, end)) : text
    case 'json':
      return text.includes('\\') ? decodeJson(text) : text
    case 'percent':
      return decodePercent(text)
  }
}

/** Undoes `\xHH`, `\"`, `\\`, `\t` and the like; the bytes are UTF-8 once they are undone. */
function decodeBackslashes(latin1: string): string {
  const undone = latin1.replace(
    /\\(?:x([\da-fA-F]{2})|(.))/g,
    (_, hex: string | undefined, other: string | undefined) =>
      hex === undefined ? (controls[other ?? ''] ?? other ?? '') : String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return Buffer.from(undone, 'latin1').toString('utf8')
}

const controls: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', v: '\v', b: '\b', f: '\f' }

function decodeJson(text: string): string {
  try {
    const value: unknown = JSON.parse(`"${text}"`)
    return typeof value === 'string' ? value : text
  } catch {
    return text
  }
}

function decodePercent(text: string): string {
  // CloudFront encodes spaces; IIS writes a plus for each.
  if (!text.includes('%')) return text.replaceAll('+', ' ')
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
