import { nearestWord, type PolicyFault } from '../faults.ts'
import { ownField } from '../fields.ts'
import type { PolicyInput } from '../policy.ts'
import type { RequestMatch } from './path-pattern.ts'
import type { PolicyEntry, RuleEntry } from './schema.ts'

/** One of the layers that make a policy, from below: beside the route, presets, the file. */
export type PolicyLayer = 'code' | 'file' | `preset:${string}`

type RuleFields = Readonly<Record<string, unknown>>

/** A policy on its way through the layers, not yet checked. */
export interface PolicyDraft {
  readonly id: string
  readonly settings: Readonly<Record<string, unknown>>
  readonly matches: readonly RequestMatch[]
  readonly rules: ReadonlyMap<string, RuleFields>
  /** Who said it last, by path in the policy: `mode`, `match`, `rules.burst`, `rules.burst.limit`; also of what is off. */
  readonly origins: ReadonlyMap<string, PolicyLayer>
}

/** A policy as it is declared in code. */
export function draftOfPolicy({ id, rules, ...settings }: PolicyInput): PolicyDraft {
  const origins = new Map<string, PolicyLayer>()
  for (const rule of rules) noteRule(origins, rule.id, { ...rule }, 'code', true)
  for (const name of Object.keys(settings)) origins.set(name, 'code')
  return { id, settings, matches: [], rules: new Map(rules.map((rule) => [rule.id, { ...rule }])), origins }
}

/** A policy that nothing below declares. */
export function emptyDraft(id: string): PolicyDraft {
  return { id, settings: {}, matches: [], rules: new Map(), origins: new Map() }
}

/**
 * Lays an entry over a policy. The upper layer wins for each rule id: the fields it names replace, `"off"` removes, an
 * id it adds is appended as a whole rule; nothing is merged deeper. A `kind` other than the rule's own makes the entry a
 * whole rule too.
 *
 * @param path - What the paths of faults begin with.
 */
export function mergeEntry(
  below: PolicyDraft,
  entry: PolicyEntry,
  layer: PolicyLayer,
  path: string,
  faults: PolicyFault[],
): PolicyDraft {
  const origins = new Map(below.origins)
  const rules = new Map(below.rules)
  for (const name of Object.keys(entry.fields)) origins.set(name, layer)
  if (entry.matches !== undefined) origins.set('match', layer)
  for (const [id, change] of entry.rules) {
    const known = rules.get(id)
    if (known === undefined && isNoRule(change)) {
      faults.push(unknownRule(`${path}.rules.${id.slice(0, 64)}`, id, [...below.rules.keys()]))
      continue
    }
    noteRule(origins, id, change, layer, known === undefined || isOtherKind(known, change))
    if (change === 'off') rules.delete(id)
    else rules.set(id, mergeRule(known, id, change))
  }
  const settings = { ...below.settings, ...entry.fields }
  return { id: below.id, settings, matches: entry.matches ?? below.matches, rules, origins }
}

function mergeRule(known: RuleFields | undefined, id: string, change: RuleFields): RuleFields {
  return known === undefined || isOtherKind(known, change) ? { ...change, id } : { ...known, ...change, id }
}

function noteRule(
  origins: Map<string, PolicyLayer>,
  id: string,
  change: RuleEntry,
  layer: PolicyLayer,
  isWhole: boolean,
): void {
  if (isWhole || change === 'off') origins.set(`rules.${id}`, layer)
  if (change === 'off') return
  for (const name of Object.keys(change)) if (name !== 'id') origins.set(`rules.${id}.${name}`, layer)
}

/** A misspelt id of a rule looks like a new one that lacks its fields: it is told as what it is. */
const isNoRule = (entry: RuleEntry): boolean => entry === 'off' || ownField(entry, 'kind') === undefined

function isOtherKind(rule: RuleFields, change: RuleEntry): boolean {
  if (change === 'off') return false
  const kind = ownField(change, 'kind')
  return kind !== undefined && kind !== rule['kind']
}

function unknownRule(path: string, id: string, known: readonly string[]): PolicyFault {
  const nearest = nearestWord(id, known)
  const message = 'no such rule in this policy; a new rule needs its "kind"'
  return nearest === undefined ? { path, message } : { path, message, suggestion: nearest }
}
