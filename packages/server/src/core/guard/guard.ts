import {
  type CompiledPolicy,
  createGuard,
  type Decision,
  type EventListener,
  type Guard,
  type MarkOnce,
  PolicyError,
  type PolicyInput,
  type PolicyOverrides,
  type RemoteStore,
  type Store,
} from '@rempart/guard'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Challenges } from '../challenge/proof-of-work.ts'
import type { App } from '../fastify.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { RouteTable } from '../request/route-table.ts'
import type { TenantPolicies } from '../tenant/policies.ts'
import type { Tenant } from '../tenant/resolver.ts'
import { settleDecision } from './answer.ts'
import { mayChallenge } from './challenging-policy.ts'
import { type EvidenceSettings, unfillableRules } from './fillable-rules.ts'
import { createPolicySet, type PolicySet } from './policy-set.ts'
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
  /** What tenants have otherwise. */
  readonly tenantPolicies: TenantPolicies
  /** Every route, known in full when the server is ready. */
  readonly routes: RouteTable
  readonly settings: EvidenceSettings
  /** Hears of what the guard refuses, challenges or would have; see `GuardOptions`. */
  readonly onEvent: EventListener
  /** Hears that the attempts at an account are forgotten: one of them has succeeded. */
  readonly onForgiven: (policyId: string, account: string) => void
  /** 32 bytes: the key of the hashes in events. */
  readonly eventSecret: Buffer
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
  /** A policy as it is in force, for a tenant or for the installation; undefined when there is none of that name. */
  compiled(policyId: string, tenant?: Tenant): CompiledPolicy | undefined
}

/** The rules that count by account, of routes with `accountRules`: asked by the route itself, once it has read the body. */
export interface AccountGuard {
  /**
   * Judges one attempt at an account, whether or not there is such an account: every attempt counts, before anything is
   * verified. Answers a refusal or a challenge itself.
   *
   * @param account - names the account within the installation: with its tenant.
   * @param policyId - another policy than those of the request, for a route that takes two kinds of proof. When it asks for
   * a challenge, the proof is one of the request's own policy: no client has to solve two.
   * @returns whether the request may go on.
   */
  admits(request: FastifyRequest, reply: FastifyReply, account: string, policyId?: string): Promise<boolean>
  /** Counts an attempt without answering anything, for what is told elsewhere. Never rejects. */
  count(request: FastifyRequest, account: string, policyId: string): Promise<void>
  /** Forgets the attempts at an account, after one that succeeded. */
  forgive(request: FastifyRequest, account: string, policyId?: string): Promise<void>
}

declare module 'fastify' {
  interface FastifyInstance {
    policies: ActivePolicies
    accountGuard: AccountGuard
  }
  interface FastifyRequest {
    /** The policies for which the request carries a challenge that was solved for it, and is used up; null for none. */
    solvedFor: readonly string[] | null
  }
}

/** The two moments at which a request is decided. */
type Moment = 'early' | 'late'

type TenantOverrides = ReturnType<TenantPolicies['early']>

/**
 * Puts every route under its policy, before any byte of the body is read. A refusal is answered at once, and so is a
 * challenge, which a client answers by sending the request again with its proof; an admission adds the rate-limit fields
 * and goes on. OPTIONS and routes with `guard: 'none'` pass.
 *
 * @returns What adds the second moment, for the rules that count by tenant or API key: to be called where the credential
 * is known and no body has been read.
 * @throws PolicyError when a policy, or the file over them, has a fault, and an Error when a route names a policy that is
 * not in the list: the server does not start.
 */
