import { setTimeout as delay } from 'node:timers/promises'
import { systemCode } from './embedded-error.ts'
import { pidInFile } from './embedded-pid-file.ts'
import type { Place } from './embedded-place.ts'
import type { Postmaster } from './embedded-process.ts'

/**
 * Shuts PostgreSQL down and waits until it is gone: open transactions are rolled back and everything is written out.
 *
 * @returns False when it did not manage within 30 s and was made to quit, or was killed, without writing anything out:
 * what was committed is recovered at the next start.
 */
export async function shutDown(postmaster: Postmaster, place: Place): Promise<boolean> {
  signal(postmaster, 'SIGINT')
  if (await isGoneWithin(FAST_SHUTDOWN_MS, postmaster, place)) return true
  signal(postmaster, 'SIGQUIT')
  if (await isGoneWithin(IMMEDIATE_SHUTDOWN_MS, postmaster, place)) return false
  signal(postmaster, 'SIGKILL')
  return false
}

const FAST_SHUTDOWN_MS = 30_000
const IMMEDIATE_SHUTDOWN_MS = 5_000
const POLL_MS = 10

function signal(postmaster: Postmaster, name: 'SIGINT' | 'SIGQUIT' | 'SIGKILL'): void {
  if (postmaster.hasExited()) return
  try {
    process.kill(postmaster.pid, name)
  } catch (error) {
    if (systemCode(error) !== 'ESRCH') throw error
  }
}

async function isGoneWithin(limitMs: number, postmaster: Postmaster, place: Place): Promise<boolean> {
  const deadlineMs = Date.now() + limitMs
  while (Date.now() < deadlineMs) {
    if (await isGone(postmaster, place)) return true
    await Promise.race([postmaster.exited, delay(POLL_MS)])
  }
  return isGone(postmaster, place)
}

/** Removing its pid file is the last thing PostgreSQL does; an adopted process may stay in the table uncollected. */
async function isGone(postmaster: Postmaster, place: Place): Promise<boolean> {
  return postmaster.hasExited() || (await pidInFile(place.cluster)) !== postmaster.pid
}
