import {
  createGuard,
  type Decision,
  type MarkOnce,
  type PolicyInput,
  type RemoteStore,
  rateLimitHeaders,
  type Store,
} from '@rempart/guard'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from './errors.ts'
import type { App } from './fastify.ts'
import type { Metrics } from './metrics.ts'
import { createPolicySet, type PolicySet } from './policy-set.ts'
import type { ProblemCode } from './problem-catalogue.ts'
import type { Challenges } from './proof-of-work.ts'
import { setQuota } from './response-block.ts'
import type { SubjectReader } from './subjects.ts'

/** What every route without a policy of its own is under: one shared counter per client. */
export const generalPolicy: PolicyInput = {
  id: 'general',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 120, window: '60s' }],
}

export interface GuardDependencies {
  readonly store: Store | RemoteStore
  /** The parsed policy file, when there is one. */
  readonly policyFile: unknown
  /** Every policy declared beside a route. */
  readonly policies: readonly PolicyInput[]
  /** Tells who a request comes from. */
  readonly subjectsOf: SubjectReader
  /** Makes the challenges, over what remembers those that are used up. */
  readonly createChallenges: (mark: MarkOnce) => Challenges
  readonly metrics: Metrics
  /** Monotonic milliseconds. */
  readonly nowMs: () => number
  readonly clock: { now(): number }
}

/** The policies in force, and how others take their place. */
export interface ActivePolicies {
  current(): PolicySet
  /**
   * Lays another content of the policy file over the policies of the routes. It is in force from the next request on;
   * counters are kept.
   *
   * @throws PolicyError with every fault; the policies in force stay.
   */
  replace(policyFile: unknown): PolicySet
}

declare module 'fastify' {
  interface FastifyInstance {
    policies: ActivePolicies
  }
}

/**
 * Puts every route under its policy, before any byte of the body is read. A refusal is answered at once, and so is a
 * challenge, which a client answers by sending the request again with its proof; an admission adds the rate-limit fields
 * and goes on. OPTIONS and routes with `guard: 'none'` pass.
 *
 * @throws PolicyError when a policy, or the file over them, has a fault, and an Error when a route names a policy that is
 * not in the list: the server does not start.
 */
export function installGuard(app: App, dependencies: GuardDependencies): void {
  const { store, metrics, nowMs, clock, subjectsOf } = dependencies
  const base = [generalPolicy, ...dependencies.policies]
  const declared = new Set(base.map(({ id }) => id))
  let set = createPolicySet(base, dependencies.policyFile)
  const guard = createGuard({ policies: inputsOf(set), store, nowMs })
  const challenges = dependencies.createChallenges(guard.mark)

  app.decorate('policies', {
    current: () => set,
    replace(policyFile) {
      const next = createPolicySet(base, policyFile)
      guard.replacePolicies(inputsOf(next))
      set = next
      return next
    },
  })
  // A policy that is not in the list would count nothing, without a word.
  app.addHook('onRoute', ({ config, method, url }) => {
    const own = config?.guard
    if (own === undefined || own === 'none' || declared.has(own.id)) return
    throw new Error(`the policy ${own.id} of ${String(method)} ${url} is not among the server’s policies`)
  })
  app.addHook('onRequest', (request, reply, done) => {
    if (request.method === 'OPTIONS') return done()
    const ids = set.of(request)
    const judge = (decision: Decision, index: number): void => {
      holdSlot(reply, decision, nowMs)
      metrics.decision(decision.policyId, decision.ruleId ?? '', outcomeOf(decision))
      const retryAfter = tellFigures(reply, decision, clock)
      if (decision.outcome === 'allow') ask(index + 1)
      else refuse(request, reply, decision, { challenges, clock, retryAfter })
    }
    const decide = (id: string, index: number, isSolved: boolean): void | Promise<void> => {
      const answer = guard.early(id, subjectsOf(request, isSolved))
      if (answer instanceof Promise) return answer.then((decision) => judge(decision, index))
      // The next decision of this policy overwrites it: it is judged before anything else happens.
      judge(answer, index)
    }
    const ask = (index: number): void => {
      const id = ids[index]
      if (id === undefined) done()
      else {
        const isSolved = challenges.isSolved(request, id)
        const decided = isSolved === false ? decide(id, index, false) : isSolved.then((is) => decide(id, index, is))
        decided?.catch(done)
      }
    }
    ask(0)
  })
}

const inputsOf = (set: PolicySet): readonly PolicyInput[] => set.policies.map(({ policy }) => policy)

/** A slot of a limit on requests at once is given back when the answer has gone, or its connection has. */
function holdSlot(reply: FastifyReply, { lease }: Decision, nowMs: () => number): void {
  if (lease === undefined) return
  const release = (): void => lease.release(nowMs())
  // The client may have gone while the decision was waited for.
  if (reply.raw.destroyed) release()
  else reply.raw.once('close', release)
}

/** Writes what a decision tells its client, and answers how long it is to wait, in seconds. */
function tellFigures(reply: FastifyReply, decision: Decision, clock: { now(): number }): string | undefined {
  if (!decision.counted && decision.retryAfterMs === undefined) return undefined
  const fields = rateLimitHeaders(decision, clock.now())
  const retryAfter = fields['retry-after']
  if (decision.counted) setQuota(reply, fields)
  // A lockout or a ladder has no figures to tell.
  else if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
  return retryAfter
}

function outcomeOf(decision: Decision): 'allow' | 'challenge' | 'deny' | 'shadow-deny' {
  if (decision.outcome !== 'allow') return decision.outcome
  return decision.shadow ? 'shadow-deny' : 'allow'
}

interface RefusalDependencies {
  readonly challenges: Challenges
  readonly clock: { now(): number }
  readonly retryAfter: string | undefined
}

function refuse(
  request: FastifyRequest,
  reply: FastifyReply,
  decision: Decision,
  { challenges, clock, retryAfter }: RefusalDependencies,
): void {
  const { outcome, policyId } = decision
  const options = {
    reason: decision.reason ?? 'rate-limit',
    violatedPolicies: [`${policyId}/${decision.ruleId ?? ''}`],
    ...(retryAfter !== undefined && { retryAfterSeconds: Number(retryAfter) }),
    ...(outcome === 'challenge' && { challenge: challenges.issue(request, policyId) }),
  }
  sendProblem(request, reply, problemOf(decision), options, clock)
}

function problemOf({ outcome, reason }: Decision): ProblemCode {
  if (outcome === 'challenge') return 'challenge-required'
  if (reason === 'store-failure') return 'service-unavailable'
  return reason === 'access-list' || reason === 'signal' ? 'access-denied' : 'rate-limited'
}
