import { type ReputationService, ReputationServiceError, type ServiceReputation } from './service.ts'

export interface AbuseIpDbOptions {
  /** Origin without path, such as `https://api.abuseipdb.com`. */
  readonly url: string
  readonly key: string
  /** For the whole answer. Default 3,000. */
  readonly timeoutMs?: number
}

/** An answer without reports has half a kilobyte. */
const MOST_BYTES = 65_536
const DAY_MS = 86_400_000

/**
 * Asks AbuseIPDB how confident its users are that an address is abusive: a score from 0 to 100 over the last 90 days.
 * Addresses that it has whitelisted score 0. One try; `patiently` makes the others.
 *
 * @see https://docs.abuseipdb.com/#check-endpoint
 */
export function createAbuseIpDb({ url, key, timeoutMs = 3_000 }: AbuseIpDbOptions): ReputationService {
  return {
    async lookup({ text }, signal) {
      const query = new URLSearchParams({ ipAddress: text, maxAgeInDays: '90' })
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
      try {
        const response = await fetch(`${url}/api/v2/check?${query}`, {
          headers: { key, accept: 'application/json' },
          // The key goes to nobody else.
          redirect: 'error',
          signal: deadline,
        })
        if (!response.ok) throw await refusal(response)
        return readAnswer(await readBounded(response))
      } catch (error) {
        if (error instanceof ReputationServiceError) throw error
        // The cause would quote the address.
        throw new ReputationServiceError(deadline.aborted ? 'no answer in time' : 'no connection')
      }
    },
  }
}

async function refusal(response: Response): Promise<ReputationServiceError> {
  await response.body?.cancel()
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  const retryAfterMs = seconds >= 0 ? Math.min(seconds * 1_000, DAY_MS) : undefined
  // A spent day or a key that is refused does not mend itself in a minute.
  const pauseMs = [401, 402, 403, 429].includes(response.status) ? 3_600_000 : undefined
  const waitMs = retryAfterMs ?? pauseMs
  const isFinal = response.status < 500 || waitMs !== undefined
  return new ReputationServiceError(`status ${response.status}`, waitMs, isFinal)
}

async function readBounded(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const piece of response.body ?? []) {
    bytes += piece.byteLength
    if (bytes > MOST_BYTES) throw new ReputationServiceError('an answer without end')
    text += decoder.decode(piece, { stream: true })
  }
  return text
}

function readAnswer(text: string): ServiceReputation {
  const score = scoreOf(text)
  if (score === undefined) throw new ReputationServiceError('an answer that is none of AbuseIPDB')
  return { score, source: 'abuseipdb' }
}

function scoreOf(text: string): number | undefined {
  const data = member(parse(text), 'data')
  if (member(data, 'isWhitelisted') === true) return 0
  const score = member(data, 'abuseConfidenceScore')
  return typeof score === 'number' && Number.isInteger(score) && score >= 0 && score <= 100 ? score : undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined
}
