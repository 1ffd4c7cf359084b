import { createRequire } from 'node:module'
import { isIPv4, isIPv6 } from 'node:net'
import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino'
import { logDestination } from './destination.ts'
import {
  CENSORED,
  cleanRecord,
  cleanValue,
  errorMessage,
  redactedNames,
  replyForLog,
  requestForLog,
  scrubText,
} from './privacy.ts'

/** What a route may add to the line of its request: ids, slugs and codes of the product's own, nothing a visitor typed. */
export interface LogFields {
  readonly formSlug?: string
  readonly leadId?: string
  readonly messageId?: string
  readonly gateSlug?: string
  readonly registrationId?: string
  /** What became of a submission that was answered 201. */
  readonly fate?: 'stored' | 'dropped' | 'replayed'
  /** Why a request was refused or a submission dropped. */
  readonly reasonBlocked?: string
  /** The code of the problem that was answered. */
  readonly problem?: string
}

/** What one line says of one request. */
export interface RequestLine {
  /** As `requestId` gives it. */
  readonly requestId: string
  readonly method: string
  /** The route's pattern, never the path; `unmatched` when no route matched. */
  readonly route: string
  readonly status: number
  readonly durationMs: number
  /** First 8 hexadecimal digits of the client's fingerprint. */
  readonly fpPrefix: string
  /** The tenant the call was for; of one that was refused before that was clear, the tenant of who made it. */
  readonly tenantId: string | undefined
  /** Of the key or the person whose credential it was, let in or not; also of one that has ended, where it was theirs. */
  readonly actorId: string | undefined
  readonly traceId: string | undefined
  /** As `clientIpForLog` gives it. */
  readonly clientIp: string | undefined
  readonly note: LogFields | null
}

/** How much of a client's address a log line holds. */
export type ClientIpMode = 'none' | 'truncated' | 'full'

/**
 * The server's log: one JSON object per line, safe to keep. Members that name personal data or a secret are replaced by
 * `[redacted]` at any depth, errors lose what a database or a parser quotes of the data, objects of a class are named and
 * not dumped, and no value can start a line of its own or move a terminal's cursor.
 *
 * @param options.destination - Where lines go; standard output when absent, written without blocking and within a tenth of a second.
 * @param options.pretty - Ask for lines made for people: only on a terminal, and only where pino-pretty is installed.
 */
export function createLogger(options: {
  readonly level: string
  readonly destination?: DestinationStream | undefined
  readonly pretty?: boolean | undefined
}): Logger {
  const wantsPretty = options.pretty === true && options.destination === undefined && process.stdout.isTTY
  const people = wantsPretty ? prettyStream() : undefined
  const lines = options.destination ?? people ?? logDestination()
  return pino(loggerOptions(options.level, people !== undefined), lines)
}

/**
 * A client's address as a log may hold it: nothing, its network (IPv4 /24, IPv6 /48, which one household or company
 * shares) or all of it. Undefined too for what is no address.
 */
export function clientIpForLog(mode: ClientIpMode, address: string): string | undefined {
  if (mode === 'none') return undefined
  const plain = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
  if (isIPv4(plain)) return mode === 'full' ? plain : `${plain.slice(0, plain.lastIndexOf('.'))}.0`
  if (!isIPv6(plain) || plain.includes('%')) return undefined
  const canonical = new URL(`http://[${plain}]`).hostname.slice(1, -1)
  return mode === 'full' ? canonical : networkOf(canonical)
}

/** The first three groups of a canonical IPv6 address. */
function networkOf(canonical: string): string {
  const [head = '', tail] = canonical.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...left, ...new Array<string>(8 - left.length - right.length).fill('0'), ...right]
  return new URL(`http://[${groups.slice(0, 3).join(':')}::]`).hostname.slice(1, -1)
}

function loggerOptions(level: string, isForPeople: boolean): LoggerOptions {
  return {
    level,
    base: null,
    timestamp: isoTime,
    formatters: { level: (label) => ({ level: label }), log: cleanRecord },
    // A child's bindings go through these only, so the first level is covered here as well.
    serializers: {
      ...Object.fromEntries(redactedNames.map((name) => [name, () => CENSORED])),
      err: cleanValue,
      req: requestForLog,
      res: replyForLog,
      msg: (text: unknown) => (typeof text === 'string' ? messageText(text, isForPeople) : text),
    },
    hooks: {
      // Left alone, a log call without a text takes the error's own message, with all that it quotes.
      logMethod(args, method) {
        const error = args.length === 1 ? errorOf(args[0]) : undefined
        if (error === undefined) method.apply(this, args)
        else method.apply(this, [args[0], errorMessage(error)])
      },
      streamWrite: isForPeople ? escapeForTerminal : escapeLine,
    },
  }
}

let second = 0
let secondText = ''

/** RFC 3339 in UTC; the part down to the second is written once a second. */
function isoTime(): string {
  const nowMs = Date.now()
  const current = Math.floor(nowMs / 1000)
  if (current !== second) {
    second = current
    secondText = `,"time":"${new Date(current * 1000).toISOString().slice(0, 20)}`
  }
  return `${secondText}${String(nowMs % 1000).padStart(3, '0')}Z"`
}

/** A printer for people shows the line ends of a text as they are, so there they become spaces. */
function messageText(text: string, isForPeople: boolean): string {
  const scrubbed = scrubText(text)
  return isForPeople ? scrubbed.replaceAll(/[\r\n]+/g, ' ') : scrubbed
}

function errorOf(first: unknown): Error | undefined {
  if (first instanceof Error) return first
  const member: unknown = typeof first === 'object' && first !== null ? Reflect.get(first, 'err') : undefined
  return member instanceof Error ? member : undefined
}

/**
 * Characters that JSON leaves as they are and that a terminal or an editor obeys: U+007F, the C1 controls, the Unicode
 * line ends and the marks that reverse the order of text.
 */
const OBEYED = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

/** The same JSON with those characters written as escapes. But for U+007F none is ASCII, and most lines are. */
function escapeLine(line: string): string {
  const isPlain = Buffer.byteLength(line) === line.length && !line.includes('\u007f')
  return isPlain ? line : line.replaceAll(OBEYED, unicodeEscape)
}

/**
 * A printer for people undoes JSON's escapes, so those that a terminal obeys are doubled first. Line ends stay: only a stack
 * has them.
 */
function escapeForTerminal(line: string): string {
  return line
    .replaceAll(OBEYED, (character) => `\\${unicodeEscape(character)}`)
    .replaceAll(/\\(?:\\|u00[01][0-9a-f]|[bfr])/g, (written) => (written === '\\\\' ? written : `\\${written}`))
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** Absent where pino-pretty is not installed, as in production: plain lines do. */
function prettyStream(): DestinationStream | undefined {
  try {
    const require = createRequire(import.meta.url)
    const pretty: (options: object) => DestinationStream = require('pino-pretty')
    return pretty({ colorize: true, translateTime: 'HH:MM:ss', singleLine: true })
  } catch {
    return undefined
  }
}
