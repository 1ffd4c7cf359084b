import { CLIENT_WORDS, REQUESTS } from './clients.ts'
import { readHuman } from './human.ts'
import { limitCurve, readMaxima, suggestLimit } from './maxima.ts'
import { type ClientSources, factsOf, readClient } from './read-clients.ts'
import type { ClientReading, Comparison, LimitReading, NearMiss, RuleReading, TrialReading } from './result.ts'
import {
  CLIENT_CHALLENGED,
  CLIENT_REFUSED,
  CLIENT_STRIDE,
  MOST_COUNT,
  maximumOf,
  OVER,
  REFUSED_MARK,
  TOUCHED,
  type Trial,
} from './trial.ts'
import type { TrialRule } from './trial-policy.ts'
import { wordAt } from './words.ts'

/** What a reading is asked for. */
export interface ReadingOptions {
  /** Rows of clients, at most. */
  readonly top: number
  /** Of the clients of a rule, the share that a suggested limit may refuse. */
  readonly suggestShare: number | undefined
}

/** From this share of a limit on a client has come close to it. */
const NEAR = 0.8

/** Reads what a trial has found. */
export function readTrial(trial: Trial, sources: ClientSources, options: ReadingOptions): TrialReading {
  const refused = refusedClients(trial, sources.table.size)
  const looks = { human: 0, unclear: 0, automated: 0 }
  for (const client of refused) looks[readHuman(factsOf(sources.table, client), sources.log).verdict] += 1
  const evictions = trial.evictions()
  const isWhole = evictions === 0 && sources.table.forgotten === 0
  return {
    name: trial.name,
    requests: trial.requests,
    exempt: trial.exempt,
    admitted: trial.requests - trial.refused - trial.challenged,
    challenged: trial.challenged,
    refused: trial.refused,
    shadowRefused: trial.shadowRefused,
    clients: { refused: refused.length, ...looks },
    policies: trial.policies.map(({ id, requests, refused: denied, challenged, shadowRefused }) => ({
      id,
      requests,
      refused: denied,
      challenged,
      shadowRefused,
    })),
    rules: trial.rules.map((rule) => readRule(trial, rule, sources.table.size, isWhole, options)),
    unjudged: trial.unjudged,
    refusedClients: mostRefused(trial, refused, sources, options.top),
    nearMisses: nearMisses(trial, sources, options.top),
    timeline: trial.timeline.read(),
    evictions,
  }
}

/** The numbers of the clients that were refused or challenged. */
function refusedClients(trial: Trial, size: number): readonly number[] {
  const found: number[] = []
  for (let client = 0; client < size; client += 1) if (isRefused(trial, client)) found.push(client)
  return found
}

/** Whether a client was refused or challenged. */
function isRefused(trial: Trial, client: number): boolean {
  const at = client * CLIENT_STRIDE
  return wordAt(trial.clients, at + CLIENT_REFUSED) + wordAt(trial.clients, at + CLIENT_CHALLENGED) > 0
}

/** The most refused of some clients. */
function mostRefused(
  trial: Trial,
  clients: readonly number[],
  sources: ClientSources,
  top: number,
): readonly ClientReading[] {
  const refusals = (client: number): number =>
    wordAt(trial.clients, client * CLIENT_STRIDE + CLIENT_REFUSED) +
    wordAt(trial.clients, client * CLIENT_STRIDE + CLIENT_CHALLENGED)
  return [...clients]
    .sort((one, other) => refusals(other) - refusals(one) || one - other)
    .slice(0, top)
    .map((client) => readClient(sources, trial, client))
}

function nearMisses(trial: Trial, { table, log, nameOf }: ClientSources, top: number): readonly NearMiss[] {
  const found: { readonly client: number; readonly rule: TrialRule; readonly used: number }[] = []
  for (const rule of trial.rules) {
    // A rule in shadow refuses nobody, so nobody comes near being refused by it.
    if (rule.capacity === 0 || rule.rule.mode === 'shadow') continue
    for (let client = 0; client < table.size; client += 1) {
      const mark = wordAt(trial.marks, client * trial.rules.length + rule.index)
      const used = mark & MOST_COUNT
      if ((mark & OVER) === 0 && used >= rule.capacity * NEAR) found.push({ client, rule, used })
    }
  }
  return found
    .sort((one, other) => other.used / other.rule.capacity - one.used / one.rule.capacity || one.client - other.client)
    .slice(0, top)
    .map(({ client, rule, used }) => ({
      client: nameOf(client),
      rule: `${rule.policyId}/${rule.rule.id}`,
      used,
      limit: rule.capacity,
      requests: table.words[client * CLIENT_WORDS + REQUESTS] ?? 0,
      human: readHuman(factsOf(table, client), log),
    }))
}

