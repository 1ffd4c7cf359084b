import type { ClientAddress } from '@rempart/guard'

/** What a reputation service says of an address. */
export interface ServiceReputation {
  /** 0 to 100. */
  readonly score: number
  /** The service's name. */
  readonly source: string
}

/** A service that is asked about one address at a time. */
export interface ReputationService {
  /**
   * Undefined when the service knows nothing of the address.
   *
   * @throws ReputationServiceError when there is no answer to be believed.
   */
  lookup(address: ClientAddress, signal: AbortSignal): Promise<ServiceReputation | undefined>
}

/** The service did not answer as it should. The message never holds the address nor the key. */
export class ReputationServiceError extends Error {
  override readonly name = 'ReputationServiceError'
  /** Ask nothing before so many milliseconds have passed. */
  readonly retryAfterMs: number | undefined

  /** It would say the same again. */
  readonly isFinal: boolean

  constructor(message: string, retryAfterMs?: number, isFinal = false) {
    super(message)
    this.retryAfterMs = retryAfterMs
    this.isFinal = isFinal
  }
}
