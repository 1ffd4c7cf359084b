import { createGuard, type Decision, type PolicyInput, rateLimitHeaders, type Store } from '@rempart/guard'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from './errors.ts'
import type { App } from './fastify.ts'
import type { Metrics } from './metrics.ts'
import { createPolicySet, type PolicySet } from './policy-set.ts'
import { setQuota } from './response-block.ts'

/** What every route without a policy of its own is under: one shared counter per client. */
export const generalPolicy: PolicyInput = {
  id: 'general',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 120, window: '60s' }],
}

export interface GuardDependencies {
  readonly store: Store
  /** The parsed policy file, when there is one. */
  readonly policyFile: unknown
  /** Every policy declared beside a route. */
  readonly policies: readonly PolicyInput[]
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
 * Puts every route under its policy, before any byte of the body is read. A refusal is answered at once; an admission
 * adds the rate-limit fields and goes on. OPTIONS and routes with `guard: 'none'` pass.
 *
 * @throws PolicyError when a policy, or the file over them, has a fault, and an Error when a route names a policy that is
 * not in the list: the server does not start.
 */
export function installGuard(app: App, dependencies: GuardDependencies): void {
  const { store, metrics, nowMs, clock } = dependencies
  const base = [generalPolicy, ...dependencies.policies] as const
  const declared = new Set(base.map(({ id }) => id))
  let set = createPolicySet(base, dependencies.policyFile)
  const guard = createGuard({ policies: inputsOf(set), store, nowMs })

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
      const fields = decision.counted ? rateLimitHeaders(decision, clock.now()) : undefined
      if (fields !== undefined) setQuota(reply, fields)
      if (decision.outcome === 'allow') ask(index + 1)
      else refuse(request, reply, decision, fields?.['retry-after'], clock)
    }
    const ask = (index: number): void => {
      const id = ids[index]
      const answer = id === undefined ? undefined : guard.early(id, { ip: request.client })
      if (answer === undefined) done()
      else if (answer instanceof Promise) answer.then((decision) => judge(decision, index)).catch(done)
      else judge(answer, index)
    }
    ask(0)
  })
}

const inputsOf = (set: PolicySet): readonly PolicyInput[] => set.policies.map(({ policy }) => policy)

/** A slot of a limit on requests at once is given back when the answer has gone, or its connection has. */
function holdSlot(reply: FastifyReply, { lease }: Decision, nowMs: () => number): void {
  if (lease !== undefined) reply.raw.once('close', () => void lease.release(nowMs()))
}

function outcomeOf(decision: Decision): 'allow' | 'deny' | 'shadow-deny' {
  if (decision.outcome === 'deny') return 'deny'
  return decision.shadow ? 'shadow-deny' : 'allow'
}

function refuse(
  request: FastifyRequest,
  reply: FastifyReply,
  decision: Decision,
  retryAfter: string | undefined,
  clock: { now(): number },
): void {
  const rule = `${decision.policyId}/${decision.ruleId ?? ''}`
  const options = {
    reason: decision.reason ?? 'rate-limit',
    violatedPolicies: [rule],
    ...(retryAfter !== undefined && { retryAfterSeconds: Number(retryAfter) }),
  }
  const isUnwanted = decision.reason === 'access-list' || decision.reason === 'signal'
  sendProblem(request, reply, isUnwanted ? 'access-denied' : 'rate-limited', options, clock)
}
