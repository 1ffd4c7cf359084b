import { type Cidr, readCidr } from './cidr.ts'
import type { Duration } from './duration.ts'
import { type PolicyFault, unknownWord } from './faults.ts'
import { type FieldReader, openFields, ownField, readDurationField, readInteger, readWord } from './fields.ts'
import type { AccessBlocks } from './rules/access-list.ts'
import type { RateLimitFigures } from './rules/rate-limit.ts'
import { isSubject, type Subject, subjectNames } from './subject.ts'

/** `live` refuses; `shadow` decides, counts and reports, and refuses nobody. */
export type Mode = 'live' | 'shadow'

/** What becomes of a request whose counters cannot be read. */
export type OnStoreFailure = 'open' | 'closed'

/** At most `limit` units in any window of length `window`. */
export interface RateLimitInput {
  readonly id: string
  readonly kind: 'rate-limit'
  /** Several subjects count their combination. */
  readonly by: Subject | readonly Subject[]
  /** 1 to 2^31. */
  readonly limit: number
  /** 1 ms to 400 days. */
  readonly window: Duration
  /** Once the limit is passed, refuse for this long; 0 for none. @default 0 */
  readonly cooldown?: Duration
  /** `cooldown-only` announces no wait but a cooldown's. @default 'always' */
  readonly retryAfter?: 'always' | 'cooldown-only'
  readonly mode?: Mode
  readonly onStoreFailure?: OnStoreFailure
}

/**
 * Addresses let through or refused whatever they have spent. An address allowed skips the counting
 * rules that follow in the policy; `allow` is also the exception to `deny`.
 */
export interface AccessListInput {
  readonly id: string
  readonly kind: 'access-list'
  readonly by: 'ip'
  /** Addresses and CIDR blocks. */
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
  readonly mode?: Mode
}

/** One rule as an author writes it. */
export type RuleInput = RateLimitInput | AccessListInput

/** A rate limit that has been checked, its times in milliseconds. */
export interface RateLimitRule extends RateLimitFigures {
  readonly id: string
  readonly kind: 'rate-limit'
  readonly mode: Mode
  readonly retryAfter: 'always' | 'cooldown-only'
  readonly onStoreFailure: OnStoreFailure
}

/** An access list that has been checked. */
export interface AccessListRule extends AccessBlocks {
  readonly id: string
  readonly kind: 'access-list'
  readonly mode: Mode
}

/** One rule with its defaults filled in. */
export type Rule = RateLimitRule | AccessListRule

/** What a policy says for the rules that say nothing themselves. */
export interface RuleDefaults {
  readonly mode: Mode
  readonly onStoreFailure: OnStoreFailure
}

type Kind = RuleInput['kind']

/** Every field of each kind: the only list of them, for the checks and for whoever describes the file. */
const ruleFields: Readonly<Record<Kind, readonly string[]>> = {
  'rate-limit': ['id', 'kind', 'by', 'limit', 'window', 'cooldown', 'retryAfter', 'mode', 'onStoreFailure'],
  'access-list': ['id', 'kind', 'by', 'allow', 'deny', 'mode'],
}

const kinds: readonly Kind[] = ['rate-limit', 'access-list']
const modes: readonly Mode[] = ['live', 'shadow']
const failures: readonly OnStoreFailure[] = ['open', 'closed']

/** Units of a limit and of a cost are counted in 32 bits. */
export const MAX_UNITS = 2 ** 31

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
  const reader = openFields(input, path, ruleFields[kind], faults)
  if (reader === undefined) return undefined
  const rule = readRule(kind, id, reader, defaults)
  return faults.length === before ? rule : undefined
}

/** Reads `mode` and `onStoreFailure`, which policies and rules both have. */
export function readDefaults(reader: FieldReader, defaults: RuleDefaults): RuleDefaults {
  return {
    mode: readWord(reader, 'mode', modes, defaults.mode) ?? defaults.mode,
    onStoreFailure: readWord(reader, 'onStoreFailure', failures, defaults.onStoreFailure) ?? defaults.onStoreFailure,
  }
}

function readRule(kind: Kind, id: string, reader: FieldReader, defaults: RuleDefaults): Rule | undefined {
  switch (kind) {
    case 'rate-limit':
      return readRateLimit(id, reader, defaults)
    case 'access-list':
      return readAccessList(id, reader, defaults)
  }
}

function readRateLimit(id: string, reader: FieldReader, defaults: RuleDefaults): RateLimitRule | undefined {
  const by = readSubjects(reader)
  const limit = readInteger(reader, 'limit', 1, MAX_UNITS)
  const windowMs = readDurationField(reader, 'window', 1)
  const cooldownMs = readDurationField(reader, 'cooldown', 0, 0)
  const retryAfter = readWord(reader, 'retryAfter', ['always', 'cooldown-only'], 'always')
  const { mode, onStoreFailure } = readDefaults(reader, defaults)
  if (limit === undefined || windowMs === undefined || cooldownMs === undefined) return undefined
  return {
    id,
    kind: 'rate-limit',
    by,
    limit,
    windowMs,
    cooldownMs,
    retryAfter: retryAfter ?? 'always',
    // A policy in shadow keeps all its rules there.
    mode: defaults.mode === 'shadow' ? 'shadow' : mode,
    onStoreFailure,
  }
}

function readSubjects(reader: FieldReader): readonly Subject[] {
  const value = ownField(reader.fields, 'by')
  const path = `${reader.path}.by`
  const listed: readonly unknown[] = Array.isArray(value) ? value : [value]
  const subjects = listed.filter(isSubject)
  if (value === undefined || listed.length === 0) {
    reader.faults.push({ path, message: `is required: one or several of ${subjectNames.join(', ')}` })
  }
  for (const subject of listed) {
    if (subject !== undefined && !isSubject(subject)) {
      reader.faults.push(unknownWord(path, 'subject', String(subject), subjectNames))
    }
  }
  if (new Set(subjects).size < subjects.length) reader.faults.push({ path, message: 'names a subject twice' })
  return subjects
}

function readAccessList(id: string, reader: FieldReader, defaults: RuleDefaults): AccessListRule {
  readWord(reader, 'by', ['ip'])
  const allow = readBlocks(reader, 'allow')
  const deny = readBlocks(reader, 'deny')
  const { mode } = readDefaults({ ...reader, fields: { mode: ownField(reader.fields, 'mode') } }, defaults)
  if (allow.length + deny.length === 0 && ownField(reader.fields, 'deny') === undefined) {
    if (ownField(reader.fields, 'allow') === undefined) {
      reader.faults.push({ path: reader.path, message: 'needs "allow" or "deny"' })
    }
  }
  return { id, kind: 'access-list', allow, deny, mode: defaults.mode === 'shadow' ? 'shadow' : mode }
}

function readBlocks(reader: FieldReader, name: 'allow' | 'deny'): readonly Cidr[] {
  const value = ownField(reader.fields, name)
  if (value === undefined) return []
  const path = `${reader.path}.${name}`
  if (!Array.isArray(value)) {
    reader.faults.push({ path, message: 'must be a list of addresses and CIDR blocks' })
    return []
  }
  const items: readonly unknown[] = value
  return items.flatMap((item, index) => {
    const reading = readCidr(item)
    if (reading.ok) return [reading.cidr]
    const { ok: _, ...fault } = reading
    reader.faults.push({ path: `${path}[${index}]`, ...fault })
    return []
  })
}