export function installGuard(app: App, dependencies: GuardDependencies): () => void {
  const { store, metrics, nowMs, clock, subjectsOf, routes, settings, tenantPolicies } = dependencies
  const base = [generalPolicy, ...dependencies.policies]
  const declared = new Set(base.map(({ id }) => id))
  let set = createPolicySet(base, dependencies.policyFile)
  const { onEvent, onForgiven, eventSecret } = dependencies
  const guard = createGuard({ policies: inputsOf(set), store, nowMs, onEvent, secret: eventSecret })
  let lateIds = idsWithLateRules(set, guard)
  const challenges = dependencies.createChallenges(guard.mark)
  const answering = { challenges, clock, nowMs }
  // Where the request's own policy never asks for a proof, nobody has looked for one.
  const isSolvedFor = (request: FastifyRequest, policyId: string): boolean | Promise<boolean> =>
    request.solvedFor?.includes(policyId) ?? (challenges.hasProof(request) && readProof(request, policyId, challenges))

  app.decorateRequest('leastRemaining', -1)
  app.decorateRequest('solvedFor', null)
  app.decorate('policies', {
    current: () => set,
    compiled: (policyId, tenant) => guard.policy(policyId, tenant && tenantPolicies.inForce(tenant, set)),
    replace(policyFile) {
      const next = createPolicySet(base, policyFile)
      assertFillable(next, routes, settings)
      guard.replacePolicies(inputsOf(next))
      set = next
      lateIds = idsWithLateRules(next, guard)
      return next
    },
  })
  const lateOf = (request: FastifyRequest, policyId?: string): readonly string[] =>
    (policyId === undefined ? set.of(request) : [policyId]).filter((id) => lateIds.has(id))
  /** The policy that a challenge of another one is solved for. */
  const provenBy = (request: FastifyRequest, id: string, asked: string | undefined): string =>
    asked === undefined ? id : (set.of(request)[0] ?? id)
  app.decorate('accountGuard', {
    async admits(request, reply, account, policyId) {
      for (const id of lateOf(request, policyId)) {
        const own = provenBy(request, id, policyId)
        const overrides = tenantPolicies.inForce(request.context.tenant, set)
        const subjects = subjectsOf(request, await isSolvedFor(request, own), account)
        const answer = guard.late(id, subjects, { overrides })
        if (!settle(request, reply, answer instanceof Promise ? await answer : answer, own)) return false
      }
      return true
    },
    async count(request, account, policyId) {
      if (lateIds.has(policyId)) await guard.late(policyId, subjectsOf(request, false, account))
    },
    async forgive(request, account, policyId) {
      // A call that comes back from elsewhere has no tenant of its own.
      const overrides = request.context === undefined ? undefined : tenantPolicies.inForce(request.context.tenant, set)
      for (const id of lateOf(request, policyId)) {
        onForgiven(id, account)
        await guard.reportSuccess(id, subjectsOf(request, false, account), { overrides })
      }
    },
  } satisfies AccountGuard)
  // A policy that is not in the list would count nothing, without a word.
  app.addHook('onRoute', ({ config, method, url }) => {
    const own = config?.guard
    if (own === undefined || own === 'none' || declared.has(own.id)) return
    throw new Error(`the policy ${own.id} of ${String(method)} ${url} is not among the server’s policies`)
  })
  app.addHook('onReady', async () => assertFillable(set, routes, settings))

  const settle = (
    request: FastifyRequest,
    reply: FastifyReply,
    decision: Decision,
    challengedBy = decision.policyId,
  ): boolean => {
    metrics.decision(decision.policyId, decision.ruleId ?? '', outcomeOf(decision))
    return settleDecision(request, reply, decision, { ...answering, challengedBy })
  }
  const isSolvedAt = (moment: Moment, request: FastifyRequest, policy: CompiledPolicy | undefined) => {
    if (policy === undefined) return false
    if (moment === 'late') return request.solvedFor?.includes(policy.id) === true
    // A proof is used up by the policy that asked for it, and by no other.
    return mayChallenge(policy) && readProof(request, policy.id, challenges)
  }
  const askEach = async (
    request: FastifyRequest,
    reply: FastifyReply,
    ids: readonly string[],
    moment: Moment,
    given: TenantOverrides,
  ): Promise<boolean> => {
    const overrides = await given
    for (const id of ids) {
      const isSolved = await isSolvedAt(moment, request, guard.policy(id, overrides))
      // A reload may have removed it, also meanwhile.
      if (guard.policy(id) === undefined) continue
      const answer = guard[moment](id, subjectsOf(request, isSolved), { overrides })
      // Given at once, it is overwritten by the next decision of this policy: it is not waited for.
      if (!settle(request, reply, answer instanceof Promise ? await answer : answer)) return false
    }
    return true
  }
  const ask = (
    request: FastifyRequest,
    reply: FastifyReply,
    ids: readonly string[],
    moment: Moment,
    overrides: TenantOverrides,
    done: (error?: Error) => void,
  ): void => {
    askEach(request, reply, ids, moment, overrides).then((isAdmitted) => {
      if (isAdmitted) done()
    }, done)
  }

  const settleLater = (
    answer: Promise<Decision>,
    request: FastifyRequest,
    reply: FastifyReply,
    done: (error?: Error) => void,
  ): void => {
    answer
      .then((decision) => {
        if (settle(request, reply, decision)) done()
      })
      .catch(done)
  }
  const decideEarly = (id: string, request: FastifyRequest, overrides: PolicyOverrides | undefined) => {
    const subjects = subjectsOf(request, false)
    return overrides === undefined ? guard.early(id, subjects) : guard.early(id, subjects, { overrides })
  }

  app.addHook('onRequest', (request, reply, done) => {
    const ids = request.method === 'OPTIONS' ? none : set.of(request)
    const [id] = ids
    if (id === undefined) return done()
    const overrides = tenantPolicies.early(request, set)
    // As good as every request is under one policy, of a tenant in memory, and carries no proof; it allocates nothing for the
    // other cases.
    if (ids.length > 1 || overrides instanceof Promise || challenges.hasProof(request)) {
      return ask(request, reply, ids, 'early', overrides, done)
    }
    const answer = decideEarly(id, request, overrides)
    if (answer instanceof Promise) settleLater(answer, request, reply, done)
    else if (settle(request, reply, answer)) done()
  })

  return () =>
    app.addHook('onRequest', (request, reply, done) => {
      // A request without a tenant has no subject of a late rule.
      if (lateIds.size === 0 || request.context === undefined || request.route.accountRules === true) return done()
      const ids = set.of(request).filter((id) => lateIds.has(id))
      if (ids.length === 0) done()
      else ask(request, reply, ids, 'late', tenantPolicies.inForce(request.context.tenant, set), done)
    })
}

