import type { FormLocale } from './schema.ts'

/** A calendar day of the proleptic Gregorian calendar, `YYYY-MM-DD`, years 0001 to 9999. Sorts as text. */
export type Day = string

const DAY = /^(\d{4})-(\d{2})-(\d{2})$/
const RELATIVE_DAY = /^today(?:([+-]\d{1,5})d)?$/
const MONTH_LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
const DAY_MS = 86_400_000

/** Whether the text is a day that exists: `2028-02-29` is one, `2026-02-29` is not. */
export function isDay(text: string): boolean {
  const parts = DAY.exec(text)
  if (parts === null) return false
  const year = Number(parts[1])
  const month = Number(parts[2])
  const dayOfMonth = Number(parts[3])
  if (year === 0 || dayOfMonth === 0) return false
  const longest = month === 2 && isLeapYear(year) ? 29 : (MONTH_LENGTHS[month - 1] ?? 0)
  return dayOfMonth <= longest
}

function isLeapYear(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
}

/** A bound of a definition: days from today, or `undefined` when the text is not relative. */
export function daysFromToday(bound: string): number | undefined {
  const parts = RELATIVE_DAY.exec(bound)
  return parts === null ? undefined : Number(parts[1] ?? 0)
}

/** The day `days` after (or, when negative, before) a day, kept within the years 0001 to 9999. */
export function addDays(day: Day, days: number): Day {
  if (days === 0) return day
  const shifted = new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString()
  if (shifted.startsWith('+')) return '9999-12-31'
  return shifted.startsWith('-') || shifted.startsWith('0000') ? '0001-01-01' : shifted.slice(0, 10)
}

const MONTHS = {
  en: [
    'January',
    'February',
    'March',
    'April',
    'May',
    'June',
    'July',
    'August',
    'September',
    'October',
    'November',
    'December',
  ],
  fr: [
    'janvier',
    'février',
    'mars',
    'avril',
    'mai',
    'juin',
    'juillet',
    'août',
    'septembre',
    'octobre',
    'novembre',
    'décembre',
  ],
} as const

/** A day as a sentence has it: `1 March 2026`, `1er mars 2026` (the first of a month is an ordinal in French). */
export function dayInWords(day: Day, locale: FormLocale): string {
  const [year, month, dayOfMonth] = day.split('-').map(Number)
  const ordinal = locale === 'fr' && dayOfMonth === 1 ? '1er' : String(dayOfMonth)
  return `${ordinal}\u00a0${MONTHS[locale][(month ?? 1) - 1]} ${year}`
}
