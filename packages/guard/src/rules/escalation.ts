import { type Duration, MAX_DURATION_MS } from '../duration.ts'
import {
  type FieldReader,
  openFields,
  ownField,
  readDurationField,
  readInteger,
  readNumber,
  readWord,
} from '../fields.ts'
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
import type { LadderCounter, LadderRow } from '../store.ts'
import { MAX_UNITS } from './rate-limit.ts'

/** From `after` attempts on, the next one proceeds only with a solved challenge. */
interface ChallengeStepInput {
  readonly after: number
  readonly do: 'challenge'
}

/** From `after` attempts on, the next one is refused until so long after the last that was counted. */
interface WaitStepInput {
  readonly after: number
  /** `delay` and `lock` differ in the reason that a refusal names. */
  readonly do: 'delay' | 'lock'
  readonly for: Duration
  /** Each further attempt waits this many times longer: 1 to 16. @default 1 */
  readonly growth?: number
  /** The longest wait. @default 24 hours, or `for` when it is longer */
  readonly cap?: Duration
}

/** The attempt that makes it `after` tells the operator, once in a climb. */
interface AlertStepInput {
  readonly after: number
  readonly do: 'alert'
}

/** One rung of a ladder, reached by the `after`th attempt: 1 to 2^31. */
export type StepInput = ChallengeStepInput | WaitStepInput | AlertStepInput

/**
 * A ladder that attempts climb. Each attempt that is let through counts before it is verified, so that
 * attempts sent together climb like attempts sent in turn; one that a wait or a missing challenge refuses does not
 * count and lengthens nothing. The climb is forgotten `window` after its last wait has ended.
 */
export interface EscalationInput extends CountingSettingsInput, AnnouncingInput {
  readonly kind: 'escalation'
  /** 1 ms to 400 days. */
  readonly window: Duration
  /** By `after`, ascending: 1 to 16 steps. */
  readonly steps: readonly StepInput[]
  /** What a reported success does to the climb. @default { onSuccess: 'clear' } */
  readonly forgive?: { readonly onSuccess?: 'clear' | 'none' }
  /** Whether a refusal announces how long to wait. @default 'always' */
  readonly retryAfter?: 'always' | 'never'
}

/** A wait of a ladder that has been checked, its growth written out. */
interface WaitRow extends LadderRow {
  readonly do: 'delay' | 'lock'
}

/** A ladder that has been checked, its times in milliseconds. */
export interface EscalationRule extends CountingSettings, AnnouncingSettings {
  readonly kind: 'escalation'
  readonly windowMs: number
  /** `Infinity` when it never challenges. */
  readonly challengeAfter: number
  readonly waits: readonly WaitRow[]
  /** Ascending. */
  readonly alertsAfter: readonly number[]
  readonly onSuccess: 'clear' | 'none'
  readonly retryAfter: 'always' | 'never'
}

/** Every field of a ladder. */
export const escalationFields: readonly string[] = [
  ...countingFields,
  'window',
  'steps',
  'forgive',
  'retryAfter',
  'retryAfterJitter',
]

const stepFields: Readonly<Record<StepInput['do'], readonly string[]>> = {
  challenge: ['after', 'do'],
  delay: ['after', 'do', 'for', 'growth', 'cap'],
  lock: ['after', 'do', 'for', 'growth', 'cap'],
  alert: ['after', 'do'],
}
const acts: readonly StepInput['do'][] = ['challenge', 'delay', 'lock', 'alert']

const MOST_STEPS = 16
const MOST_GROWTH = 16
/** Rows that one growing wait may be written out to. */
const MOST_ROWS = 64
const DEFAULT_CAP_MS = 86_400_000

/** Reads a ladder. */
export function readEscalation(id: string, reader: FieldReader, defaults: RuleDefaults): EscalationRule | undefined {
  const settings = readCountingSettings(id, reader, defaults)
  const windowMs = readDurationField(reader, 'window', 1)
  const retryAfter = readWord(reader, 'retryAfter', ['always', 'never'], 'always')
  const announcing = readAnnouncing(reader)
  const onSuccess = readForgiveness(reader)
  const steps = readSteps(reader)
  if (windowMs === undefined || retryAfter === undefined || announcing === undefined) return undefined
  if (onSuccess === undefined || steps === undefined) return undefined
  return { ...settings, kind: 'escalation', windowMs, ...steps, onSuccess, retryAfter, ...announcing }
}

