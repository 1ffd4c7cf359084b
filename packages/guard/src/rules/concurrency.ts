import type { Duration } from '../duration.ts'
import { type FieldReader, readDurationField, readInteger } from '../fields.ts'
import {
  type CountingSettings,
  type CountingSettingsInput,
  countingFields,
  type RuleDefaults,
  readCountingSettings,
} from '../rule-settings.ts'
import type { LeaseCounter } from '../store.ts'

/**
 * At most `slots` requests at once. A slot is given back when its request ends, or after `lease` when
 * its holder has died. A refusal announces no wait: when a slot frees is not known.
 */
export interface ConcurrencyInput extends CountingSettingsInput {
  readonly kind: 'concurrency'
  /** 1 to 10,000. */
  readonly slots: number
  /** Longer than any request may last: 1 ms to 400 days. */
  readonly lease: Duration
}

/** A limit on requests at once that has been checked, its times in milliseconds. */
export interface ConcurrencyRule extends CountingSettings {
  readonly kind: 'concurrency'
  readonly slots: number
  readonly leaseMs: number
}

/** Every field of a limit on requests at once. */
export const concurrencyFields: readonly string[] = [...countingFields, 'slots', 'lease']

/** Holders are listed one by one. */
const MOST_SLOTS = 10_000

/** Reads a limit on requests at once. */
export function readConcurrency(id: string, reader: FieldReader, defaults: RuleDefaults): ConcurrencyRule | undefined {
  const settings = readCountingSettings(id, reader, defaults)
  const slots = readInteger(reader, 'slots', 1, MOST_SLOTS)
  const leaseMs = readDurationField(reader, 'lease', 1)
  if (slots === undefined || leaseMs === undefined) return undefined
  return { ...settings, kind: 'concurrency', slots, leaseMs }
}

/** Derives the counter of a limit on requests at once. */
export function createLeaseCounter(policyId: string, rule: ConcurrencyRule): LeaseCounter {
  return {
    shape: 'leases',
    policyId,
    ruleId: rule.id,
    by: rule.by,
    charge: 'admitted',
    limit: rule.slots,
    capacity: rule.slots,
    windowMs: rule.leaseMs,
    cooldownMs: 0,
    quota: undefined,
  }
}
