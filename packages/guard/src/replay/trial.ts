import type { ClientAddress } from '../client-address.ts'
import { decide } from '../decide.ts'
import type { Decision } from '../decision.ts'
import { createGuard } from '../guard.ts'
import type { Plan } from '../plan.ts'
import type { PolicyInput } from '../policy.ts'
import type { Store, Take } from '../store.ts'
import { createMemoryStore } from '../stores/memory.ts'
import type { LoggedAgent } from './agents.ts'
import { type ArrivalCounters, createArrivalCounters } from './arrivals.ts'
import { judgedPart, type UnjudgedRule } from './judged-rules.ts'
import { coarsen } from './maxima.ts'
import type { RouteStep } from './routes.ts'
import { createTimeline, type Timeline } from './timeline.ts'
import {
  createTrialPolicy,
  createTrialSubjects,
  type TrialPolicy,
  type TrialRule,
  type TrialSubjects,
} from './trial-policy.ts'
import { addOne, setBits, wordAt } from './words.ts'

/** What became of a request under one policy set. */
export type TrialOutcome = 0 | 1 | 2
export const ADMITTED = 0
export const CHALLENGED = 1
export const REFUSED = 2

/** A policy set as it is tried: its rules, what they have counted, and what they have done to whom. */
export interface Trial {
  readonly name: string
  readonly policies: readonly TrialPolicy[]
  readonly rules: readonly TrialRule[]
  readonly unjudged: readonly UnjudgedRule[]
  readonly timeline: Timeline
  /** Four words for each client: refused, challenged, refused in shadow, the rule that first refused it (from 1). */
  clients: Int32Array
  /** One word for each client and rule: the greatest count, and three marks. */
  marks: Int32Array
  /** One word for each client and rule: the greatest count with no limit; 0 while it is not measured. */
  measured: Int32Array
  /** One word for each client and rule: its counter of arrivals, from 1; 0 for none. */
  counters: Int32Array
  readonly arrivals: ArrivalCounters
  requests: number
  exempt: number
  refused: number
  challenged: number
  shadowRefused: number
  /** Counters forgotten under pressure, in the stores of the trial. */
  evictions(): number
  /** Decides one request. */
  decide(client: number, steps: readonly RouteStep[], nowMs: number, request: TrialRequest): TrialOutcome
  /** Forgets a client. */
  forget(client: number): void
}

/** What the log says of a request besides its client and its time. */
export interface TrialRequest {
  address: ClientAddress
  agent: LoggedAgent
  status: number
}

/** Words of a client in `Trial.clients`, and the places among them. */
export const CLIENT_STRIDE = 4
export const CLIENT_REFUSED = 0
export const CLIENT_CHALLENGED = 1
const CLIENT_SHADOW = 2
/** From 1; 0 for none. */
export const CLIENT_RULE = 3

/** Marks of a client under a rule, beside its greatest count. */
/** Whether it did not fit the rule's counter at least once, whichever rule refused it. */
export const OVER = 2 ** 27
const MEASURING = 2 ** 28
export const TOUCHED = 2 ** 29
/** Whether the rule was the first to refuse it. */
export const REFUSED_MARK = 2 ** 30
export const MOST_COUNT = 2 ** 27 - 1

const DAY_MS = 86_400_000

/**
 * Puts a policy set on trial: the engine that decides live, over a store of its own, under the clock of the log.
 *
 * @param storeBytes - Memory for its counters; half as much again counts arrivals without a limit.
 * @throws PolicyError for a policy that cannot be enforced as written.
 */
