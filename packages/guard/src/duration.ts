/** A length of time: whole milliseconds, or a whole number with its unit (`ms`, `s`, `m`, `h`, `d`, `w`). */
export type Duration = string | number

const unitMs = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
  ['w', 604_800_000],
])

/** Spellings people write for a unit; they are suggested, never accepted. */
const otherSpellings = new Map(
  Object.entries({
    milliseconds: 'ms',
    msec: 'ms',
    sec: 's',
    secs: 's',
    second: 's',
    seconds: 's',
    min: 'm',
    mins: 'm',
    minute: 'm',
    minutes: 'm',
    hr: 'h',
    hrs: 'h',
    hour: 'h',
    hours: 'h',
    day: 'd',
    days: 'd',
    week: 'w',
    weeks: 'w',
  }),
)

/** The longest window or cooldown a rule may have: 400 days, in milliseconds. */
export const MAX_DURATION_MS = 400 * 86_400_000

/** What reading a duration gives: its milliseconds, or why it cannot be read. */
export type DurationReading =
  | { readonly ok: true; readonly ms: number }
  | { readonly ok: false; readonly message: string; readonly suggestion?: string }

/**
 * Reads a duration of whole milliseconds. A value without a unit must be a number (milliseconds):
 * `"60"` is refused, because it is as likely to mean seconds.
 *
 * @param minMs - Least length accepted, in milliseconds.
 */
export function readDuration(value: unknown, minMs = 1): DurationReading {
  if (typeof value === 'number') return bounded(value, String(value), minMs)
  if (typeof value !== 'string') return { ok: false, message: 'must be a duration such as "90s" or a number of ms' }

  const parts = /^(\d{1,15}) ?([A-Za-z]*)$/.exec(value)
  if (parts === null) return { ok: false, message: `"${value.slice(0, 40)}" is not a duration such as "90s" or "15m"` }
  const [, figure = '', unit = ''] = parts
  const factor = unitMs.get(unit)
  if (factor !== undefined && !value.includes(' ')) return bounded(Number(figure) * factor, value, minMs)
  const meant = unitMs.has(unit.toLowerCase()) ? unit.toLowerCase() : otherSpellings.get(unit.toLowerCase())
  const message = unit === '' ? `"${value}" has no unit` : `"${value}" has no known unit (ms, s, m, h, d, w)`
  return meant === undefined ? { ok: false, message } : { ok: false, message, suggestion: `${figure}${meant}` }
}

function bounded(ms: number, written: string, minMs: number): DurationReading {
  if (Number.isInteger(ms) && ms >= minMs && ms <= MAX_DURATION_MS) return { ok: true, ms }
  return { ok: false, message: `${written} is not a whole number of milliseconds from ${minMs} ms to 400 days` }
}
