import { nearestWord, PolicyError, type PolicyFault } from '../faults.ts'
import { checkPolicy, type PolicyInput } from '../policy.ts'
import { type MergedPolicy, mergePolicy } from './merge.ts'
import { type PolicyEntry, readPolicyFile } from './schema.ts'

/**
 * Lays a policy file over the policies declared beside the routes.
 *
 * Strict, because a typo read leniently is a route without protection: an unknown policy, rule, field
 * or unit refuses the whole file.
 *
 * @param parsed - What the YAML or JSON reader gave; the guard reads no file itself.
 * @param base - The declared policies. They are not changed.
 * @returns Every policy of `base`, in its order, with the file applied; each passes `definePolicy`.
 * @throws PolicyError with every fault of the file, each with its path and the spelling probably meant.
 */
export function loadPolicyFile(parsed: unknown, base: readonly PolicyInput[]): PolicyInput[] {
  const faults: PolicyFault[] = []
  const entries = readPolicyFile(parsed, faults)
  const declared = base.map(({ id }) => id)
  for (const id of entries.keys()) {
    if (!declared.includes(id)) faults.push(undeclaredPolicy(id, declared))
  }
  const merged = base.map((policy) => applyEntry(policy, entries.get(policy.id), faults))
  if (faults.length > 0) throw new PolicyError(faults)
  return merged
}

function applyEntry(policy: PolicyInput, entry: PolicyEntry | undefined, faults: PolicyFault[]): PolicyInput {
  if (entry === undefined) return policy
  const merged = mergePolicy(policy, entry, faults)
  const before = faults.length
  checkPolicy(merged, `policies.${policy.id}`, faults)
  return faults.length === before ? asPolicyInput(merged) : policy
}

/** What `checkPolicy` finds no fault in has the shape of its input. */
function asPolicyInput(merged: MergedPolicy): PolicyInput {
  const checked: unknown = merged
  // The check just made is what proves the type.
  return checked as PolicyInput
}

function undeclaredPolicy(id: string, declared: readonly string[]): PolicyFault {
  const path = `policies.${id.slice(0, 64)}`
  const message = 'no route declares this policy'
  const nearest = nearestWord(id, declared)
  return nearest === undefined ? { path, message } : { path, message, suggestion: nearest }
}
