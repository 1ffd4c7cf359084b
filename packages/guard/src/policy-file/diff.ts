import type { LoadedPolicy } from './load.ts'

/** One thing that differs between two sets of policies. */
export interface PolicyChange {
  readonly policyId: string
  /** Absent for what is of the policy as a whole. */
  readonly ruleId?: string
  /** The field that differs; absent where a whole policy or rule came or went. */
  readonly field?: string
  /** Absent where it came. */
  readonly before?: unknown
  /** Absent where it went. */
  readonly after?: unknown
}

/**
 * Says what is different about the policies in force, whoever said it, in the order of `before` and then of what is new.
 * What a rule leaves out and what it says of its default differ here and decide alike.
 */
export function diffPolicies(before: readonly LoadedPolicy[], after: readonly LoadedPolicy[]): readonly PolicyChange[] {
  return pair(before, after, ({ policy }) => policy.id).flatMap(([policyId, one, other]) => {
    if (one === undefined) return [{ policyId, after: shapeOf(other) }]
    if (other === undefined) return [{ policyId, before: shapeOf(one) }]
    return diffPolicy(policyId, one, other)
  })
}

function diffPolicy(policyId: string, one: LoadedPolicy, other: LoadedPolicy): readonly PolicyChange[] {
  const { rules, ...settings } = one.policy
  const { rules: otherRules, ...otherSettings } = other.policy
  const whole = diffFields({ ...settings, ...matchOf(one) }, { ...otherSettings, ...matchOf(other) })
  const changes: PolicyChange[] = whole.map((change) => ({ policyId, ...change }))
  const pairs = pair(rules, otherRules, ({ id }) => id)
  for (const [ruleId, rule, otherRule] of pairs) {
    if (rule === undefined) changes.push({ policyId, ruleId, after: otherRule })
    else if (otherRule === undefined) changes.push({ policyId, ruleId, before: rule })
    else changes.push(...diffFields({ ...rule }, { ...otherRule }).map((change) => ({ policyId, ruleId, ...change })))
  }
  const kept = pairs.filter(([, rule, otherRule]) => rule !== undefined && otherRule !== undefined)
  const order = (list: readonly { readonly id: string }[]) =>
    list.map(({ id }) => id).filter((id) => kept.some(([known]) => known === id))
  if (!isSame(order(rules), order(otherRules))) {
    changes.push({ policyId, field: 'order of rules', before: order(rules), after: order(otherRules) })
  }
  return changes
}

type FieldChange = Required<Pick<PolicyChange, 'field'>> & Pick<PolicyChange, 'before' | 'after'>
type Fields = Readonly<Record<string, unknown>>

function diffFields(one: Fields, other: Fields): readonly FieldChange[] {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])]
  return names
    .filter((name) => !isSame(one[name], other[name]))
    .map((field) => ({
      field,
      ...(one[field] !== undefined && { before: one[field] }),
      ...(other[field] !== undefined && { after: other[field] }),
    }))
}

function shapeOf(loaded: LoadedPolicy | undefined): unknown {
  return loaded && { ...loaded.policy, ...matchOf(loaded) }
}

/** As a person writes it: `POST /login`. */
function matchOf({ matches }: LoadedPolicy): { readonly match?: readonly string[] } {
  if (matches.length === 0) return {}
  return { match: matches.map(({ methods, path }) => (methods === undefined ? path : `${methods.join(',')} ${path}`)) }
}

/** Members of two lists under one key: those of the first in its order, then the others. */
function pair<Item>(
  one: readonly Item[],
  other: readonly Item[],
  keyOf: (item: Item) => string,
): readonly (readonly [string, Item | undefined, Item | undefined])[] {
  const [left, right] = [one, other].map((list) => new Map(list.map((item) => [keyOf(item), item])))
  const keys = [...new Set([...(left?.keys() ?? []), ...(right?.keys() ?? [])])]
  return keys.map((key) => [key, left?.get(key), right?.get(key)])
}

/** Policies are plain data, and one order of fields: that in which they were written. */
function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  const [left, right]: [Fields, Fields] = [{ ...one }, { ...other }]
  return [...names].every((name) => isSame(left[name], right[name]))
}
