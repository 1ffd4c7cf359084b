/** What stands in a line instead of a value that a log must not hold. */
export const CENSORED = '[redacted]'

/**
 * Names of members that hold personal data or a secret. Case, hyphens and underscores do not count, and a longer name
 * that ends with one of `REDACTED_ENDINGS` is one of them too: `contactEmail`, `x-api-key`, `client_secret`.
 */
export const redactedNames = [
  'authorization',
  'proxyAuthorization',
  'cookie',
  'setCookie',
  'set-cookie',
  'headers',
  'rawHeaders',
  'body',
  'rawBody',
  'payload',
  'data',
  'answers',
  'params',
  'parameters',
  'values',
  'query',
  'querystring',
  'search',
  'url',
  'originalUrl',
  'referer',
  'email',
  'mail',
  'message',
  'subject',
  'name',
  'firstName',
  'lastName',
  'fullName',
  'displayName',
  'phone',
  'telephone',
  'tel',
  'mobile',
  'iban',
  'honeypot',
  'ip',
  'remoteAddress',
  'remotePort',
  'userAgent',
  'user-agent',
  'renderToken',
  'token',
  'idempotencyKey',
  'idempotency-key',
  'apiKey',
  'x-api-key',
  'password',
  'passwd',
  'secret',
  'secretKey',
  'passwordPeppers',
  'otp',
  'detail',
  'where',
  'connectionString',
  'databaseUrl',
  'redisUrl',
] as const

const REDACTED_ENDINGS = /(?:authorization|cookie|email|phone|token|apikey|password|secret|useragent)$/
const REDACTED = new Set<string>(redactedNames.map(plainName))

/** Names judged already. Code has some hundred of them; a bound keeps data used as names from piling up. */
const judged = new Map<string, boolean>()

function isRedacted(name: string): boolean {
  let verdict = judged.get(name)
  if (verdict === undefined) {
    const plain = plainName(name)
    verdict = REDACTED.has(plain) || REDACTED_ENDINGS.test(plain)
    if (judged.size >= 2000) judged.clear()
    judged.set(name, verdict)
  }
  return verdict
}

function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '')
}

const MAX_DEPTH = 4
const MAX_ITEMS = 50
const MAX_TEXT = 2000

/** Errors written by `errorForLog`, which keep their `message` because it is scrubbed. */
const written = new WeakSet<object>()

/** A log call's object, safe to write. `req` and `res` are reduced to what their serializers keep. */
export function cleanRecord(record: Record<string, unknown>): Record<string, unknown> {
  return cleanMembers(record, 0)
}

/** A copy of any value that is safe to write. */
export function cleanValue(value: unknown): unknown {
  return clean(value, 0)
}

function clean(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return scrubText(value)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null || written.has(value)) return value
  if (value instanceof Error) return errorForLog(value)
  return depth >= MAX_DEPTH ? '[deep]' : cleanObject(value, depth + 1)
}

function cleanObject(value: object, depth: number): unknown {
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => clean(item, depth))
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  const prototype: unknown = Object.getPrototypeOf(value)
  // A request, a client or a pool would print its headers, its password and half of the heap.
  if (prototype !== Object.prototype && prototype !== null) return `[${value.constructor.name}]`
  return cleanMembers(value as Record<string, unknown>, depth)
}

function cleanMembers(record: Record<string, unknown>, depth: number): Record<string, unknown> {
  const cleaned: Record<string, unknown> = {}
  for (const name of Object.keys(record).slice(0, MAX_ITEMS)) {
    const value = record[name]
    if (value !== undefined) cleaned[name] = cleanMember(name, value, depth)
  }
  return cleaned
}

function cleanMember(name: string, value: unknown, depth: number): unknown {
  if (depth === 0 && name === 'req') return requestForLog(value)
  if (depth === 0 && name === 'res') return replyForLog(value)
  if (name === 'kid' && typeof value === 'string' && THUMBPRINT.test(value)) return value
  return isRedacted(name) ? CENSORED : clean(value, depth)
}

/**
 * The name of a signing key, which everybody may read with the key itself (RFC 7638 §3): told from a secret of the same form
 * by the name of its member.
 */
