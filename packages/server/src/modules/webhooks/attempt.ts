import { type PublicFetch, PublicFetchError } from '../../core/outbound/public-fetch.ts'
import { retryAfterOf } from './schedule.ts'
import { signedHeaders } from './secret.ts'

/** Why nobody answered, by class. The words of a fault may hold an address or a name. */
export type AttemptError = 'address' | 'timeout' | 'connection' | 'tls' | 'answer'

/** What came of one attempt. */
export interface Attempt {
  readonly at: Date
  readonly durationMs: number
  /** Null when there was no answer; then `error` says why. */
  readonly status: number | null
  readonly error: AttemptError | null
  readonly retryAfterMs: number | null
}

/** What is sent. */
export interface Message {
  readonly id: string
  readonly type: string
  readonly occurredAt: Date
  readonly data: Readonly<Record<string, unknown>>
}

export interface Receiver {
  readonly url: string
  /** What it is signed with: one, or two while a new one takes over. */
  readonly secrets: readonly string[]
}

/** Sends a message once. Does not throw; nothing of the answer but its status and `Retry-After` is looked at. */
export async function attempt(
  fetchPublic: PublicFetch,
  { url, secrets }: Receiver,
  { id, type, occurredAt, data }: Message,
  signal: AbortSignal,
): Promise<Attempt> {
  const at = new Date()
  const startedMs = performance.now()
  const durationMs = (): number => Math.round(performance.now() - startedMs)
  const body = JSON.stringify({ type, timestamp: occurredAt.toISOString(), data })
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'Rempart-Webhooks/1',
    ...signedHeaders(secrets, { id, body, at }),
  }
  try {
    const answer = await fetchPublic(url, { method: 'POST', headers, body, signal })
    const retryAfterMs = retryAfterOf(answer.headers.get('retry-after'), Date.now())
    return { at, durationMs: durationMs(), status: answer.status, error: null, retryAfterMs }
  } catch (error) {
    return { at, durationMs: durationMs(), status: null, error: classOf(error), retryAfterMs: null }
  }
}

/**
 * A name that does not resolve and one that resolves to an address inside are one class: otherwise who may add webhooks
 * could ask which names the network behind the server knows.
 */
function classOf(error: unknown): AttemptError {
  if (error instanceof PublicFetchError) return 'address'
  if (error instanceof RangeError) return 'answer'
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  return classes.find(([pattern]) => pattern.test(code))?.[1] ?? 'connection'
}

const classes: readonly (readonly [RegExp, AttemptError])[] = [
  [/^(ENOTFOUND|EAI_\w+)$/, 'address'],
  [/^(ABORT_ERR|ETIMEDOUT)$/, 'timeout'],
  [/^HPE_/, 'answer'],
  [/^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_OSSL|EPROTO)/, 'tls'],
]
