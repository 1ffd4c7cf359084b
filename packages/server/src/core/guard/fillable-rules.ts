import { definePolicy, type LoadedPolicy, type Policy, type PolicyFault, type Subject } from '@rempart/guard'
import { isScope } from '../access/access.ts'
import type { ReputationSettings } from '../reputation/reputation.ts'
import type { RouteFacts } from '../request/route-table.ts'
import type { PolicySet } from './policy-set.ts'
import type { SubjectSettings } from './subjects.ts'

type Rule = Policy['rules'][number]
type SignalRule = Extract<Rule, { kind: 'signal' }>

/** What decides which evidence this server has. */
export type EvidenceSettings = Pick<SubjectSettings, 'countryHeader'> &
  Pick<ReputationSettings, 'reputationLists' | 'abuseIpDbKey'>

/**
 * The rules that this server would accept and that would never count, for want of what they ask for: each a fault at its
 * place in the file. A preset may look further than this release: its rules are left alone.
 *
 * Trap fields, render tokens and their times are judged by the forms themselves, where a filled trap is answered exactly
 * like a success; a rule that refused by them would tell a robot which field it fell for.
 */
export function unfillableRules(
  set: PolicySet,
  routes: readonly RouteFacts[],
  settings: EvidenceSettings,
): readonly PolicyFault[] {
  return set.policies.flatMap((loaded) => {
    const known = knownUnder(loaded, set, routes)
    return definePolicy(loaded.policy).rules.flatMap((rule) => {
      if (isFromPreset(loaded, rule.id)) return []
      const path = `policies.${loaded.policy.id}.rules.${rule.id}`
      return faultsOf(rule, settings, known).map(({ field, message }) => ({ path: `${path}${field}`, message }))
    })
  })
}

interface Fault {
  readonly field: '' | '.by' | `.sources[${number}]`
  readonly message: string
}

/** What is known of some request that a policy is for. */
interface Known {
  readonly tenant: boolean
  readonly apiKey: boolean
  readonly account: boolean
}

function isFromPreset({ origins }: LoadedPolicy, ruleId: string): boolean {
  return origins.get(`rules.${ruleId}`)?.startsWith('preset:') === true
}

function knownUnder({ policy }: LoadedPolicy, set: PolicySet, routes: readonly RouteFacts[]): Known {
  const own = routes.filter(({ method, url, config }) =>
    set
      .of({ method, url, route: { url, ...(config.guard !== undefined && { guard: config.guard }) } })
      .includes(policy.id),
  )
  return {
    tenant: own.some(({ config: { access } }) => access !== undefined && access !== 'none'),
    apiKey: own.some(({ config: { access, keyScope } }) =>
      access === 'public' ? keyScope !== undefined : access !== undefined && isScope(access),
    ),
    account:
      own.some(({ config }) => config.accountRules === true) ||
      routes.some(({ config }) => config.accountPolicies?.includes(policy.id) === true),
  }
}

function faultsOf(rule: Rule, settings: EvidenceSettings, known: Known): readonly Fault[] {
  switch (rule.kind) {
    case 'quota':
      return [{ field: '', message: 'is not counted by this server, whose one quota is set with each tenant' }]
    case 'signal':
      return signalFaults(rule, settings)
    case 'access-list':
      if (rule.by !== 'country') return wanting('.by', rule.by === 'api-key' ? keyFault(known) : undefined)
      return wanting('.by', settings.countryHeader === undefined ? needs('REMPART_COUNTRY_HEADER') : undefined)
    default:
      return rule.by.flatMap((subject) => wanting('.by', subjectFault(subject, known)))
  }
}

function wanting(field: Fault['field'], message: string | undefined): readonly Fault[] {
  return message === undefined ? [] : [{ field, message }]
}

function subjectFault(subject: Subject, known: Known): string | undefined {
  if (subject === 'account') {
    return known.account ? undefined : '"account": no route under this policy is an attempt at an account'
  }
  if (subject === 'api-key') return keyFault(known)
  return subject === 'tenant' && !known.tenant ? '"tenant": no route under this policy has a tenant' : undefined
}

const keyFault = ({ apiKey }: Known): string | undefined =>
  apiKey ? undefined : '"api-key": no route under this policy takes an API key'

function signalFaults(rule: SignalRule, settings: EvidenceSettings): readonly Fault[] {
  // Beside a source that is told, reputation may be absent: the same policy serves where there is a list.
  const isAlone = rule.sources.length === 1
  const faults = rule.sources.flatMap(({ source }, index) =>
    wanting(`.sources[${index}]`, sourceFault(source, isAlone, settings)),
  )
  if (faults.length > 0) return faults
  const most = rule.sources.reduce((sum, { source, weight, missing }) => {
    return sum + weight * (isTold(source, settings) ? 100 : missing)
  }, 0)
  if (most >= Math.min(rule.challengeFrom, rule.denyFrom)) return []
  const untold = rule.sources.some(({ source }) => !isTold(source, settings))
  const remedy = untold ? `"reputation" ${needs(reputationSettings)}` : 'lower "challenge" or "deny", or raise a weight'
  return [{ field: '', message: `would never act: its sources add up to ${most} at most; ${remedy}` }]
}

function isTold(source: string, { reputationLists, abuseIpDbKey }: EvidenceSettings): boolean {
  if (source === 'reputation') return reputationLists.length > 0 || abuseIpDbKey !== undefined
  return source === 'userAgent'
}

const reputationSettings = 'REMPART_REPUTATION_LISTS or REMPART_ABUSEIPDB_KEY'

/** Why a source tells this server nothing, and what to do instead. */
function sourceFault(source: string, isAlone: boolean, settings: EvidenceSettings): string | undefined {
  if (isTold(source, settings)) return undefined
  switch (source) {
    case 'reputation':
      return isAlone ? `"reputation" ${needs(reputationSettings)}` : undefined
    case 'honeypot':
    case 'renderToken':
      return `"${source}" is judged by the forms themselves: see the protection of each form`
    case 'proofOfWork':
      return '"proofOfWork" is no source of this server: give the rule a "challenge", and it asks for a proof of work itself'
    case 'country':
      return '"country" is no source of this server: use a rule of the kind "access-list" by "country"'
    default:
      return `"${source}" is told to no rule by this server: userAgent and reputation are`
  }
}

const needs = (names: string): string => `needs ${names}`
