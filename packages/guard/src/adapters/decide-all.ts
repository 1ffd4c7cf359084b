import { type Decision, snapshotDecision } from '../decision.ts'
import type { DecideOptions, Guard } from '../guard.ts'
import type { Lease } from '../lease.ts'
import type { Subjects } from '../subject.ts'

/**
 * Decides a request that several policies are for, in turn: a path that servers read in several ways. The first that
 * does not admit decides; when all admit, the figures are those of the one with the least left.
 */
export function decideAll(
  guard: Guard,
  moment: 'early' | 'late',
  policyIds: readonly string[],
  subjects: Subjects,
  options: DecideOptions | undefined,
): Decision | undefined | Promise<Decision | undefined> {
  const step = (index: number, before: Decision | undefined): Decision | undefined | Promise<Decision | undefined> => {
    const policyId = policyIds[index]
    if (policyId === undefined) return before
    const answer = guard[moment](policyId, subjects, options)
    return answer instanceof Promise
      ? answer.then((decision) => follow(index, before, decision))
      : follow(index, before, answer)
  }
  const follow = (index: number, before: Decision | undefined, decision: Decision) => {
    if (decision.outcome === 'allow') return step(index + 1, combine(before, decision))
    before?.lease?.release(guard.nowMs())
    return decision
  }
  return step(0, undefined)
}

function combine(before: Decision | undefined, decision: Decision): Decision {
  if (before === undefined) return snapshotDecision(decision)
  const isNearer = decision.counted && (!before.counted || decision.remaining < before.remaining)
  return { ...(isNearer ? decision : before), lease: bothLeases(before.lease, decision.lease) }
}

function bothLeases(one: Lease | undefined, other: Lease | undefined): Lease | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return {
    release(nowMs) {
      one.release(nowMs)
      other.release(nowMs)
    },
  }
}
