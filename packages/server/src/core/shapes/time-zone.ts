/** A calendar month in a time zone. Instants are Unix milliseconds; the period holds its start and not its end. */
export interface MonthPeriod {
  /** `YYYY-MM`. */
  readonly period: string
  readonly startsAtMs: number
  readonly endsAtMs: number
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** Zones with an answer kept. There are about 450, and a few hundred more names for them. */
const REMEMBERED = 1000

/**
 * Whether a name is a zone of the IANA database that this runtime knows, in any case. A bare offset such as `+02:00` is
 * none: it has no summer time, and the databases read its sign differently.
 */
export function isTimeZone(name: string): boolean {
  if (zones.has(name)) return true
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name)) return false
  try {
    zone(name)
    return true
  } catch {
    return false
  }
}

/**
 * The calendar month of an instant. A month starts when the zone's clocks first show its first day: where they skip
 * midnight, at the instant they jump; where they go back over it, at the earlier one. Months follow each other without a
 * gap or an overlap, so a quota is counted in one of them only.
 *
 * @throws RangeError the zone is unknown or the instant is not a date.
 */
export function monthPeriod(nowMs: number, timeZone: string): MonthPeriod {
  const clock = zone(timeZone)
  if (clock.month === undefined || !holds(clock.month, nowMs)) clock.month = findMonth(clock, nowMs)
  return clock.month
}

/**
 * The calendar day of an instant, `YYYY-MM-DD`, with the same bounds as a month's.
 *
 * @throws RangeError the zone is unknown or the instant is not a date.
 */
export function calendarDay(nowMs: number, timeZone: string): string {
  const clock = zone(timeZone)
  if (clock.day === undefined || !holds(clock.day, nowMs)) clock.day = findDay(clock, nowMs)
  return clock.day.period
}

/** A zone's clock, and the month and day it was last asked for. */
interface Zone {
  readonly format: Intl.DateTimeFormat
  month: MonthPeriod | undefined
  day: MonthPeriod | undefined
}

const zones = new Map<string, Zone>()

function zone(name: string): Zone {
  let found = zones.get(name)
  if (found === undefined) {
    found = { format: clockFormat(name), month: undefined, day: undefined }
    if (zones.size >= REMEMBERED) zones.clear()
    zones.set(name, found)
  }
  return found
}

function clockFormat(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    era: 'short',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
}

function holds(period: MonthPeriod, nowMs: number): boolean {
  return period.startsAtMs <= nowMs && nowMs < period.endsAtMs
}

function findMonth(clock: Zone, nowMs: number): MonthPeriod {
  const shown = new Date(localMs(clock, nowMs))
  const month = (shift: number) => Date.UTC(shown.getUTCFullYear(), shown.getUTCMonth() + shift)
  return later(clock, nowMs, (shift) => ({
    period: isoDay(month(shift)).slice(0, 7),
    first: month(shift),
    next: month(shift + 1),
  }))
}

function findDay(clock: Zone, nowMs: number): MonthPeriod {
  const day = Math.floor(localMs(clock, nowMs) / DAY_MS)
  return later(clock, nowMs, (shift) => ({
    period: isoDay((day + shift) * DAY_MS),
    first: (day + shift) * DAY_MS,
    next: (day + shift + 1) * DAY_MS,
  }))
}

/** The period the clocks show, or the next one when it has started already and they went back since. */
function later(
  clock: Zone,
  nowMs: number,
  span: (shift: 0 | 1) => { readonly period: string; readonly first: number; readonly next: number },
): MonthPeriod {
  const shown = span(0)
  const endsAtMs = firstReach(clock, shown.next)
  if (nowMs < endsAtMs) return { period: shown.period, startsAtMs: firstReach(clock, shown.first), endsAtMs }
  const following = span(1)
  return { period: following.period, startsAtMs: endsAtMs, endsAtMs: firstReach(clock, following.next) }
}

function isoDay(localDayMs: number): string {
  return new Date(localDayMs).toISOString().slice(0, 10)
}

/** What the zone's clocks show, as the Unix milliseconds of a UTC clock that shows the same; to the second. */
function localMs({ format }: Zone, atMs: number): number {
  const shown: Partial<Record<Intl.DateTimeFormatPartTypes, string>> = {}
  for (const { type, value } of format.formatToParts(atMs)) shown[type] = value
  const year = Number(shown.year)
  const date = new Date(0)
  date.setUTCFullYear(shown.era === 'BC' ? 1 - year : year, Number(shown.month) - 1, Number(shown.day))
  date.setUTCHours(Number(shown.hour), Number(shown.minute), Number(shown.second))
  return date.getTime()
}

function offsetMs(clock: Zone, atMs: number): number {
  const wholeSecond = Math.floor(atMs / 1000) * 1000
  return localMs(clock, wholeSecond) - wholeSecond
}

/**
 * The first instant at which the clocks show `targetMs` or later. The offset of the day before places it, unless the
 * clocks change in between; then it is the change itself when they jump over the target, and the new offset places it
 * when they do not.
 */
function firstReach(clock: Zone, targetMs: number): number {
  const before = targetMs - 40 * HOUR_MS
  const offset = offsetMs(clock, before)
  const expected = targetMs - offset
  if (offsetMs(clock, expected) === offset) return expected

  const change = firstChange(clock, before, expected, offset)
  return Math.max(change, targetMs - offsetMs(clock, change))
}

/** Between `from`, which has the offset, and `to`, which has another: the second at which it changes. */
function firstChange(clock: Zone, from: number, to: number, offset: number): number {
  let same = Math.floor(from / 1000)
  let other = Math.floor(to / 1000)
  while (other - same > 1) {
    const middle = Math.floor((same + other) / 2)
    if (offsetMs(clock, middle * 1000) === offset) same = middle
    else other = middle
  }
  return other * 1000
}
