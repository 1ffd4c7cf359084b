import type { Duration } from '../duration.ts'
import { MAX_DURATION_MS } from '../duration.ts'
import { type FieldReader, ownField, readDurationField, readInteger, readWord } from '../fields.ts'
import {
  type AnnouncingInput,
  type AnnouncingSettings,
  type CountingSettings,
  type CountingSettingsInput,
  countingFields,
  type RuleDefaults,
  readAnnouncing,
  readCountingSettings,
} from '../rule-settings.ts'
import type { Charge, GcraCounter, QuotaLabel, WindowCounter } from '../store.ts'
import { serializeString } from '../structured-field.ts'
import type { Subject } from '../subject.ts'

/** When a rate limit's refusal announces how long to wait. */
export type RateLimitRetryAfter = 'always' | 'cooldown-only' | 'never'

interface RateLimitCommon extends CountingSettingsInput, AnnouncingInput {
  readonly kind: 'rate-limit'
  /** 1 ms to 400 days. */
  readonly window: Duration
  /** Once the limit is passed, refuse for this long; 0 for none. @default 0 */
  readonly cooldown?: Duration
  /** `cooldown-only` announces no wait but a cooldown's. @default 'always' */
  readonly retryAfter?: RateLimitRetryAfter
  /** Units a request spends, times those its caller says: 1 to 2^31. @default 1 */
  readonly cost?: number
}

/** At most `limit` units in any window of length `window`. */
interface WindowInput extends RateLimitCommon {
  /** 1 to 2^31. */
  readonly limit: number
}

/**
 * At most `rate` units in any window of length `window`, of them at most `burst` at once; what has been
 * spent is earned back evenly, at (`rate` − `burst`) units a window.
 */
interface BurstInput extends RateLimitCommon {
  /** 2 to 2^31. */
  readonly rate: number
  /** 1 to `rate` − 1. */
  readonly burst: number
}

/** A rate limit, as a count in a window or as a rate with a burst. */
export type RateLimitInput = WindowInput | BurstInput

/** What a rate limit says, with its times in milliseconds. */
interface RateLimitFigures {
  readonly by: readonly Subject[]
  readonly limit: number
  /** Present where the author declared a rate and a burst; the rate is then the limit. */
  readonly burst?: number
  readonly windowMs: number
  readonly cooldownMs: number
}

/** A rate limit that has been checked. */
export interface RateLimitRule extends CountingSettings, AnnouncingSettings, RateLimitFigures {
  readonly kind: 'rate-limit'
  readonly retryAfter: RateLimitRetryAfter
  readonly cost: number
}

/** Every field of a rate limit. */
export const rateLimitFields: readonly string[] = [
  ...countingFields,
  'limit',
  'rate',
  'burst',
  'window',
  'cooldown',
  'retryAfter',
  'retryAfterJitter',
  'cost',
]

/** Units of a limit and of a cost are counted in 32 bits. */
export const MAX_UNITS = 2 ** 31
/** Up to this limit each arrival keeps its own entry and the count is exact. */
const EXACT_LIMIT = 32
/** Cells a window is divided in above it. One more entry can be live, as a window touches both its ends. */
const CELLS = 31
/** Ages of entries are told in 31 bits of ticks. */
const MAX_WINDOW_TICKS = 2 ** 31 - 1
/** Ticks of windows too long for milliseconds (24.8 days and more). */
const COARSE_TICK_MS = 32
/** An interval this long is off by at most a thousandth when it is rounded up to a whole microsecond. */
const FINE_INTERVAL_US = 1_000

/** Reads a rate limit. */
export function readRateLimit(id: string, reader: FieldReader, defaults: RuleDefaults): RateLimitRule | undefined {
  const settings = readCountingSettings(id, reader, defaults)
  const windowMs = readDurationField(reader, 'window', 1)
  const cooldownMs = readDurationField(reader, 'cooldown', 0, 0)
  const retryAfter = readWord(reader, 'retryAfter', ['always', 'cooldown-only', 'never'], 'always')
  const announcing = readAnnouncing(reader)
  const cost = readInteger(reader, 'cost', 1, MAX_UNITS, 1)
  const figures = readUnits(reader, windowMs)
  if (figures === undefined || windowMs === undefined || cooldownMs === undefined) return undefined
  if (retryAfter === undefined || announcing === undefined || cost === undefined) return undefined
  return { ...settings, kind: 'rate-limit', ...figures, windowMs, cooldownMs, retryAfter, ...announcing, cost }
}

