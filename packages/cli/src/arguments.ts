import { type Command, InvalidArgumentError } from 'commander'
import { words } from './words.ts'

/** Reads an argument. @throws InvalidArgumentError */
export type Parser<T> = (text: string) => T

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Whether a text is an id and not a slug. */
export const isId = (text: string): boolean => uuid.test(text)

export const integer =
  (minimum: number, maximum: number): Parser<number> =>
  (text) => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= minimum && value <= maximum)) throw expected(words.invalid.integer(minimum, maximum))
    return value
  }

export const id: Parser<string> = (text) => {
  if (!isId(text)) throw expected(words.invalid.id)
  return text.toLowerCase()
}

export const ids = (text: string, before: readonly string[] = []): readonly string[] => [...before, id(text)]

/** An id, or a key or its first part. */
export const apiKey: Parser<string> = (text) => {
  if (!isId(text) && !/^rmp_live_[0-9A-Za-z]{10}/.test(text)) throw expected(words.invalid.key)
  return text
}

/** A life time in milliseconds. Commander takes a parsed `null` for a failure, so absence is spelt out. */
export const lifetimeMs: Parser<number | 'never'> = (text) => {
  if (text === 'never') return text
  const [, count, unit] = /^([1-9]\d{0,3})([hd])$/.exec(text) ?? []
  if (count === undefined) throw expected(words.invalid.duration)
  return Number(count) * (unit === 'h' ? 3_600_000 : 86_400_000)
}

/** A quota of leads. */
export const quota: Parser<number | 'none'> = (text) => {
  if (text === 'none') return text
  if (!/^\d{1,9}$/.test(text)) throw expected(words.invalid.quota)
  return Number(text)
}

export const origins = (text: string, before: readonly string[] = []): readonly string[] => {
  const origin = URL.parse(text)?.origin
  if (origin === undefined || origin === 'null' || !/^https?:\/\/[^/]+\/?$/.test(text))
    throw expected(words.invalid.origin)
  return [...before, origin]
}

/** Unix time in milliseconds. */
export const instant: Parser<number> = (text) => {
  const ms = /^\d{4}-\d{2}-\d{2}T/.test(text) ? Date.parse(text) : Number.NaN
  if (!(ms >= 0)) throw expected(words.invalid.instant)
  return ms
}

export const path: Parser<string> = (text) => {
  if (!text.startsWith('/')) throw expected(words.invalid.path)
  return text
}

export const slug: Parser<string> = (text) => {
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text)) throw expected(words.invalid.slug)
  return text
}

/** One line of text. @param minLength - 0 lets it be empty. */
export const line = (maxLength: number, minLength: 0 | 1 = 1) =>
  textParser(/[\p{Cc}\p{Zl}\p{Zp}]/u, minLength, maxLength)

/** Text of any number of lines, or an empty one. */
export const paragraphs = (maxLength: number) => textParser(/[^\P{Cc}\n\r\t]/u, 0, maxLength)

const textParser =
  (forbidden: RegExp, minLength: number, maxLength: number): Parser<string> =>
  (text) => {
    const trimmed = text.trim()
    const length = [...trimmed].length
    if (length < minLength || length > maxLength || forbidden.test(trimmed))
      throw expected(words.invalid.text(maxLength))
    return trimmed
  }

/** Options that list commands share. */
export interface ListOptions {
  readonly tenant?: string
  readonly page: number
  readonly pageSize: number
  readonly json?: true
}

export function withListOptions(command: Command): Command {
  return withTenant(command)
    .option('--page <number>', words.options.page, integer(1, 10_000), 1)
    .option('--page-size <number>', words.options.pageSize, integer(1, 100), 20)
    .option('--json', words.options.json)
}

export function withTenant(command: Command): Command {
  return command.option('-t, --tenant <tenant>', words.options.tenant)
}

/** What a command says of an argument it cannot read. */
export const expected = (what: string): InvalidArgumentError =>
  new InvalidArgumentError(`${words.invalid.expected} ${what}.`)
