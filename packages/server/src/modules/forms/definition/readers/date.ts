import { addDays, type Day, daysFromToday, isDay } from '../calendar.ts'
import type { Refusal } from '../messages.ts'
import type { Reader } from './reader.ts'

/** A bound or a compared day as a definition has it, ready to be resolved. */
export type ResolveDay = (today: Day) => Day

/** Prepares `2026-03-31`, `today` or `today-14d` once, for any later today. */
export function dayResolver(bound: string): ResolveDay {
  const days = daysFromToday(bound)
  return days === undefined ? () => bound : (today) => addDays(today, days)
}

const INVALID: Refusal = { code: 'date-invalid' }
/** Ten characters and some white space around them. */
const MAX_TYPED = 40

/** A reader of calendar days that exist, `YYYY-MM-DD`, within bounds that both belong to the range. */
export function dateReader(min: ResolveDay | undefined, max: ResolveDay | undefined): Reader {
  const boundsFault = (day: Day, today: Day): Refusal | undefined => {
    const earliest = min?.(today)
    if (earliest !== undefined && day < earliest) return { code: 'date-too-early', limit: earliest }
    const latest = max?.(today)
    return latest !== undefined && day > latest ? { code: 'date-too-late', limit: latest } : undefined
  }

  return (answer, today) => {
    if (typeof answer !== 'string' || answer.length > MAX_TYPED) return INVALID
    const day = answer.trim()
    if (day === '') return undefined
    return isDay(day) ? (boundsFault(day, today) ?? day) : INVALID
  }
}
