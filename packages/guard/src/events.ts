import { createHmac } from 'node:crypto'
import type { Decision } from './decision.ts'
import type { Plan, Slate } from './plan.ts'
import type { EscalationRule } from './rules/escalation.ts'
import { type Evidence, readSubject, type Subject, type Subjects } from './subject.ts'

/** One counter of a decision, before it and after it. */
export interface CounterReading {
  readonly ruleId: string
  /** Units, attempts or slots in use. */
  readonly before: number
  readonly after: number
  /** Units, attempts or slots that the request asked for. */
  readonly cost: number
  /** What the counter holds at most at once; 0 for a ladder, which has steps instead. */
  readonly capacity: number
  readonly windowMs: number
  readonly fits: boolean
  /** Whether a cooldown refuses. */
  readonly cooling: boolean
  /** Until the request would fit; `Infinity` for never. */
  readonly waitMs: number
}

/**
 * What a guard tells of a decision that is worth a line: enough to make it again under the same policy.
 * It names nobody: subjects are keyed hashes.
 */
export interface GuardEvent {
  /**
   * `alert`: an attempt has reached an alert of its ladder, once in a climb. `locked`: an attempt that was let through has
   * made a live ladder lock, each time one does; what the lock then refuses is `refused`.
   */
  readonly type: 'refused' | 'challenged' | 'shadow-refused' | 'alert' | 'locked'
  readonly policyId: string
  readonly version: string
  /** The rule that refuses, challenges or alerts. */
  readonly ruleId: string
  readonly reason: Decision['reason']
  /** Unix time. */
  readonly atMs: number
  /** The clock that the counters were read by. */
  readonly clockMs: number
  readonly cost: number
  readonly retryAfterMs: number | undefined
  /** Of `alert` and `locked`: how long the ladder locks from this attempt on; undefined when it does not. */
  readonly lockMs: number | undefined
  /** Whether the store did not answer; the counters are then not known. */
  readonly degraded: boolean
  readonly counters: readonly CounterReading[]
  /** By subject that the policy counts by, and `ip`: 16 hexadecimal digits of its keyed hash. Computed when read. */
  readonly subjects: Readonly<Record<string, string>>
  /** The first 8 digits of the request's fingerprint, when its caller knows it. Computed when read. */
  readonly fpPrefix: string | undefined
  readonly evidence: Evidence | undefined
}

/**
 * Hears an event. The subjects are the ones that the decision's caller gave, who may know more of the request by them; they
 * are personal data, and no part of the event.
 */
export type EventListener = (event: GuardEvent, subjects: Subjects) => void

/** Tells the events of decisions. */
export type Observer = (plan: Plan, slate: Slate, subjects: Subjects, cost: number, clockMs: number) => void

/** Builds the observer that tells a listener, whose exceptions are its own affair. */
export function createObserver(onEvent: EventListener, secret: Uint8Array | string): Observer {
  const tell = (event: GuardEvent, subjects: Subjects): void => {
    try {
      onEvent(event, subjects)
    } catch {
      // A decision does not depend on who listens.
    }
  }
  return (plan, slate, subjects, cost, clockMs) => {
    const { decision } = slate
    if (decision.outcome === 'allow' && !decision.shadow && !plan.tells) return
    const happened = listHappenings(plan, slate)
    if (happened.length === 0) return
    const counters = decision.degraded ? [] : readCounters(plan, slate)
    const hashes = hashSubjects(plan, subjects, secret)
    for (const { type, ruleId, lockMs } of happened) {
      tell(
        {
          type,
          policyId: plan.policyId,
          version: plan.version,
          ruleId,
          reason: decision.reason,
          atMs: Date.now(),
          clockMs,
          cost,
          retryAfterMs: decision.retryAfterMs,
          lockMs,
          degraded: decision.degraded,
          counters,
          get subjects() {
            return hashes()
          },
          get fpPrefix() {
            return subjects.fingerprint?.slice(0, 8)
          },
          get evidence() {
            return subjects.evidence
          },
        },
        subjects,
      )
    }
  }
}

interface Happening {
  readonly type: GuardEvent['type']
  readonly ruleId: string
  readonly lockMs?: number | undefined
}

function listHappenings(plan: Plan, slate: Slate): Happening[] {
  const { outcome, shadowRuleId, ruleId = '', degraded } = slate.decision
  const happened: Happening[] = []
  if (outcome !== 'allow') happened.push({ type: outcome === 'deny' ? 'refused' : 'challenged', ruleId })
  if (shadowRuleId !== undefined) happened.push({ type: 'shadow-refused', ruleId: shadowRuleId })
  return plan.tells && !degraded ? [...happened, ...listReached(plan, slate)] : happened
}

/** What the attempts that were counted have reached on their ladders. */
function listReached(plan: Plan, slate: Slate): Happening[] {
  return plan.counts.slice(0, slate.count).flatMap(({ rule }, index): Happening[] => {
    const take = slate.takes[index]
    if (rule.kind !== 'escalation' || take?.active !== true || !take.charged) return []
    const { id: ruleId } = rule
    const lockMs = lockAfter(rule, take.used)
    const locked: Happening[] = lockMs === undefined ? [] : [{ type: 'locked', ruleId, lockMs }]
    return rule.alertsAfter.includes(take.used) ? [...locked, { type: 'alert', ruleId, lockMs }] : locked
  })
}

function lockAfter({ mode, waits }: EscalationRule, attempts: number): number | undefined {
  const wait = mode === 'live' ? waits.findLast(({ after }) => after <= attempts) : undefined
  return wait?.do === 'lock' ? wait.waitMs : undefined
}

/** The counters of a decision, in the policy's order. */
export function readCounters(plan: Plan, slate: Slate): CounterReading[] {
  return plan.counts.slice(0, slate.count).flatMap(({ rule }, index) => {
    const take = slate.takes[index]
    if (!take?.active) return []
    const before = take.charged ? take.used - take.cost : take.used
    const { used, cost, fits, waitMs, cooling, counter } = take
    const { capacity, windowMs } = counter
    return [{ ruleId: rule.id, before, after: used, cost, capacity, windowMs, fits, waitMs, cooling }]
  })
}

/** What was counted by is read at once, and hashed when somebody asks. */
function hashSubjects(plan: Plan, subjects: Subjects, secret: Uint8Array | string): () => Record<string, string> {
  const values = plan.subjects.map((subject) => [subject, readSubject(subjects, subject)] as const)
  let hashes: Record<string, string> | undefined
  return () => {
    hashes ??= Object.fromEntries(
      values.flatMap(([subject, value]) => (value === undefined ? [] : [[subject, hashOf(subject, value, secret)]])),
    )
    return hashes
  }
}

function hashOf(subject: Subject, value: string, secret: Uint8Array | string): string {
  return createHmac('sha256', secret).update(`${subject.length}:${subject}${value}`).digest('hex').slice(0, 16)
}