const THUMBPRINT = /^[\w-]{43}$/

/** Method and route pattern of a Fastify request, and nothing else of it. */
export function requestForLog(request: unknown): { readonly method: unknown; readonly route: unknown } {
  const { method, routeOptions, route } = (request ?? {}) as Record<string, unknown>
  return { method, route: route ?? (routeOptions as { readonly url?: unknown } | undefined)?.url ?? 'unmatched' }
}

/** Status of a Fastify reply, and nothing else of it. */
export function replyForLog(reply: unknown): { readonly status: unknown } {
  const { statusCode, status } = (reply ?? {}) as Record<string, unknown>
  return { status: statusCode ?? (typeof status === 'number' ? status : undefined) }
}

/** What a log keeps of an error. */
interface LoggedError {
  /** The error's name, or its class when the name says nothing. */
  readonly type: string
  readonly message: string
  /** Frames only, at most 30. */
  readonly stack: string
  readonly code?: unknown
  readonly cause?: LoggedError
  readonly errors?: readonly LoggedError[]
}

/** Members of system and PostgreSQL errors that name code and schema. `detail`, `where`, `hint` and `parameters` quote rows. */
const ERROR_MEMBERS = [
  'code',
  'statusCode',
  'syscall',
  'severity',
  'schema',
  'table',
  'column',
  'constraint',
  'routine',
]

/** An error without the data it speaks of: its kind, its scrubbed message, its frames, and its causes three deep. */
function errorForLog(error: Error, depth = 0): LoggedError {
  const logged: Record<string, unknown> = {
    type: error.name === 'Error' ? error.constructor.name : error.name,
    message: errorMessage(error),
    stack: frames(error.stack),
  }
  for (const name of ERROR_MEMBERS) {
    const value: unknown = Reflect.get(error, name)
    if (typeof value === 'string' || typeof value === 'number') logged[name] = value
  }
  if (depth < 3) {
    if (error.cause instanceof Error) logged['cause'] = errorForLog(error.cause, depth + 1)
    if (error instanceof AggregateError) {
      const errors = error.errors.filter((each) => each instanceof Error).slice(0, 5)
      logged['errors'] = errors.map((each) => errorForLog(each, depth + 1))
    }
  }
  written.add(logged)
  return logged as unknown as LoggedError
}

/** An error's message, without what PostgreSQL's data exceptions and the JSON parser quote of the data. */
export function errorMessage(error: Error): string {
  const code: unknown = Reflect.get(error, 'code')
  const quotesData = error instanceof SyntaxError || (typeof code === 'string' && /^22[0-9A-Z]{3}$/.test(code))
  return scrubText(quotesData ? withoutQuoted(error.message) : error.message)
}

function withoutQuoted(text: string): string {
  const first = text.search(/["']/)
  if (first === -1) return text
  const last = Math.max(text.lastIndexOf('"'), text.lastIndexOf("'"))
  return `${text.slice(0, first)}${CENSORED}${text.slice(last + 1)}`
}

function frames(stack: string | undefined): string {
  const lines = (stack ?? '').split('\n').filter((line) => /^ {4}at /.test(line))
  return lines.slice(0, 30).join('\n')
}

/**
 * A text without the addresses, credentials, query strings and opaque tokens in it, cut at 2,000 characters. UUIDs and
 * names without a digit stay: they are the product's own.
 */
export function scrubText(text: string): string {
  if (text.length <= MAX_TEXT && !MAY_NEED_SCRUBBING.test(text)) return text
  const bounded = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text
  return bounded
    .replaceAll(/[^\s"'<>()@]{1,256}@[^\s"'<>()@]{1,256}/g, '[address]')
    .replaceAll(/\?[^\s"'?=]{1,256}=[^\s"']*/g, '?[query]')
    .replaceAll(/\b(bearer|basic) +[\w.~+/=-]+/gi, '$1 [token]')
    .replaceAll(/[\w-]{32,}/g, (word) => (/\d/.test(word) && !UUID.test(word) ? '[token]' : word))
}

/** The first sign of anything that `scrubText` takes out. */
const MAY_NEED_SCRUBBING = /[@?]|bearer|basic|[\w-]{32}/i
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
