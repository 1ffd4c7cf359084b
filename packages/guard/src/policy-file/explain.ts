import { decide } from '../decide.ts'
import { type Decision, snapshotDecision } from '../decision.ts'
import { type CounterReading, readCounters } from '../events.ts'
import { type RateLimitHeaders, rateLimitHeaders } from '../headers.ts'
import { compilePolicy, type Plan } from '../plan.ts'
import { definePolicy, type PolicyInput } from '../policy.ts'
import type { Store } from '../store.ts'
import { createMemoryStore } from '../stores/memory.ts'
import type { Subjects } from '../subject.ts'

/** One of the requests that are imagined. */
export interface ExplainedRequest {
  /** Which one in turn, from 1. */
  readonly number: number
  /** That of the last policy that was asked: the one that refuses, else the last one. */
  readonly decision: Decision
  /** Every counter that the request met, before it and after it. */
  readonly counters: readonly (CounterReading & { readonly policyId: string })[]
  readonly headers: RateLimitHeaders
}

/** What one client meets who asks again and again. */
export interface Explanation {
  /** The first request, the last one before anything changes, and the first that is refused, challenged or only noted. */
  readonly requests: readonly ExplainedRequest[]
  /** Whether as many requests as were imagined were all admitted. */
  readonly isEndless: boolean
}

/** Requests that are imagined at most. */
const MOST_REQUESTS = 10_000

/**
 * Says what happens to one client who sends the same request again and again at one instant, to a guard that has seen
 * nobody before. Uses the very engine that decides, over a store of its own; nothing is charged anywhere.
 *
 * @param policies - Those that the request is under, each in turn.
 * @param atMs - Unix time of the instant.
 * @throws PolicyError for a policy with a fault.
 */
export function explainRequests(policies: readonly PolicyInput[], subjects: Subjects, atMs: number): Explanation {
  const store = createMemoryStore({ budgetBytes: 1_048_576 })
  const plans = policies.flatMap((policy) => {
    const { early, late } = compilePolicy(definePolicy(policy))
    return [early, late].filter((plan) => plan !== undefined)
  })
  const requests: ExplainedRequest[] = []
  let before: ExplainedRequest | undefined
  for (let number = 1; plans.length > 0 && number <= MOST_REQUESTS; number += 1) {
    const request = imagine(plans, store, subjects, number, atMs)
    if (request.decision.outcome !== 'allow' || request.decision.shadow) {
      return { requests: [...requests, ...notFirst(before), request], isEndless: false }
    }
    if (number === 1) requests.push(request)
    before = request
  }
  return { requests: [...requests, ...notFirst(before)], isEndless: true }
}

function notFirst(request: ExplainedRequest | undefined): readonly ExplainedRequest[] {
  return request === undefined || request.number === 1 ? [] : [request]
}

function imagine(
  plans: readonly Plan[],
  store: Store,
  subjects: Subjects,
  number: number,
  atMs: number,
): ExplainedRequest {
  const counters: (CounterReading & { readonly policyId: string })[] = []
  let told: Decision | undefined
  let headers: RateLimitHeaders = {}
  for (const plan of plans) {
    const decision = decide(plan, store, subjects, 1, atMs)
    counters.push(...readCounters(plan, plan.slate).map((counter) => ({ policyId: plan.policyId, ...counter })))
    if (decision.counted || decision.retryAfterMs !== undefined) headers = rateLimitHeaders(decision, atMs)
    told = snapshotDecision(told?.shadow && decision.outcome === 'allow' ? told : decision)
    if (decision.outcome !== 'allow') break
  }
  if (told === undefined) throw new RangeError('no plan to imagine a request under')
  return { number, decision: told, counters, headers }
}
