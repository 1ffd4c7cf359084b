import { nearestWord, type PolicyFault } from '../faults.ts'
import { ownField } from '../fields.ts'
import type { PolicyInput } from '../policy.ts'
import type { PolicyEntry, RuleEntry } from './schema.ts'

/** A policy as merged and not yet checked. */
export interface MergedPolicy {
  readonly id: string
  readonly rules: readonly Readonly<Record<string, unknown>>[]
  readonly [field: string]: unknown
}

/**
 * Lays the file over one policy. The file wins for each rule id: the fields it names replace, `"off"`
 * removes, an id it adds is appended as a whole rule; nothing is merged deeper. A `kind` other than
 * the rule's own makes the entry a whole rule too.
 */
export function mergePolicy(base: PolicyInput, entry: PolicyEntry, faults: PolicyFault[]): MergedPolicy {
  const rules: Readonly<Record<string, unknown>>[] = []
  const known = new Set<string>()
  for (const rule of base.rules) {
    known.add(rule.id)
    const change = entry.rules.get(rule.id)
    if (change === 'off') continue
    rules.push(change === undefined ? { ...rule } : mergeRule({ ...rule }, rule.id, change))
  }
  for (const [id, added] of entry.rules) {
    if (!known.has(id)) appendRule(rules, `policies.${base.id}.rules.${id}`, id, added, [...known], faults)
  }
  const { id: _, rules: __, ...settings } = base
  return { ...settings, ...entry.fields, id: base.id, rules }
}

function mergeRule(
  rule: Readonly<Record<string, unknown>>,
  id: string,
  change: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const kind = ownField(change, 'kind')
  return kind === undefined || kind === rule['kind'] ? { ...rule, ...change, id } : { ...change, id }
}

/** A misspelt id of a rule looks like a new one that lacks its fields: it is told as what it is. */
function appendRule(
  rules: Readonly<Record<string, unknown>>[],
  path: string,
  id: string,
  added: RuleEntry,
  known: readonly string[],
  faults: PolicyFault[],
): void {
  if (added !== 'off' && ownField(added, 'kind') !== undefined) {
    rules.push({ ...added, id })
    return
  }
  const nearest = nearestWord(id, known)
  const message = 'no such rule in this policy; a new rule needs its "kind"'
  faults.push(nearest === undefined ? { path, message } : { path, message, suggestion: nearest })
}
