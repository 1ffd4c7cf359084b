import { HashQueueFullError } from '../credentials/hash-queue.ts'
import { ProblemError } from '../problem.ts'

/**
 * Waits for what hashes passwords.
 *
 * @throws ProblemError `too-busy` when as many as may be are being hashed already.
 */
export async function unlessBusy<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof HashQueueFullError)) throw error
    throw new ProblemError('too-busy', { headers: { 'retry-after': String(error.retryAfterSeconds) } })
  }
}
