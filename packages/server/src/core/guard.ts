import {
  type CompiledPolicy,
  compilePolicy,
  type Decision,
  decide,
  definePolicy,
  loadPolicyFile,
  type PolicyInput,
  rateLimitHeaders,
  type Store,
} from '@rempart/guard'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from './errors.ts'
import type { App } from './fastify.ts'
import type { Metrics } from './metrics.ts'
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

/**
 * Puts every route under its policy, before any byte of the body is read. A refusal is answered at once; an admission
 * adds the rate-limit fields and goes on. OPTIONS and routes with `guard: 'none'` pass.
 *
 * @throws PolicyError when a policy, or the file over them, has a fault, and an Error when a route names a policy that is
 * not in the list: the server does not start.
 */
export function installGuard(app: App, dependencies: GuardDependencies): void {
  const { store, metrics, nowMs, clock } = dependencies
  const base = [generalPolicy, ...dependencies.policies]
  const effective = dependencies.policyFile === undefined ? base : loadPolicyFile(dependencies.policyFile, base)
  const compiled = new Map<string, CompiledPolicy>(
    effective.map((input) => [input.id, compilePolicy(definePolicy(input))]),
  )

  // A policy that is not in the list would count nothing, without a word.
  app.addHook('onRoute', ({ config, method, url }) => {
    const guard = config?.guard
    if (guard === undefined || guard === 'none' || compiled.has(guard.id)) return
    throw new Error(`the policy ${guard.id} of ${String(method)} ${url} is not among the server’s policies`)
  })
  app.addHook('onRequest', (request, reply, done) => {
    if (request.method === 'OPTIONS') return done()
    const plan = planOf(request, compiled)
    if (plan === undefined) return done()
    const decision = decide(plan, store, { ip: request.client }, 1, nowMs())
    metrics.decision(decision.policyId, decision.ruleId ?? '', outcomeOf(decision))
    const fields = decision.counted ? rateLimitHeaders(decision, clock.now()) : undefined
    if (fields !== undefined) setQuota(reply, fields)
    if (decision.outcome === 'allow') return done()
    refuse(request, reply, decision, fields?.['retry-after'], clock)
  })
}

function planOf(request: FastifyRequest, compiled: ReadonlyMap<string, CompiledPolicy>): CompiledPolicy['early'] {
  const own = request.route.guard
  if (own === 'none') return undefined
  return compiled.get(own?.id ?? generalPolicy.id)?.early
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
  sendProblem(request, reply, decision.reason === 'access-list' ? 'access-denied' : 'rate-limited', options, clock)
}
