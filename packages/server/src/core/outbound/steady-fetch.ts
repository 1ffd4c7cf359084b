import { LRUCache } from 'lru-cache'
import { type Outbound, type OutboundFactory, OutboundUnavailableError } from './outbound.ts'
import { type PublicFetch, PublicFetchError } from './public-fetch.ts'

const mostOrigins = 500
const timeoutMs = 6_000

/** An answer that says the server failed: as good as none, unless there is no better. */
class ServerFailure extends Error {
  readonly response: Response

  constructor(response: Response) {
    super(`status ${response.status}`)
    this.response = response
  }
}

/**
 * A fetch that asks once more, a quarter of a second later, what may be asked twice (GET), and that leaves an origin alone
 * for ten seconds after five failures in a row. A person waits for what it answers, so it waits no longer.
 */
export function createSteadyFetch(fetch: PublicFetch, outbound: OutboundFactory): PublicFetch {
  const origins = new LRUCache<string, { readonly get: Outbound; readonly send: Outbound }>({ max: mostOrigins })
  const shared = { service: 'identity-provider', isOneOfMany: true, timeoutMs, openMs: 10_000 }
  const originOf = (url: string) => {
    const name = URL.parse(url)?.origin ?? ''
    const known = origins.get(name)
    if (known !== undefined) return known
    const made = { get: outbound({ ...shared, tries: 2, firstWaitMs: 250 }), send: outbound({ ...shared, tries: 1 }) }
    origins.set(name, made)
    return made
  }

  return async (url, request) => {
    const { get, send } = originOf(url)
    try {
      return await (request.method === 'GET' ? get : send).call(async (signal) => {
        const signals = request.signal === undefined ? [signal] : [signal, request.signal]
        const response = await fetch(url, { ...request, signal: AbortSignal.any(signals) })
        if (response.status >= 500) throw new ServerFailure(response)
        return response
      })
    } catch (error) {
      if (error instanceof ServerFailure) return error.response
      throw error instanceof OutboundUnavailableError ? new PublicFetchError(error.message) : error
    }
  }
}