function readRule(
  trial: Trial,
  trialRule: TrialRule,
  size: number,
  isWhole: boolean,
  options: ReadingOptions,
): RuleReading {
  const { rule } = trialRule
  const { clientsTouched, clientsRefused, clientsOver } = countMarks(trial, trialRule, size)
  const isWindow = rule.kind === 'rate-limit' || rule.kind === 'lockout'
  return {
    policyId: trialRule.policyId,
    ruleId: rule.id,
    kind: rule.kind,
    by: 'by' in rule ? (typeof rule.by === 'string' ? [rule.by] : rule.by) : [],
    mode: rule.mode,
    limit: isWindow ? trialRule.capacity : null,
    windowMs: isWindow ? rule.windowMs : null,
    cooldownMs: isWindow && 'cooldownMs' in rule ? rule.cooldownMs : null,
    requests: trialRule.requests,
    refused: trialRule.refused,
    challenged: trialRule.challenged,
    shadowRefused: trialRule.shadowRefused,
    clientsTouched,
    clientsRefused: rule.mode === 'shadow' ? clientsOver : clientsRefused,
    isPartly: trialRule.isPartly,
    ...(trialRule.measure !== undefined && {
      limits: readLimits(trial, trialRule, size, isWhole && clientsOver === 0, options.suggestShare),
    }),
  }
}

function countMarks(trial: Trial, { index, departed }: TrialRule, size: number) {
  let clientsTouched = 0
  let clientsRefused = 0
  let clientsOver = 0
  for (const clients of departed.values()) clientsTouched += clients
  for (let client = 0; client < size; client += 1) {
    const mark = wordAt(trial.marks, client * trial.rules.length + index)
    if ((mark & TOUCHED) !== 0) clientsTouched += 1
    if ((mark & REFUSED_MARK) !== 0) clientsRefused += 1
    if ((mark & OVER) !== 0) clientsOver += 1
  }
  return { clientsTouched, clientsRefused, clientsOver }
}

function readLimits(
  trial: Trial,
  rule: TrialRule,
  size: number,
  isExact: boolean,
  targetShare: number | undefined,
): LimitReading {
  const maxima = readMaxima(maximaOf(trial, rule, size), rule.departed)
  const suggestion = targetShare === undefined ? undefined : suggestLimit(maxima, targetShare)
  return {
    curve: limitCurve(maxima),
    precision: isExact ? 'exact' : 'upper-bound',
    ...(suggestion !== undefined && targetShare !== undefined && { suggestion: { ...suggestion, targetShare } }),
  }
}

function* maximaOf(trial: Trial, { index }: TrialRule, size: number): Generator<number> {
  for (let client = 0; client < size; client += 1) {
    const at = client * trial.rules.length + index
    if ((wordAt(trial.marks, at) & TOUCHED) !== 0) yield Math.max(1, maximumOf(trial, at))
  }
}

/** Whom two trials of the same requests refuse. */
export function readComparison(
  one: Trial,
  other: Trial,
  { both, onlyFirst, onlySecond }: Comparison['requests'],
  sources: ClientSources,
  top: number,
): Comparison {
  const byOne = refusedClients(one, sources.table.size)
  const byOther = refusedClients(other, sources.table.size)
  const justOne = byOne.filter((client) => !isRefused(other, client))
  const justOther = byOther.filter((client) => !isRefused(one, client))
  return {
    requests: { both, onlyFirst, onlySecond },
    clients: { both: byOne.length - justOne.length, onlyFirst: justOne.length, onlySecond: justOther.length },
    onlyFirst: mostRefused(one, justOne, sources, top),
    onlySecond: mostRefused(other, justOther, sources, top),
  }
}