export function createTrial(name: string, inputs: readonly PolicyInput[], storeBytes: number): Trial {
  const store = createMemoryStore({ budgetBytes: storeBytes })
  const measureStore = createMemoryStore({ budgetBytes: storeBytes / 4 })
  const rules: TrialRule[] = []
  const judged = inputs.map(judgedPart)
  const policies = judged.map((each) => createTrialPolicy(each, rules))
  let clock = 0
  const guard = createGuard({
    policies: judged.flatMap(({ input }, index) => (policies[index]?.forgives === true ? [input] : [])),
    store,
    nowMs: () => clock,
  })
  const subjects = createTrialSubjects()

  const trial: Trial = {
    name,
    policies,
    rules,
    unjudged: judged.flatMap(({ unjudged }) => unjudged),
    timeline: createTimeline(1 + rules.length),
    clients: new Int32Array(0),
    marks: new Int32Array(0),
    measured: new Int32Array(0),
    counters: new Int32Array(0),
    arrivals: createArrivalCounters(storeBytes / 4),
    requests: 0,
    exempt: 0,
    refused: 0,
    challenged: 0,
    shadowRefused: 0,
    evictions: () => {
      const counters = store.stats()
      return counters.evictions + counters.blockedEvictions + measureStore.stats().evictions
    },
    decide(client, steps, nowMs, request) {
      clock = nowMs
      if (client * CLIENT_STRIDE >= trial.clients.length) grow(trial, client)
      trial.requests += 1
      const second = Math.floor(nowMs / 1_000)
      trial.timeline.add(second, 0)
      if (steps.length === 0) trial.exempt += 1
      subjects.ip = request.address
      subjects.agent = request.agent
      subjects.day = Math.floor(nowMs / DAY_MS)
      for (let index = 0; index < steps.length; index += 1) {
        const step = steps[index]
        const outcome = step === undefined ? ADMITTED : ask(step, client, second, nowMs, request.status)
        if (outcome !== ADMITTED) return outcome
      }
      return ADMITTED
    },
    forget: (client) => forget(trial, client),
  }

  /** Asks one policy, as live: the next one is asked when it admits. */
  const ask = (step: RouteStep, client: number, second: number, nowMs: number, status: number): TrialOutcome => {
    const policy = policies[step.policy]
    if (policy !== undefined) policy.requests += 1
    if (policy?.plan === undefined) return ADMITTED
    subjects.route = step.pattern
    readyEvidence(policy, subjects)
    const decision = decide(policy.plan, store, subjects, 1, nowMs)
    noteCounts(trial, policy, policy.plan, client, measureStore, subjects, nowMs)
    noteChecks(trial, policy, decision, client)
    if (decision.shadow) noteShadow(trial, policy, client)
    if (decision.outcome !== 'allow') return conclude(trial, policy, decision, client, second)
    if (policy.forgives && isSuccess(status)) guard.reportSuccess(policy.id, subjects)
    return ADMITTED
  }

  return trial
}

/** What a sign-in and the like answer when they succeed. */
function isSuccess(status: number): boolean {
  return status >= 200 && status < 400
}

/** The greatest count of a client under a rule: of all arrivals where some did not fit, else of what it has spent. */
export function maximumOf(trial: Trial, at: number): number {
  const mark = wordAt(trial.marks, at)
  const spent = mark & MOST_COUNT
  return (mark & OVER) === 0 ? spent : Math.max(spent, wordAt(trial.measured, at))
}

function readyEvidence(policy: TrialPolicy, subjects: TrialSubjects): void {
  const { agent } = subjects
  subjects.headers = policy.needsHeaders ? { 'user-agent': agent.name } : undefined
  subjects.evidence = policy.needsEvidence ? { signals: { userAgent: agent.reading.score } } : undefined
}

/** Notes where the counters of a decision stand. Those that the store was not shown say nothing. */
function noteCounts(
  trial: Trial,
  policy: TrialPolicy,
  plan: Plan,
  client: number,
  measureStore: Store,
  subjects: TrialSubjects,
  nowMs: number,
): void {
  const { takes, count } = plan.slate
  const base = client * trial.rules.length
  for (let index = 0; index < count; index += 1) {
    const rule = policy.counts[index]
    const take = takes[index]
    if (rule === undefined || !take?.active) continue
    rule.requests += 1
    if (!take.fits && !take.enforced) rule.shadowRefused += 1
    noteCount(trial, take, base + rule.index)
    if (rule.measure !== undefined)
      measure(trial, rule, rule.measure, take, base + rule.index, measureStore, subjects, nowMs)
  }
}

function noteCount(trial: Trial, { used, fits }: Take, at: number): void {
  const mark = wordAt(trial.marks, at)
  const most = Math.max(mark & MOST_COUNT, Math.min(used, MOST_COUNT))
  trial.marks[at] = (mark & ~MOST_COUNT) | most | TOUCHED | (fits ? 0 : OVER)
}

/**
 * Counts an arrival as if there were no limit. Where a client has one counter, this begins when a quarter of the limit is
 * spent: what was spent before goes in at once, dated too late, so that the count is never too low.
 */
