import { type Decision, rateLimitHeaders } from '@rempart/guard'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from '../answer/errors.ts'
import { setQuota } from '../answer/response-block.ts'
import type { Challenges } from '../challenge/proof-of-work.ts'
import type { ProblemCode } from '../problem-catalogue.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Units left to the client under the tightest limit that has judged the request so far; -1 before any has. */
    leastRemaining: number
  }
}

export interface AnswerDependencies {
  readonly challenges: Challenges
  readonly clock: { now(): number }
  /** Monotonic milliseconds. */
  readonly nowMs: () => number
  /** The policy that a challenge is solved for. */
  readonly challengedBy: string
}

/**
 * Does what a decision says: holds its slot for as long as the answer takes, writes the fields of the tightest limit so
 * far, and answers a refusal or a challenge. Whether the request may go on.
 */
export function settleDecision(
  request: FastifyRequest,
  reply: FastifyReply,
  decision: Decision,
  dependencies: AnswerDependencies,
): boolean {
  if (decision.lease !== undefined) holdSlot(reply, decision.lease, dependencies.nowMs)
  if (decision.outcome !== 'allow') {
    refuse(request, reply, decision, dependencies)
    return false
  }
  const { leastRemaining } = request
  if (decision.counted && (leastRemaining < 0 || decision.remaining < leastRemaining)) {
    request.leastRemaining = decision.remaining
    setQuota(reply, rateLimitHeaders(decision, dependencies.clock.now()))
  }
  return true
}

/** A slot of a limit on requests at once is given back when the answer has gone, or its connection has. */
function holdSlot(reply: FastifyReply, lease: NonNullable<Decision['lease']>, nowMs: () => number): void {
  const release = (): void => lease.release(nowMs())
  // The client may have gone while the decision was waited for.
  if (reply.raw.destroyed) release()
  else reply.raw.once('close', release)
}

function refuse(
  request: FastifyRequest,
  reply: FastifyReply,
  decision: Decision,
  { challenges, clock, challengedBy }: AnswerDependencies,
): void {
  const { outcome, policyId, reason } = decision
  const retryAfter = tellRefusal(reply, decision, clock)
  const options = {
    reason: reason ?? 'rate-limit',
    // Where the store did not answer no limit was passed.
    ...(reason !== 'store-failure' && { violatedPolicies: [`${policyId}/${decision.ruleId ?? ''}`] }),
    ...(retryAfter !== undefined && { retryAfterSeconds: Number(retryAfter) }),
    ...(outcome === 'challenge' && { challenge: challenges.issue(request, challengedBy) }),
  }
  sendProblem(request, reply, problemOf(decision, request), options, clock)
}

/** Seconds: a store that has failed is asked again every half second or sooner. */
const storeRetryAfter = '1'

/** Writes what a refusal tells its client, in place of what an earlier limit told, and answers the wait in seconds. */
function tellRefusal(reply: FastifyReply, decision: Decision, clock: { now(): number }): string | undefined {
  const fields = decision.counted || decision.retryAfterMs !== undefined ? rateLimitHeaders(decision, clock.now()) : {}
  const retryAfter = decision.reason === 'store-failure' ? storeRetryAfter : fields['retry-after']
  setQuota(reply, decision.counted ? fields : {})
  // A lockout or a ladder has no figures to tell.
  if (!decision.counted && retryAfter !== undefined) reply.header('retry-after', retryAfter)
  return retryAfter
}

function problemOf({ outcome, reason }: Decision, { route }: FastifyRequest): ProblemCode {
  if (outcome === 'challenge') return route.accountRules === true ? 'captcha-required' : 'challenge-required'
  if (reason === 'store-failure') return 'service-unavailable'
  return reason === 'access-list' || reason === 'signal' ? 'access-denied' : 'rate-limited'
}