const none: readonly string[] = []

const inputsOf = (set: PolicySet): readonly PolicyInput[] => set.policies.map(({ policy }) => policy)

function idsWithLateRules(set: PolicySet, guard: Guard): ReadonlySet<string> {
  const ids = set.policies.map(({ policy }) => policy.id)
  return new Set(ids.filter((id) => guard.policy(id)?.late !== undefined))
}

/** @throws PolicyError with every rule that could not count. */
function assertFillable(set: PolicySet, { all }: RouteTable, settings: EvidenceSettings): void {
  const faults = unfillableRules(set, all, settings)
  if (faults.length > 0) throw new PolicyError(faults)
}

/** Whether the request carries a proof for a policy, which is used up by this and remembered for its late rules. */
async function readProof(request: FastifyRequest, policyId: string, challenges: Challenges): Promise<boolean> {
  const isSolved = await challenges.isSolved(request, policyId)
  if (isSolved) request.solvedFor = [...(request.solvedFor ?? []), policyId]
  return isSolved
}

function outcomeOf(decision: Decision): 'allow' | 'challenge' | 'deny' | 'shadow-deny' | 'store-failure' {
  if (decision.reason === 'store-failure') return 'store-failure'
  if (decision.outcome !== 'allow') return decision.outcome
  return decision.shadow ? 'shadow-deny' : 'allow'
}
