import {
  type ClientAddress,
  type ExplainedRequest,
  type Explanation,
  explainRequests,
  type LoadedPolicy,
  type PolicyLayer,
  type Subjects,
} from '@rempart/guard'
import type { PolicyDocument } from '@rempart/server/policies'
import {
  type Ground,
  type PolicySource,
  placeOf,
  policyFileOf,
  readGround,
  readPolicySource,
} from '../policy-source.ts'
import { note, printDetails, printJson, printTable } from '../terminal.ts'
import { words } from '../words.ts'
import { matchText, ruleText } from './policy-text.ts'

const { headings, policy: said } = words

export interface ExplainOptions {
  readonly file?: string
  readonly ip: ClientAddress
  readonly at?: number
  readonly account?: string
  readonly tenant?: string
  readonly apiKey?: string
  readonly alone?: true
  readonly json?: true
}

/** Says which rules a request is under, who said what of them, and what a client meets who sends it again and again. */
export async function explain(method: string, path: string, chosen: ExplainOptions): Promise<void> {
  const ground = await readGround(chosen.alone === true)
  const source = await readPolicySource(await policyFileOf(chosen.file), ground)
  const route = ground.find(method, path)
  const ids = source.set.of({ method: method.toUpperCase(), url: path, route })
  const policies = ids.flatMap((id) => source.set.policies.find(({ policy }) => policy.id === id) ?? [])
  const subjects: Subjects = {
    ip: chosen.ip,
    account: chosen.account,
    tenant: chosen.tenant,
    'api-key': chosen.apiKey,
    route: route.url ?? path,
    headers: {},
  }
  const atMs = chosen.at ?? Date.now()
  const inputs = policies.map(({ policy }) => policy)
  const explanation = explainRequests(inputs, subjects, atMs)
  const asked: Asked = { method, path, route, policies, subjects, atMs, explanation, source, ground }
  if (chosen.json) printJson(asJson(asked))
  else print(asked)
}

interface Asked {
  readonly method: string
  readonly path: string
  readonly route: ReturnType<Ground['find']>
  readonly policies: readonly LoadedPolicy[]
  readonly subjects: Subjects
  readonly atMs: number
  readonly explanation: Explanation
  readonly source: PolicySource
  readonly ground: Ground
}

function asJson({ method, path, route, policies, atMs, subjects, explanation, source: { document, set } }: Asked) {
  return {
    method,
    path,
    route: route.url ?? null,
    version: set.version,
    file: document?.file ?? null,
    policies: policies.map((loaded) => ({
      ...loaded.policy,
      match: loaded.matches,
      origins: Object.fromEntries(
        [...loaded.origins].map(([field, layer]) => [field, tell(loaded, field, layer, document)]),
      ),
    })),
    ip: subjects.ip.text,
    at: new Date(atMs).toISOString(),
    requests: explanation.requests.map(({ number, decision, counters, headers }) => ({
      number,
      outcome: decision.outcome,
      reason: decision.reason ?? null,
      rule: decision.ruleId ?? null,
      shadowRule: decision.shadowRuleId ?? null,
      retryAfterMs: decision.retryAfterMs ?? null,
      counters: counters.map((counter) => ({
        ...counter,
        waitMs: Number.isFinite(counter.waitMs) ? counter.waitMs : null,
      })),
      headers,
    })),
  }
}

function print(asked: Asked): void {
  const { method, path, route, policies, source } = asked
  const routeName = route.url === undefined ? said.noRoute : `${method.toUpperCase()} ${route.url}`
  printDetails([
    [headings.request, `${method.toUpperCase()} ${path}`],
    ...(asked.ground.base.length === 0 ? [] : [[headings.route, routeName] as const]),
    ...policies.map((loaded) => [headings.policy, `${loaded.policy.id} (${reasonOf(loaded, asked)})`] as const),
    [headings.version, source.set.version],
  ])
  if (policies.length === 0) note(said.free)
  if (policies.length > 1) note(said.several)
  for (const loaded of policies) printRules(loaded, source.document)
  printRequests(asked)
}

function reasonOf({ policy, matches }: LoadedPolicy, { route, ground }: Asked): string {
  if (typeof route.guard === 'object' && route.guard.id === policy.id) return said.ofRoute
  if (policy.id === ground.base[0]?.id && route.guard === undefined && matches.length === 0) return said.ofGeneral
  return said.ofMatch(matchText(matches))
}

interface RuleRow {
  readonly id: string
  readonly kind: string
  readonly says: string
  readonly from: string
}

function printRules(loaded: LoadedPolicy, document: PolicyDocument | undefined): void {
  console.log()
  const rows = rulesOf(loaded, document)
  if (rows.length === 0) {
    console.log(`${loaded.policy.id}: ${said.noRules}`)
    return
  }
  printTable(rows, [
    { heading: headings.rule, cell: ({ id }) => id },
    { heading: headings.kind, cell: ({ kind }) => kind },
    { heading: headings.says, cell: ({ says }) => says, isElastic: true },
    { heading: headings.from, cell: ({ from }) => from },
  ])
}

