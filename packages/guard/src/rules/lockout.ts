import type { Duration } from '../duration.ts'
import { type FieldReader, readDurationField, readInteger, readWord } from '../fields.ts'
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
import type { WindowCounter } from '../store.ts'
import { createWindowCounter, MAX_UNITS } from './rate-limit.ts'

/**
 * At most `attempts` in any window of length `window`; the one that is too many locks for `lock`. Every
 * attempt counts, also one that another rule refuses; while locked none counts and none lengthens the
 * lock. A reported success forgets them. An attempt is one, whatever it costs.
 */
export interface LockoutInput extends CountingSettingsInput, AnnouncingInput {
  readonly kind: 'lockout'
  /** 1 to 2^31. */
  readonly attempts: number
  /** 1 ms to 400 days. */
  readonly window: Duration
  /**
   * How long at least: 1 ms to 400 days. The attempts in the window are not forgotten by it, so a lock
   * shorter than the window lasts until the window has room again.
   */
  readonly lock: Duration
  /** Whether a refusal announces how long the lock lasts. @default 'always' */
  readonly retryAfter?: 'always' | 'never'
}

/** A lockout that has been checked, its times in milliseconds. */
export interface LockoutRule extends CountingSettings, AnnouncingSettings {
  readonly kind: 'lockout'
  readonly attempts: number
  readonly windowMs: number
  readonly lockMs: number
  readonly retryAfter: 'always' | 'never'
}

/** Every field of a lockout. */
export const lockoutFields: readonly string[] = [
  ...countingFields,
  'attempts',
  'window',
  'lock',
  'retryAfter',
  'retryAfterJitter',
]

/** Reads a lockout. */
export function readLockout(id: string, reader: FieldReader, defaults: RuleDefaults): LockoutRule | undefined {
  const settings = readCountingSettings(id, reader, defaults)
  const attempts = readInteger(reader, 'attempts', 1, MAX_UNITS)
  const windowMs = readDurationField(reader, 'window', 1)
  const lockMs = readDurationField(reader, 'lock', 1)
  const retryAfter = readWord(reader, 'retryAfter', ['always', 'never'], 'always')
  const announcing = readAnnouncing(reader)
  if (attempts === undefined || windowMs === undefined || lockMs === undefined) return undefined
  if (retryAfter === undefined || announcing === undefined) return undefined
  return { ...settings, kind: 'lockout', attempts, windowMs, lockMs, retryAfter, ...announcing }
}

/**
 * Derives the counter of a lockout: a window charged by every attempt, whose cooldown is the lock. A
 * lock ends when its time has passed and the window has room again, whichever is later.
 */
export function createLockoutCounter(policyId: string, rule: LockoutRule): WindowCounter {
  const figures = { by: rule.by, limit: rule.attempts, windowMs: rule.windowMs, cooldownMs: rule.lockMs }
  return createWindowCounter(policyId, rule.id, figures, 'attempt', undefined)
}
