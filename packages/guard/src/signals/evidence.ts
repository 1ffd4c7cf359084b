import type { ClientAddress, RequestHeaders } from '../client-address.ts'
import type { Evidence } from '../subject.ts'
import { readHeaderHints } from './header-hints.ts'
import type { Reputation } from './reputation-table.ts'
import { classifyUserAgent } from './user-agent.ts'

/** What is looked at of one request. */
export interface EvidenceInput {
  readonly address: ClientAddress
  readonly headers: RequestHeaders
  /** Whether the request carries a challenge that was solved for it and is used up. @default false */
  readonly solved?: boolean
}

/** Where the signals come from. */
export interface EvidenceOptions {
  /** Browsers send some headers over https only. */
  readonly isSecure: boolean
  /** What is known of an address at once, such as the look-up of a `ReputationTable`. */
  readonly reputationOf?: (address: ClientAddress) => Reputation | undefined
}

/**
 * Builds the function that collects the early signals of a request for rules of the kind `signal`:
 *
 * - `userAgent`: the score of the class of its User-Agent and, where that names a browser, how far the other headers
 *   contradict it;
 * - `reputation`: the score of its address; absent for one on no list, so that a rule's `missing` counts.
 *
 * Each is worked out when a rule reads it, so that an address is looked up only where a rule asks for its reputation.
 * Synchronous, without I/O, and never throws.
 */
export function createEvidenceCollector(options: EvidenceOptions): (input: EvidenceInput) => Evidence {
  const { reputationOf } = options
  return ({ address, headers, solved }) => ({
    solved: solved === true,
    signals: {
      get userAgent() {
        return userAgentScore(headers, options)
      },
      get reputation() {
        return reputationOf?.(address)?.score
      },
    },
  })
}

function userAgentScore(headers: RequestHeaders, options: EvidenceOptions): number {
  const sent = headers['user-agent']
  const { score } = classifyUserAgent(typeof sent === 'string' ? sent : sent?.join(', '))
  // Only a text that names a browser can be contradicted; of both, the worse counts.
  return Math.max(score, readHeaderHints(headers, options).score)
}
