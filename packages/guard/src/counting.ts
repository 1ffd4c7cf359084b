import { createDeadline, type Deadline } from './deadline.ts'
import { decideHere, readValues } from './decide.ts'
import { decideRemotely } from './decide-remotely.ts'
import type { Decision } from './decision.ts'
import type { Observer } from './events.ts'
import { borrowSlate, type Plan, returnSlate, type Slate } from './plan.ts'
import type { CountingRule } from './rule-kinds.ts'
import type { RemoteStore, Store, Take } from './store.ts'
import { createMemoryStore } from './stores/memory.ts'
import type { Subjects } from './subject.ts'

/** What a guard does with a store: over one in the process at once, over a remote one within its deadline. */
export interface Counting {
  decide(plan: Plan, subjects: Subjects, cost: number, nowMs: number): Decision | Promise<Decision>
  /** Empties the counters that a reported success forgives. */
  forgive(plan: Plan, subjects: Subjects, nowMs: number): undefined | Promise<undefined>
  mark(key: string, ttlMs: number, nowMs: number): boolean | Promise<boolean | undefined>
}

/** Counts in a store in the process. */
export function countHere(store: Store, observe: Observer): Counting {
  return {
    decide(plan, subjects, cost, nowMs) {
      const decision = decideHere(plan, store, subjects, cost, nowMs)
      observe(plan, plan.slate, subjects, cost, nowMs)
      return decision
    },
    forgive(plan, subjects, nowMs) {
      if (plan.counts.some(({ rule }) => isForgiving(rule))) {
        markForgiven(plan.counts, plan.slate.takes, subjects)
        store.clear(plan.slate.takes, plan.counts.length, nowMs)
      }
      return undefined
    },
    mark: (key, ttlMs, nowMs) => store.mark(key, ttlMs, nowMs),
  }
}

/** How a remote store is waited for, and what goes on without it. */
export interface RemoteSettings {
  readonly deadlineMs: number
  readonly localBudgetBytes: number
}

/** Counts in a store that others share. Nothing rejects. */
export function countRemotely(store: RemoteStore, observe: Observer, settings: RemoteSettings): Counting {
  const deadline = createDeadline(settings.deadlineMs)
  const local = {
    store: createMemoryStore({ budgetBytes: settings.localBudgetBytes }),
    nodes: () => store.nodes(),
  }
  const remote = { store, deadline, local, observe }
  return {
    decide: (plan, subjects, cost, nowMs) => decideRemotely(plan, remote, subjects, cost, nowMs),
    forgive(plan, subjects, nowMs) {
      if (!plan.counts.some(({ rule }) => isForgiving(rule))) return undefined
      forgiveLocally(plan, local.store, subjects, nowMs)
      const slate = borrowSlate(plan)
      markForgiven(plan.counts, slate.takes, subjects)
      return clearWithin(deadline, store, plan, slate, nowMs)
    },
    mark: (key, ttlMs, nowMs) => deadline.race(promised(() => store.mark(key, ttlMs, nowMs))).catch(() => undefined),
  }
}

/** A store that does not answer keeps its attempts; they end by themselves. */
function clearWithin(
  deadline: Deadline,
  store: RemoteStore,
  plan: Plan,
  slate: Slate,
  nowMs: number,
): Promise<undefined> {
  const clearing = promised(() => store.clear(slate.takes, plan.counts.length, nowMs))
  const giveBack = (): void => returnSlate(plan, slate)
  clearing.then(giveBack, giveBack)
  return deadline.race(clearing).then(
    () => undefined,
    () => undefined,
  )
}

function forgiveLocally({ share }: Plan, local: Store, subjects: Subjects, nowMs: number): void {
  if (share === undefined) return
  markForgiven(share.counts, share.takes, subjects)
  local.clear(share.takes, share.counts.length, nowMs)
}

function markForgiven(counts: Plan['counts'], takes: readonly Take[], subjects: Subjects): void {
  for (const [index, { rule }] of counts.entries()) {
    const take = takes[index]
    if (take !== undefined) take.active = isForgiving(rule) && readValues(take, subjects)
  }
}

function isForgiving(rule: CountingRule): boolean {
  return rule.kind === 'lockout' || (rule.kind === 'escalation' && rule.onSuccess === 'clear')
}

/** A store that throws instead of rejecting has not answered. */
async function promised<Value>(call: () => Promise<Value>): Promise<Value> {
  return call()
}
