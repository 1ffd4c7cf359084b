import { createHash } from 'node:crypto'
import { createOutbounds, type OutboundFactory, OutboundUnavailableError } from '../outbound/outbound.ts'

/** What the service says of a password. `unknown` lets the person go on: a check that is down must lock nobody out. */
export type BreachAnswer =
  | { readonly outcome: 'breached'; readonly count: number }
  | { readonly outcome: 'clear' }
  | { readonly outcome: 'unknown'; readonly reason: 'timeout' | 'circuit-open' | 'bad-answer' | 'unreachable' }

/** Asks whether a password is in a known breach. Never rejects, and answers within the timeout. */
export type BreachCheck = (password: string) => Promise<BreachAnswer>

/** Where and how patiently to ask. */
export interface BreachCheckOptions {
  /** `https://api.pwnedpasswords.com` or a mirror; `/range/<prefix>` is added to it. */
  readonly baseUrl: string
  /** How long a person may have to wait for it, in milliseconds. Default 2000. */
  readonly timeoutMs?: number
  /** Failures in a row after which the service is left alone. Default 5. */
  readonly failuresToOpen?: number
  /** For how long it is, in milliseconds. Default 30 000. */
  readonly openMs?: number
  /** Default: one without metrics. */
  readonly outbound?: OutboundFactory
}

/** A padded answer has some 1000 lines of 40 bytes. */
const mostBytes = 262_144
const lineShape = /^([0-9A-F]{35}):(\d{1,12})$/

class BadAnswerError extends Error {
  override readonly name = 'BadAnswerError'
}

/**
 * A client of the range search of Have I Been Pwned, or of what speaks the same. Five hexadecimal digits of the
 * password's SHA-1 leave the process, shared by some thousand other passwords, and the answer is padded so that its
 * length says nothing either. Redirects are not followed.
 *
 * Call it outside of any transaction.
 *
 * @see https://haveibeenpwned.com/API/v3#SearchingPwnedPasswordsByRange
 */
export function createBreachCheck(options: BreachCheckOptions): BreachCheck {
  const { baseUrl, timeoutMs = 2000, failuresToOpen = 5, openMs = 30_000, outbound = createOutbounds() } = options
  const base = baseUrl.replace(/\/+$/, '')
  // A person waits, and goes on without an answer: no second try.
  const service = outbound({ service: 'breached-passwords', tries: 1, timeoutMs, failuresToOpen, openMs })

  return async (password) => {
    const digest = createHash('sha1').update(password).digest('hex').toUpperCase()
    const url = `${base}/range/${digest.slice(0, 5)}`
    try {
      const counts = await service.call((signal) => fetchRange(url, signal))
      const count = counts.get(digest.slice(5)) ?? 0
      return count > 0 ? { outcome: 'breached', count } : { outcome: 'clear' }
    } catch (error) {
      return { outcome: 'unknown', reason: reasonOf(error) }
    }
  }
}

function reasonOf(error: unknown): Extract<BreachAnswer, { outcome: 'unknown' }>['reason'] {
  if (error instanceof OutboundUnavailableError) return error.reason
  return error instanceof BadAnswerError ? 'bad-answer' : 'unreachable'
}

async function fetchRange(url: string, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(url, {
    headers: { 'Add-Padding': 'true', 'User-Agent': 'rempart', Accept: 'text/plain' },
    redirect: 'manual',
    signal,
  })
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel()
    throw new BadAnswerError(`status ${response.status}`)
  }
  return parseRange(await boundedText(response.body))
}

async function boundedText(body: ReadableStream<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    // Leaving the loop by an error cancels the stream, and with it the connection.
    if (size > mostBytes) throw new BadAnswerError('too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('latin1')
}

/** Every line must be one: an answer that is partly something else, or empty, is no answer. */
function parseRange(text: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const line of text.replace(/\r?\n$/, '').split(/\r?\n/)) {
    const [, suffix, count] = lineShape.exec(line) ?? []
    if (suffix === undefined) throw new BadAnswerError('not a range')
    counts.set(suffix, Number(count))
  }
  return counts
}
