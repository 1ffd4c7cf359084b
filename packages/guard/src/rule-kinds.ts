import type { PolicyFault } from './faults.ts'
import { type FieldReader, openFields, readWord } from './fields.ts'
import type { RuleDefaults } from './rule-settings.ts'
import { type AccessListInput, type AccessListRule, accessListFields, readAccessList } from './rules/access-list.ts'
import { type ConcurrencyInput, type ConcurrencyRule, concurrencyFields, readConcurrency } from './rules/concurrency.ts'
import { type EscalationInput, type EscalationRule, escalationFields, readEscalation } from './rules/escalation.ts'
import { type LockoutInput, type LockoutRule, lockoutFields, readLockout } from './rules/lockout.ts'
import { type QuotaInput, type QuotaRule, quotaFields, readQuota } from './rules/quota.ts'
import { type RateLimitInput, type RateLimitRule, rateLimitFields, readRateLimit } from './rules/rate-limit.ts'
import { readSignal, type SignalInput, type SignalRule, signalFields } from './rules/signal.ts'

/** One rule as an author writes it. */
export type RuleInput =
  | RateLimitInput
  | LockoutInput
  | EscalationInput
  | ConcurrencyInput
  | SignalInput
  | QuotaInput
  | AccessListInput

/** A rule that counts in the store, with its defaults filled in. */
export type CountingRule = RateLimitRule | LockoutRule | EscalationRule | ConcurrencyRule

/** One rule with its defaults filled in. */
export type Rule = CountingRule | SignalRule | QuotaRule | AccessListRule

type Kind = RuleInput['kind']

interface KindReader {
  /** Every field of the kind: the only list of them, for the checks and for whoever describes the file. */
  readonly fields: readonly string[]
  readonly read: (id: string, reader: FieldReader, defaults: RuleDefaults) => Rule | undefined
}

const readers: Readonly<Record<Kind, KindReader>> = {
  'rate-limit': { fields: rateLimitFields, read: readRateLimit },
  lockout: { fields: lockoutFields, read: readLockout },
  escalation: { fields: escalationFields, read: readEscalation },
  concurrency: { fields: concurrencyFields, read: readConcurrency },
  signal: { fields: signalFields, read: readSignal },
  quota: { fields: quotaFields, read: readQuota },
  'access-list': { fields: accessListFields, read: readAccessList },
}

const kinds: readonly Kind[] = ['rate-limit', 'lockout', 'escalation', 'concurrency', 'signal', 'quota', 'access-list']

/**
 * Checks one rule; its faults go to `faults`.
 *
 * @param id - The rule's id, already checked.
 * @returns Undefined when the rule cannot be enforced as written.
 */
export function checkRule(
  input: Readonly<Record<string, unknown>>,
  id: string,
  path: string,
  defaults: RuleDefaults,
  faults: PolicyFault[],
): Rule | undefined {
  const kind = readWord({ path, fields: input, faults }, 'kind', kinds)
  if (kind === undefined) return undefined
  const before = faults.length
  const { fields, read } = readers[kind]
  const reader = openFields(input, path, fields, faults)
  if (reader === undefined) return undefined
  const rule = read(id, reader, defaults)
  return faults.length === before ? rule : undefined
}