type Units = { readonly limit: number } | { readonly limit: number; readonly burst: number }

function readUnits(reader: FieldReader, windowMs: number | undefined): Units | undefined {
  const { fields, path, faults } = reader
  const burstForm = ownField(fields, 'rate') !== undefined || ownField(fields, 'burst') !== undefined
  if (!burstForm) {
    const limit = readInteger(reader, 'limit', 1, MAX_UNITS)
    return limit === undefined ? undefined : { limit }
  }
  if (ownField(fields, 'limit') !== undefined) {
    faults.push({
      path: `${path}.limit`,
      message: 'cannot stand beside "rate" and "burst": it is one form or the other',
    })
  }
  const rate = readInteger(reader, 'rate', 2, MAX_UNITS)
  const burst = readInteger(reader, 'burst', 1, MAX_UNITS)
  if (rate === undefined || burst === undefined || windowMs === undefined) return undefined
  const message = faultOfBurst(rate, burst, windowMs)
  if (message === undefined) return { limit: rate, burst }
  faults.push({ path: `${path}.burst`, message })
  return undefined
}

/** Why a rate and a burst cannot be kept exactly, in words; undefined when they can. */
function faultOfBurst(rate: number, burst: number, windowMs: number): string | undefined {
  if (burst >= rate) {
    return `must be less than the rate (${rate}): the burst is a part of it, and the rest is earned back in the window`
  }
  const intervalUs = intervalOf(rate, burst, windowMs)
  const exact = intervalUs * (rate - burst) === windowMs * 1_000
  if (!exact && intervalUs < FINE_INTERVAL_US) {
    return `cannot be kept as written: ${rate - burst} units in ${windowMs} ms are not a whole number of microseconds each`
  }
  if (intervalUs * burst > MAX_DURATION_MS * 1_000) {
    return 'cannot be kept as written: earning the burst back takes longer than 400 days'
  }
  return undefined
}

/** Rounded up: what is admitted in a window is at most burst + (rate − burst). */
function intervalOf(rate: number, burst: number, windowMs: number): number {
  return Math.ceil((windowMs * 1_000) / (rate - burst))
}

/** Derives the counter of a rate limit. */
export function createRateLimitCounter(policyId: string, rule: RateLimitRule): WindowCounter | GcraCounter {
  const { id, limit, burst, windowMs } = rule
  const name = serializeString(`${policyId}/${id}`)
  const quota = { name, policy: `${name};q=${limit};w=${Math.ceil(windowMs / 1_000)}`, limit: String(limit) }
  if (burst === undefined) return createWindowCounter(policyId, id, rule, 'admitted', quota)
  return {
    shape: 'gcra',
    policyId,
    ruleId: id,
    by: rule.by,
    charge: 'admitted',
    limit,
    capacity: burst,
    windowMs,
    cooldownMs: rule.cooldownMs,
    quota,
    intervalUs: intervalOf(limit, burst, windowMs),
  }
}

/**
 * Derives a counter of units in a window.
 *
 * A limit of 32 or less keeps every arrival: the count is exact. Above, arrivals within one
 * thirty-first of the window share an entry dated by its last arrival: no window ever holds more than
 * the limit, and a unit is given back at most `windowMs / 31` (3.3 %) late. In windows of 24.8 days
 * and more, times are kept in ticks of 32 ms and a unit is given back at most 64 ms late besides.
 */
export function createWindowCounter(
  policyId: string,
  ruleId: string,
  figures: RateLimitFigures,
  charge: Charge,
  quota: QuotaLabel | undefined,
): WindowCounter {
  const { by, limit, windowMs, cooldownMs } = figures
  const tickMs = windowMs <= MAX_WINDOW_TICKS ? 1 : COARSE_TICK_MS
  // An arrival is dated by the start of its tick, so its window ends up to a tick later.
  const windowTicks = Math.ceil((windowMs + tickMs - 1) / tickMs)
  const exact = limit <= EXACT_LIMIT
  return {
    shape: 'window',
    policyId,
    ruleId,
    by,
    charge,
    limit,
    capacity: limit,
    windowMs,
    cooldownMs,
    quota,
    tickMs,
    windowTicks,
    cellTicks: exact ? 1 : Math.ceil(windowTicks / CELLS),
    entries: Math.min(limit, CELLS + 1),
  }
}
