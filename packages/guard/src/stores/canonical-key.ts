import type { Counter } from '../store.ts'

/**
 * The key of a counter as one text that no other counter and no other values give: each part behind
 * its length. It holds addresses and account names: a store that others can read keeps a keyed hash of it.
 *
 * The limit and the window are not in it: a changed limit keeps its counters.
 */
export function canonicalKey(counter: Counter, values: readonly string[]): string {
  const { shape, policyId, ruleId, by } = counter
  let key = `${part(shape)}${part(policyId)}${part(ruleId)}${part(by.join(' '))}`
  for (const value of values) key += part(value)
  return key
}

function part(text: string): string {
  return `${text.length}:${text}`
}
