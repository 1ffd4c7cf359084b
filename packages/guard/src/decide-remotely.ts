import type { Deadline } from './deadline.ts'
import { conclude, decideWithoutStore, type LocalShare, prepare } from './decide.ts'
import { type Decision, snapshotDecision } from './decision.ts'
import { createLease } from './lease.ts'
import { borrowSlate, type Plan, returnSlate, type Slate } from './plan.ts'
import type { RemoteStore } from './store.ts'
import type { Subjects } from './subject.ts'

/** A store that others share, and what is done when it does not answer. */
export interface RemoteCounting {
  readonly store: RemoteStore
  readonly deadline: Deadline
  readonly local: LocalShare
  /** Called with each decision before its slate serves another. */
  readonly observe: (plan: Plan, slate: Slate, subjects: Subjects, cost: number, nowMs: number) => void
}

/**
 * Decides one request over a store that others share. It never rejects: a store that fails or misses the
 * deadline leaves each rule to its `onStoreFailure`. The decision is the caller's to keep.
 */
export function decideRemotely(
  plan: Plan,
  remote: RemoteCounting,
  subjects: Subjects,
  cost: number,
  nowMs: number,
): Decision | Promise<Decision> {
  const slate = borrowSlate(plan)
  prepare(plan, slate, subjects, cost)
  const finish = (): Decision => {
    remote.observe(plan, slate, subjects, cost, nowMs)
    return snapshotDecision(slate.decision)
  }

  const pending = slate.count === 0 ? undefined : begin(remote.store, slate, nowMs)
  if (pending === undefined) {
    if (slate.count > 0) conclude(plan, slate, remote.store)
    const decision = finish()
    returnSlate(plan, slate)
    return decision
  }
  let settled = false
  let abandoned = false
  const settle = (): void => {
    settled = true
    if (abandoned) discard(plan, slate, remote.store, nowMs)
  }
  pending.then(settle, settle)
  return remote.deadline.race(pending).then(
    () => {
      conclude(plan, slate, remote.store)
      const decision = finish()
      returnSlate(plan, slate)
      return decision
    },
    () => {
      decideWithoutStore(plan, slate, remote.local, nowMs)
      const decision = finish()
      abandoned = true
      if (settled) discard(plan, slate, remote.store, nowMs)
      return decision
    },
  )
}

/** Takes a slate back from a store that has answered too late or not at all. Slots it has taken belong to nobody. */
function discard(plan: Plan, slate: Slate, store: RemoteStore, nowMs: number): void {
  if (plan.leases) createLease(slate.takes, slate.count, store)?.release(nowMs)
  returnSlate(plan, slate)
}

/** A store that throws has not answered. */
function begin(store: RemoteStore, slate: Slate, nowMs: number): Promise<void> | undefined {
  try {
    return store.take(slate.takes, slate.count, nowMs)
  } catch (error) {
    return Promise.reject(error)
  }
}