/** The rules in force, then those that somebody took away. */
function rulesOf(loaded: LoadedPolicy, document: PolicyDocument | undefined): readonly RuleRow[] {
  const { policy, origins } = loaded
  const inForce = policy.rules.map((rule) => ({
    id: rule.id,
    kind: rule.kind,
    says: ruleText({ ...(policy.mode !== undefined && { mode: policy.mode }), ...rule }),
    from: originsOf(loaded, rule.id, document),
  }))
  const known = new Set(policy.rules.map(({ id }) => `rules.${id}`))
  const gone = [...origins].flatMap(([path, layer]) => {
    const isRule = /^rules\.[^.]+$/.test(path) && !known.has(path)
    const from = tell(loaded, path, layer, document)
    return isRule ? [{ id: path.slice('rules.'.length), kind: '-', says: said.off, from }] : []
  })
  return [...inForce, ...gone]
}

/** Who declares the rule, and then who has changed which fields of it. */
function originsOf(loaded: LoadedPolicy, ruleId: string, document: PolicyDocument | undefined): string {
  const { origins } = loaded
  const own = origins.get(`rules.${ruleId}`) ?? 'code'
  const changed = new Map<string, string[]>()
  for (const [path, layer] of origins) {
    const field = path.startsWith(`rules.${ruleId}.`) ? path.slice(`rules.${ruleId}.`.length) : ''
    if (field === '' || layer === own) continue
    const place = tell(loaded, path, layer, document)
    changed.set(place, [...(changed.get(place) ?? []), field])
  }
  const others = [...changed].map(([place, fields]) => `${fields.join(', ')}: ${place}`)
  return [tell(loaded, `rules.${ruleId}`, own, document), ...others].join('; ')
}

function tell(
  { policy }: LoadedPolicy,
  path: string,
  layer: PolicyLayer,
  document: PolicyDocument | undefined,
): string {
  if (layer === 'file') return placeOf(document, `policies.${policy.id}.${path}`)
  return layer === 'code' ? said.route : said.preset(layer.slice('preset:'.length))
}

function printRequests({ explanation, policies, subjects, atMs }: Asked): void {
  const { requests, isEndless } = explanation
  const last = requests.at(-1)
  if (last === undefined) return
  console.log(`\n${said.imagine(subjects.ip.text, new Date(atMs).toISOString())}`)
  printTable(requests, [
    { heading: headings.request, cell: ({ number }) => String(number) },
    { heading: headings.state, cell: outcomeOf },
    { heading: headings.counters, cell: (request) => countersOf(request, policies), isElastic: true },
    {
      heading: headings.retryAfter,
      cell: ({ headers }) => (headers['retry-after'] === undefined ? '-' : `${headers['retry-after']} s`),
    },
  ])
  if (isEndless) note(said.endless(10_000))
  const absent = absentSubjects(policies, subjects)
  if (absent.length > 0) note(said.absent(absent.join(', ')))
  console.log(`\n${said.headersOf(last.number)}`)
  const headers = Object.entries(last.headers)
  if (headers.length === 0) console.log(`  ${said.nothing}`)
  for (const [name, value] of headers) console.log(`  ${name}: ${value}`)
}

function outcomeOf({ decision }: ExplainedRequest): string {
  const { outcome, shadowRuleId, ruleId, reason } = decision
  if (outcome === 'allow') return shadowRuleId === undefined ? said.outcomes.allow : said.shadow(shadowRuleId)
  return `${said.outcomes[outcome]}: ${ruleId ?? ''} (${reason ?? ''})`
}

function countersOf({ counters }: ExplainedRequest, policies: readonly LoadedPolicy[]): string {
  return counters
    .map(({ policyId, ruleId, before, after }) => {
      const limit = limitOf(policies, policyId, ruleId)
      return `${ruleId} ${before} → ${after}${limit === undefined ? '' : ` / ${limit}`}`
    })
    .join(', ')
}

function limitOf(policies: readonly LoadedPolicy[], policyId: string, ruleId: string): number | undefined {
  const rule = policies.find(({ policy }) => policy.id === policyId)?.policy.rules.find(({ id }) => id === ruleId)
  switch (rule?.kind) {
    case 'rate-limit':
      return 'limit' in rule ? rule.limit : rule.burst
    case 'lockout':
      return rule.attempts
    case 'concurrency':
      return rule.slots
    default:
      return undefined
  }
}

/** Subjects that rules count by and the request lacks. */
function absentSubjects(policies: readonly LoadedPolicy[], subjects: Subjects): readonly string[] {
  const named = policies.flatMap(({ policy }) => policy.rules.flatMap((rule) => ('by' in rule ? [rule.by].flat() : [])))
  const known: Readonly<Record<string, unknown>> = { ...subjects }
  return [...new Set(named)].filter((subject) => !/^(?:ip|header:|route)/.test(subject) && known[subject] === undefined)
}
