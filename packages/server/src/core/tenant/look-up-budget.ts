import { LRUCache } from 'lru-cache'

/** Who may cause look-ups of tenants before a limit has judged the request. */
export interface LookUpBudget {
  allows(client: string): boolean
  begin(client: string): void
  /** @param isMissing - Nobody has the name that was looked up. */
  end(client: string, isMissing: boolean): void
}

/** Look-ups under way at a time, and those of one client. */
const mostLookUps = 32
const mostOfClient = 4
/** Names that nobody has, which a client may try in a minute. */
const mostMissing = 10
const missingMs = 60_000

/**
 * Shares look-ups among clients. Requests that are refused cost look-ups too, before anything has counted them: no client
 * may keep the others from theirs, nor go on trying names for nothing. What has no look-up is judged as of no tenant, by
 * the policies of the installation.
 */
export function createLookUpBudget(): LookUpBudget {
  const underWay = new Map<string, number>()
  const missing = new LRUCache<string, number>({ max: 10_000, ttl: missingMs })
  let all = 0

  return {
    allows: (client) =>
      all < mostLookUps &&
      (underWay.get(client) ?? 0) < mostOfClient &&
      (missing.get(client) ?? 0) + (underWay.get(client) ?? 0) < mostMissing,
    begin(client) {
      all += 1
      underWay.set(client, (underWay.get(client) ?? 0) + 1)
    },
    end(client, isMissing) {
      all -= 1
      const own = (underWay.get(client) ?? 0) - 1
      if (own > 0) underWay.set(client, own)
      else underWay.delete(client)
      // The minute begins with the first name.
      if (isMissing) missing.set(client, (missing.get(client) ?? 0) + 1, { noUpdateTTL: true })
    },
  }
}
