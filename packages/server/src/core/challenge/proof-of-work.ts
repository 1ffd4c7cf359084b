import { Counter, type Registry } from '@prometheus-io/client'
import { createProofOfWork, type MarkOnce, type ProofChallenge, type ProofScope } from '@rempart/guard'
import type { FastifyRequest } from 'fastify'

/** The header in which a client sends what the ALTCHA widget made of a challenge. */
export const proofHeader = 'rempart-proof'

/** The challenges that the guard asks clients to solve. */
export interface Challenges {
  /** A challenge for this client under this policy. */
  issue(request: FastifyRequest, policyId: string): ProofChallenge
  /** Whether the request carries what may be a proof. */
  hasProof(request: FastifyRequest): boolean
  /**
   * Whether the request carries a challenge that was solved for it, which is used up by this; false at once when it
   * carries none. A proof that does not hold is as good as none: the client is challenged again.
   */
  isSolved(request: FastifyRequest, policyId: string): false | Promise<boolean>
}

export interface ChallengeDependencies {
  /** 32 bytes each, used for nothing else. The first signs challenges; those that any of them signed may be answered. */
  readonly secrets: readonly [Buffer, ...Buffer[]]
  /** The public URL: challenges of one installation are nothing to another. */
  readonly audience: string
  readonly clock: { now(): number }
  readonly mark: MarkOnce
  readonly registry: Registry
}

/** Issues challenges in the format of the ALTCHA widget and verifies what comes back. */
export function createChallenges(dependencies: ChallengeDependencies): Challenges {
  const { secrets, audience, clock, mark, registry } = dependencies
  const [own, ...former] = secrets
  const proofOfWork = createProofOfWork({ secret: own, audience })
  const formerProofs = former.map((secret) => createProofOfWork({ secret, audience }))
  const counter = new Counter({
    name: 'rempart_challenges_total',
    help: 'Proofs of work asked for (issued), solved, and refused by reason.',
    labelNames: ['outcome'],
    registers: [registry],
  })
  const verify = async (proof: unknown, scope: ProofScope): Promise<boolean> => {
    let verdict = await proofOfWork.verify(proof, scope, clock.now(), mark)
    for (const each of formerProofs) {
      if (verdict.ok || verdict.reason !== 'signature') break
      verdict = await each.verify(proof, scope, clock.now(), mark)
    }
    counter.inc({ outcome: verdict.ok ? 'solved' : verdict.reason })
    return verdict.ok
  }

  return {
    issue(request, policyId) {
      counter.inc({ outcome: 'issued' })
      return proofOfWork.issue(scopeOf(request, policyId), clock.now())
    },
    hasProof: (request) => proofOf(request) !== undefined,
    isSolved(request, policyId) {
      const proof = proofOf(request)
      return proof === undefined ? false : verify(proof, scopeOf(request, policyId))
    },
  }
}

const proofOf = (request: FastifyRequest): unknown => request.headers[proofHeader] ?? proofInAddress(request)

/** A page cannot add a header to the form it sends: on routes that show pages, `?proof=` is as good. */
function proofInAddress({ route, query }: FastifyRequest): unknown {
  if (route.problemPage === undefined || typeof query !== 'object' || query === null) return undefined
  return Object.hasOwn(query, 'proof') ? Reflect.get(query, 'proof') : undefined
}

/** Bound to the client that is counted: a solver elsewhere cannot work for it, nor many clients share one solution. */
function scopeOf(request: FastifyRequest, policyId: string): ProofScope {
  return { form: policyId, subject: request.client.key }
}
