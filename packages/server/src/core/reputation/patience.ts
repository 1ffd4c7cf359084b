import { type Outbound, OutboundRefusal } from '../outbound/outbound.ts'
import { type ReputationService, ReputationServiceError } from './service.ts'

/** What the service said for good: it is not asked again, and has not failed. */
class Final extends OutboundRefusal {
  readonly said: ReputationServiceError

  constructor(said: ReputationServiceError) {
    super(said.message)
    this.said = said
  }
}

/**
 * Asks a reputation service as every other service is asked: again after a failure, and not at all while it is being left
 * alone. An answer that says no, or says when to come back, is final; so is the end of the process.
 */
export function patiently(service: ReputationService, outbound: Outbound): ReputationService {
  return {
    async lookup(address, closing) {
      try {
        return await outbound.call(async (signal) => {
          try {
            return await service.lookup(address, AbortSignal.any([closing, signal]))
          } catch (error) {
            if (!(error instanceof ReputationServiceError)) throw error
            throw error.isFinal || closing.aborted ? new Final(error) : error
          }
        })
      } catch (error) {
        if (error instanceof Final) throw error.said
        if (error instanceof ReputationServiceError) throw error
        throw new ReputationServiceError(error instanceof Error ? error.message : 'no answer')
      }
    },
  }
}
