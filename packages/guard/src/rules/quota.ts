import { type FieldReader, ownField, readInteger, readWord } from '../fields.ts'
import { type Mode, type RuleDefaults, type RuleSettingsInput, readMode, readSubjects } from '../rule-settings.ts'
import type { Subject } from '../subject.ts'
import { MAX_UNITS } from './rate-limit.ts'

/** A calendar period. A week begins on Monday. */
export type QuotaPeriod = 'day' | 'week' | 'month' | 'year'

/**
 * At most `limit` units in each calendar period. The guard checks and names the figures, and does not
 * count them: a quota is settled by its caller, in the transaction that stores what is counted, from the
 * rule that the compiled policy lists in `quotas`.
 */
export interface QuotaInput extends RuleSettingsInput {
  readonly kind: 'quota'
  readonly by: Subject | readonly Subject[]
  /** 1 to 2^31. */
  readonly limit: number
  readonly period: QuotaPeriod
  /** An IANA time zone, in which a period begins at midnight. Absent, the caller's (a tenant's own). */
  readonly timeZone?: string
}

/** A quota that has been checked. */
export interface QuotaRule {
  readonly id: string
  readonly kind: 'quota'
  readonly mode: Mode
  readonly by: readonly Subject[]
  readonly limit: number
  readonly period: QuotaPeriod
  readonly timeZone: string | undefined
}

/** One period of a quota. */
export interface QuotaWindow {
  /** Names the period within its quota: the local date of its first day, such as `2026-11-01`. */
  readonly name: string
  /** Unix time of its first instant. */
  readonly startMs: number
  /** Unix time of the first instant of the next one. */
  readonly endMs: number
}

/** Every field of a quota. */
export const quotaFields: readonly string[] = ['id', 'kind', 'mode', 'by', 'limit', 'period', 'timeZone']

const periods: readonly QuotaPeriod[] = ['day', 'week', 'month', 'year']

/** Reads a quota. */
export function readQuota(id: string, reader: FieldReader, defaults: RuleDefaults): QuotaRule | undefined {
  const by = readSubjects(reader)
  const limit = readInteger(reader, 'limit', 1, MAX_UNITS)
  const period = readWord(reader, 'period', periods)
  const mode = readMode(reader, defaults)
  const timeZone = ownField(reader.fields, 'timeZone')
  if (timeZone !== undefined && !isTimeZone(timeZone)) {
    reader.faults.push({ path: `${reader.path}.timeZone`, message: 'must be an IANA time zone such as "Europe/Paris"' })
    return undefined
  }
  if (limit === undefined || period === undefined) return undefined
  return { id, kind: 'quota', mode, by, limit, period, timeZone }
}

/**
 * The period that an instant lies in.
 *
 * @param timeZone - IANA name; in it the period begins at midnight, or at the first instant after a
 * midnight that its clocks leave out.
 * @throws RangeError for a time zone that is not one.
 */
export function quotaWindow(period: QuotaPeriod, nowUnixMs: number, timeZone: string): QuotaWindow {
  const first = firstDay(period, new Date(localMs(nowUnixMs, timeZone)))
  const window = windowFrom(period, first, timeZone)
  // Where clocks are put back just after midnight, the new date is shown before the day that bears it has begun, or the
  // old one after it.
  if (nowUnixMs < window.startMs) return windowFrom(period, firstDay(period, new Date(first - DAY_MS)), timeZone)
  return nowUnixMs < window.endMs ? window : windowFrom(period, nextFirstDay(period, first), timeZone)
}

function windowFrom(period: QuotaPeriod, firstMs: number, timeZone: string): QuotaWindow {
  return {
    name: new Date(firstMs).toISOString().slice(0, 10),
    startMs: startOfDay(firstMs, timeZone),
    endMs: startOfDay(nextFirstDay(period, firstMs), timeZone),
  }
}

function isTimeZone(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > 64) return false
  try {
    formatterOf(value)
    return true
  } catch {
    return false
  }
}

const formatters = new Map<string, Intl.DateTimeFormat>()

/** Formatters cost milliseconds to make; names that are no time zones are not kept. */
function formatterOf(timeZone: string): Intl.DateTimeFormat {
  const known = formatters.get(timeZone)
  if (known !== undefined) return known
  const formatter = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    calendar: 'iso8601',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
  formatters.set(timeZone, formatter)
  return formatter
}

/** What a clock on the wall shows, as if it were UTC, in whole seconds. */
function localMs(unixMs: number, timeZone: string): number {
  const fields: Record<string, number> = {}
  for (const { type, value } of formatterOf(timeZone).formatToParts(unixMs)) fields[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = fields
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

/** The first day of the period, as midnight UTC of its date. */
function firstDay(period: QuotaPeriod, local: Date): number {
  const [year, month, day] = [local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate()]
  switch (period) {
    case 'day':
      return Date.UTC(year, month, day)
    case 'week':
      return Date.UTC(year, month, day - ((local.getUTCDay() + 6) % 7))
    case 'month':
      return Date.UTC(year, month, 1)
    case 'year':
      return Date.UTC(year, 0, 1)
  }
}

function nextFirstDay(period: QuotaPeriod, first: number): number {
  const date = new Date(first)
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()]
  switch (period) {
    case 'day':
      return Date.UTC(year, month, day + 1)
    case 'week':
      return Date.UTC(year, month, day + 7)
    case 'month':
      return Date.UTC(year, month + 1, 1)
    case 'year':
      return Date.UTC(year + 1, 0, 1)
  }
}

const DAY_MS = 86_400_000

/**
 * The first instant of a day: found by halving, because a day begins at one o'clock where clocks are
 * put forward at midnight.
 */
function startOfDay(dayMs: number, timeZone: string): number {
  // No zone is further than 14 hours from UTC.
  let before = dayMs - DAY_MS
  let reached = dayMs + DAY_MS
  while (reached - before > 1) {
    const middle = Math.floor((before + reached) / 2)
    if (localMs(Math.floor(middle / 1_000) * 1_000, timeZone) >= dayMs) reached = middle
    else before = middle
  }
  return reached
}