/** Derives the counter of a ladder. */
export function createLadderCounter(policyId: string, rule: EscalationRule): LadderCounter {
  return {
    shape: 'ladder',
    policyId,
    ruleId: rule.id,
    by: rule.by,
    charge: 'attempt',
    limit: 0,
    capacity: 0,
    windowMs: rule.windowMs,
    cooldownMs: 0,
    quota: undefined,
    challengeAfter: rule.challengeAfter,
    rows: rule.waits,
  }
}

/** Whether the wait in force at so many attempts is a delay or a lock. */
export function waitInForce(rule: EscalationRule, attempts: number): 'delay' | 'lock' {
  return rule.waits.findLast(({ after }) => after <= attempts)?.do ?? 'delay'
}

function readForgiveness(reader: FieldReader): 'clear' | 'none' | undefined {
  const value = ownField(reader.fields, 'forgive')
  if (value === undefined) return 'clear'
  const forgive = openFields(value, `${reader.path}.forgive`, ['onSuccess'], reader.faults)
  return forgive === undefined ? undefined : readWord(forgive, 'onSuccess', ['clear', 'none'], 'clear')
}

interface Steps {
  challengeAfter: number
  waits: WaitRow[]
  alertsAfter: number[]
  lastWaitAfter: number
}

function readSteps(reader: FieldReader): Omit<Steps, 'lastWaitAfter'> | undefined {
  const value = ownField(reader.fields, 'steps')
  const path = `${reader.path}.steps`
  const listed: readonly unknown[] = Array.isArray(value) ? value : []
  if (listed.length === 0 || listed.length > MOST_STEPS) {
    reader.faults.push({ path, message: `must be a list of 1 to ${MOST_STEPS} steps` })
    return undefined
  }
  const before = reader.faults.length
  const steps: Steps = { challengeAfter: Infinity, waits: [], alertsAfter: [], lastWaitAfter: 0 }
  let last = 0
  for (const [index, item] of listed.entries()) {
    const step = openStep(item, `${path}[${index}]`, reader)
    const after = step === undefined ? undefined : readInteger(step.fields, 'after', 1, MAX_UNITS)
    if (step === undefined || after === undefined) continue
    if (after < last)
      reader.faults.push({ path: `${path}[${index}].after`, message: 'must not be below the step before' })
    last = after
    addStep(steps, step, after)
  }
  const { challengeAfter, waits, alertsAfter } = steps
  return reader.faults.length === before ? { challengeAfter, waits, alertsAfter } : undefined
}

interface OpenStep {
  readonly act: StepInput['do']
  readonly fields: FieldReader
}

function openStep(item: unknown, path: string, reader: FieldReader): OpenStep | undefined {
  const every = openFields(item, path, stepFields.delay, reader.faults)
  if (every === undefined) return undefined
  const act = readWord(every, 'do', acts)
  if (act === undefined) return undefined
  for (const name of stepFields.delay) {
    if (stepFields[act].includes(name) || ownField(every.fields, name) === undefined) continue
    reader.faults.push({ path: `${path}.${name}`, message: `has no meaning for "${act}"` })
  }
  return { act, fields: every }
}

function addStep(steps: Steps, { act, fields }: OpenStep, after: number): void {
  switch (act) {
    case 'challenge':
      steps.challengeAfter = Math.min(steps.challengeAfter, after)
      break
    case 'alert':
      steps.alertsAfter.push(after)
      break
    case 'delay':
    case 'lock':
      addWait(steps, act, fields, after)
      break
  }
}

function addWait(steps: Steps, act: 'delay' | 'lock', fields: FieldReader, after: number): void {
  const { path, faults } = fields
  const { waits } = steps
  const firstMs = readDurationField(fields, 'for', 1)
  const growth = readNumber(fields, 'growth', 1, MOST_GROWTH, 1)
  if (firstMs === undefined || growth === undefined) return
  const capMs = readDurationField(fields, 'cap', firstMs, Math.max(firstMs, DEFAULT_CAP_MS))
  if (capMs === undefined) return
  if (steps.lastWaitAfter === after) faults.push({ path: `${path}.after`, message: 'has two waits' })
  steps.lastWaitAfter = after
  // A later step replaces what the growth of an earlier one has written beyond it.
  while ((waits.at(-1)?.after ?? 0) >= after) waits.pop()
  let waitMs = firstMs
  for (let row = 0; row < MOST_ROWS; row += 1) {
    waits.push({ after: after + row, waitMs: Math.min(capMs, Math.ceil(waitMs)), do: act })
    if (growth === 1 || waitMs >= capMs) return
    waitMs = Math.min(MAX_DURATION_MS, waitMs * growth)
  }
  faults.push({
    path: `${path}.growth`,
    message: `cannot be kept as written: it reaches its cap in more than ${MOST_ROWS} attempts`,
  })
}
