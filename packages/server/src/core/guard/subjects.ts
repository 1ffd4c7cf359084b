import {
  type ClientAddress,
  type CountryReader,
  createCountryReader,
  createEvidenceCollector,
  createFingerprint,
  type Evidence,
  type EvidenceInput,
  type FingerprintInput,
  type RequestHeaders,
  type Subjects,
} from '@rempart/guard'
import type { FastifyRequest } from 'fastify'
import type { Context } from '../context.ts'
import type { ReputationReader } from '../reputation/reputation.ts'

/** Who tells what of a client. */
export interface SubjectSettings {
  readonly publicUrl: string
  /** The header in which a trusted proxy tells the client's country, in lower case; absent: none does. */
  readonly countryHeader?: string | undefined
  readonly trustedProxies: readonly string[]
}

export interface SubjectDependencies {
  readonly config: SubjectSettings
  /** Absent: no list and no service is configured. */
  readonly reputation: ReputationReader | undefined
  /** 32 bytes: the key of the fingerprints, so that a counted one begins as the one that is logged. */
  readonly fingerprintSecret: Buffer
  readonly clock: { now(): number }
}

/**
 * What rules may count and judge by of a request whose body has not been read. `isSolved`: it carries a solved challenge.
 * Tenant and API key are known once the request has been identified, the account once its body has been read.
 */
export type SubjectReader = (request: FastifyRequest, isSolved: boolean, account?: string) => Subjects

/**
 * Builds the function that tells the guard who a request comes from. What a policy does not ask for is not worked out:
 * no User-Agent is read, no address looked up and no fingerprint computed for a rule that counts by address.
 */
export function createSubjectReader(dependencies: SubjectDependencies): SubjectReader {
  const { config, reputation, clock } = dependencies
  const fingerprint = createFingerprint({ secret: dependencies.fingerprintSecret })
  const sources: Sources = {
    countryOf:
      config.countryHeader === undefined
        ? undefined
        : createCountryReader({ header: config.countryHeader, trustedProxies: config.trustedProxies }),
    evidenceOf: createEvidenceCollector({
      isSecure: config.publicUrl.startsWith('https:'),
      ...(reputation !== undefined && { reputationOf: (address: ClientAddress) => reputation.of(address) }),
    }),
    fingerprintOf: (input) => fingerprint(input, clock.now()).value,
  }
  return (request, isSolved, account) => new RequestSubjects(request, isSolved, account, sources)
}

interface Sources {
  readonly countryOf: CountryReader | undefined
  readonly evidenceOf: (input: EvidenceInput) => Evidence
  readonly fingerprintOf: (input: FingerprintInput) => string
}

/** The request that subjects were read of; undefined for subjects of other makers. */
export function requestOf(subjects: Subjects): FastifyRequest | undefined {
  return subjects instanceof RequestSubjects ? subjects.request() : undefined
}

/** Absent until the request has been identified. */
const contextOf = (request: FastifyRequest): Context | undefined => request.context

/** Getters on a prototype, because an object with its own would cost each request more than its decision. */
class RequestSubjects implements Subjects {
  readonly ip: ClientAddress
  readonly account: string | undefined
  readonly #request: FastifyRequest
  readonly #isSolved: boolean
  readonly #sources: Sources

  constructor(request: FastifyRequest, isSolved: boolean, account: string | undefined, sources: Sources) {
    this.ip = request.client
    this.account = account
    this.#request = request
    this.#isSolved = isSolved
    this.#sources = sources
  }

  request(): FastifyRequest {
    return this.#request
  }

  /** What is no route is one, so that a rule by route counts it too. */
  get route(): string {
    return this.#request.route.url ?? 'unmatched'
  }

  get tenant(): string | undefined {
    return contextOf(this.#request)?.tenant.id
  }

  get 'api-key'(): string | undefined {
    const actor = contextOf(this.#request)?.actor
    return actor?.kind === 'api-key' ? actor.id : undefined
  }

  get headers(): RequestHeaders {
    return this.#request.headers
  }

  get fingerprint(): string {
    const userAgent = this.#request.headers['user-agent']
    return this.#sources.fingerprintOf({ address: this.ip, userAgent, routeGroup: this.route })
  }

  get country(): string | undefined {
    return this.#sources.countryOf?.(this.#request.raw.socket.remoteAddress, this.#request.headers)
  }

  get evidence(): Evidence {
    return this.#sources.evidenceOf({ address: this.ip, headers: this.headers, solved: this.#isSolved })
  }
}
