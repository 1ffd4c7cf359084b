import { createHash } from 'node:crypto'
import type { Policy } from './policy.ts'

/**
 * Names a policy as it is in force: 12 hexadecimal digits of a hash over its checked rules. Two
 * spellings of one rule have one version; any change of a figure has another.
 */
export function policyVersion(policy: Policy): string {
  const text = JSON.stringify(policy, (_, value: unknown) => canonical(value))
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

/** Fields in one order, and numbers that JSON has no word for as text. */
function canonical(value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (ArrayBuffer.isView(value)) return Array.from(value as Uint32Array)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