function measure(
  trial: Trial,
  rule: TrialRule,
  plan: Plan,
  { fits, used }: Take,
  at: number,
  measureStore: Store,
  subjects: TrialSubjects,
  nowMs: number,
): void {
  const isLazy = rule.ownCounter !== undefined
  const isBegun = (wordAt(trial.marks, at) & MEASURING) !== 0
  if (!isBegun && isLazy && fits && used * 4 < rule.capacity) return
  const units = isBegun || !isLazy ? 1 : Math.max(1, fits ? used : used + 1)
  if (!isBegun) beginMeasuring(trial, rule, at)
  const count = Math.min(countArrivals(trial, rule, plan, at, measureStore, subjects, units, nowMs), MOST_COUNT)
  if (count > wordAt(trial.measured, at)) trial.measured[at] = count
}

function beginMeasuring({ marks, counters, arrivals }: Trial, { ownCounter }: TrialRule, at: number): void {
  setBits(marks, at, MEASURING)
  if (ownCounter !== undefined) counters[at] = arrivals.begin() + 1
}

/** Counts in the client's own counter; in a store where it has several, or where there was no room for one more. */
function countArrivals(
  { counters, arrivals }: Trial,
  { ownCounter }: TrialRule,
  plan: Plan,
  at: number,
  measureStore: Store,
  subjects: TrialSubjects,
  units: number,
  nowMs: number,
): number {
  const counter = wordAt(counters, at)
  if (counter > 0 && ownCounter !== undefined) return arrivals.add(counter - 1, ownCounter, nowMs, units)
  decide(plan, measureStore, subjects, units, nowMs)
  return plan.slate.takes[0]?.used ?? 0
}

/** Lists and signals count nothing: what they decided is told by the decision. */
function noteChecks(trial: Trial, policy: TrialPolicy, decision: Decision, client: number): void {
  for (const rule of policy.checks) {
    rule.requests += 1
    setBits(trial.marks, client * trial.rules.length + rule.index, TOUCHED)
    if (decision.shadowRuleId === rule.rule.id) rule.shadowRefused += 1
  }
}

function noteShadow(trial: Trial, policy: TrialPolicy, client: number): void {
  trial.shadowRefused += 1
  policy.shadowRefused += 1
  addOne(trial.clients, client * CLIENT_STRIDE + CLIENT_SHADOW)
}

function conclude(trial: Trial, policy: TrialPolicy, decision: Decision, client: number, second: number): TrialOutcome {
  const isChallenge = decision.outcome === 'challenge'
  const at = client * CLIENT_STRIDE
  const key = isChallenge ? 'challenged' : 'refused'
  addOne(trial.clients, at + (isChallenge ? CLIENT_CHALLENGED : CLIENT_REFUSED))
  policy[key] += 1
  trial[key] += 1
  const rule = findRule(policy, decision.ruleId)
  if (rule !== undefined) {
    rule[key] += 1
    trial.timeline.add(second, 1 + rule.index)
    setBits(trial.marks, client * trial.rules.length + rule.index, REFUSED_MARK)
    if (wordAt(trial.clients, at + CLIENT_RULE) === 0) trial.clients[at + CLIENT_RULE] = rule.index + 1
  }
  return isChallenge ? CHALLENGED : REFUSED
}

function forget(trial: Trial, client: number): void {
  trial.clients.fill(0, client * CLIENT_STRIDE, (client + 1) * CLIENT_STRIDE)
  for (const { index, departed } of trial.rules) {
    const at = client * trial.rules.length + index
    const count = coarsen(maximumOf(trial, at))
    if (count > 0) departed.set(count, (departed.get(count) ?? 0) + 1)
    if (at < trial.marks.length) {
      const counter = wordAt(trial.counters, at)
      if (counter > 0) trial.arrivals.end(counter - 1)
      trial.counters[at] = 0
      trial.marks[at] = 0
      trial.measured[at] = 0
    }
  }
}

function grow(trial: Trial, client: number): void {
  const count = Math.max(4_096, 2 ** Math.ceil(Math.log2(client + 1)))
  trial.clients = enlarged(trial.clients, count * CLIENT_STRIDE)
  trial.marks = enlarged(trial.marks, count * trial.rules.length)
  trial.measured = enlarged(trial.measured, count * trial.rules.length)
  trial.counters = enlarged(trial.counters, count * trial.rules.length)
}

function enlarged(words: Int32Array, length: number): Int32Array {
  const larger = new Int32Array(length)
  larger.set(words)
  return larger
}

function findRule({ counts, checks }: TrialPolicy, ruleId: string | undefined): TrialRule | undefined {
  return counts.find(({ rule }) => rule.id === ruleId) ?? checks.find(({ rule }) => rule.id === ruleId)
}
