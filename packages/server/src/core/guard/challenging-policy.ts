import type { CompiledPolicy } from '@rempart/guard'

const known = new WeakMap<CompiledPolicy, boolean>()

/**
 * Whether a policy as it is in force may ask for a challenge: it has a signal or a ladder that does, and not in shadow. A
 * proof is of use to such a policy alone.
 */
export function mayChallenge(policy: CompiledPolicy): boolean {
  let may = known.get(policy)
  if (may === undefined) {
    may = [policy.early, policy.late].some(
      (plan) =>
        plan?.checks.some(
          ({ rule }) => rule.kind === 'signal' && rule.mode === 'live' && rule.challengeFrom < Infinity,
        ) ||
        plan?.counts.some(
          ({ rule }) => rule.kind === 'escalation' && rule.mode === 'live' && rule.challengeAfter < Infinity,
        ),
    )
    known.set(policy, may)
  }
  return may
}
