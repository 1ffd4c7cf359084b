import { createHash } from 'node:crypto'
import type { LoadedPolicy } from './load.ts'

/**
 * Names the policies in force in 12 hex digits: equal where the same rules decide the same requests, whoever said them.
 * Two processes with one version decide alike.
 */
export function policyVersion(policies: readonly LoadedPolicy[]): string {
  const content = policies.map(({ policy, matches }) => ({ policy, matches })).sort(byId)
  return createHash('sha256').update(JSON.stringify(content, inOrder)).digest('hex').slice(0, 12)
}

type Content = Pick<LoadedPolicy, 'policy' | 'matches'>
const byId = (one: Content, other: Content): number => (one.policy.id < other.policy.id ? -1 : 1)

/** The order of fields says nothing; that of rules does, and they are a list. */
function inOrder(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
}
