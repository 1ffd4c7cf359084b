import { rmdir } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { type Acquisition, acquire, type Holding } from './embedded-acquire.ts'
import { dataDirInUse, EmbeddedDatabaseError } from './embedded-error.ts'
import { trimOpenLog } from './embedded-log.ts'
import { guardAgainstOurDeath } from './embedded-process.ts'
import { shutDown } from './embedded-stop.ts'

/** Who hears of what the supervision does. */
export interface SupervisorHooks {
  readonly log: (event: { level: 'info' | 'warn' | 'error'; msg: string; [detail: string]: unknown }) => void
  readonly onRestart?: (() => void) | undefined
}

/**
 * Keeps a PostgreSQL running: when its process dies, or all its connections break, it is started or found again.
 *
 * Tries for as long as the disk is full; gives up, and logs an error, after 8 other failures in a row.
 *
 * @returns Ends the supervision and shuts PostgreSQL down. Safe to repeat.
 */
export function supervise(first: Holding, acquisition: Acquisition, hooks: SupervisorHooks): () => Promise<void> {
  const ending = new AbortController()
  const watching = watch(first, acquisition, hooks, ending.signal)
  const trimming = setInterval(() => void trimOpenLog(acquisition.place.logFile), TRIM_EVERY_MS)
  trimming.unref()

  const end = async () => {
    ending.abort()
    clearInterval(trimming)
    const last = await watching
    if (last !== undefined) await shutDownHeld(last, acquisition, hooks)
  }
  let ended: Promise<void> | undefined
  return () => {
    ended ??= end()
    return ended
  }
}

const TRIM_EVERY_MS = 10 * 60_000
const FAILURES_ALLOWED = 8
const PAUSE_AT_MOST_MS = 5_000
/** Longer than at a start: the lock was ours, and only a slow machine keeps our dead connection alive. */
const LOCK_RETURNS_WITHIN_MS = 5_000
/** A PostgreSQL that dies again sooner than this after its return is not brought back at full speed. */
const STEADY_AFTER_MS = 10_000
const QUICK_RETURNS = 5

/** Until told to end. Returns what is held then; nothing after it gave up. */
async function watch(first: Holding, acquisition: Acquisition, hooks: SupervisorHooks, ending: AbortSignal) {
  let holding: Holding | undefined = first
  let returns = 0
  while (holding !== undefined) {
    const sinceMs = Date.now()
    const callOffGuard = guardAgainstOurDeath(holding.postmaster, acquisition.place)
    await Promise.race([holding.lock.lost, holding.postmaster.exited, aborted(ending)])
    callOffGuard()
    if (ending.aborted) return holding

    hooks.log({
      level: 'warn',
      msg: 'The embedded PostgreSQL is gone; it is brought back.',
      pid: holding.postmaster.pid,
    })
    returns = Date.now() - sinceMs < STEADY_AFTER_MS ? returns + 1 : 0
    if (returns > QUICK_RETURNS) await pause(returns - QUICK_RETURNS, ending)
    holding = await bringBack(holding, acquisition, hooks, ending)
    if (holding !== undefined && !ending.aborted) announce(holding, hooks)
  }
  return undefined
}

function announce(holding: Holding, { log, onRestart }: SupervisorHooks): void {
  log({ level: 'info', msg: 'The embedded PostgreSQL is back.', pid: holding.postmaster.pid })
  onRestart?.()
}

async function bringBack(lost: Holding, acquisition: Acquisition, hooks: SupervisorHooks, ending: AbortSignal) {
  void lost.lock.release().catch(() => {})
  // Of an adopted one nobody learns when it ends: it is looked for like any other.
  const running = lost.origin === 'started' ? lost.postmaster : undefined
  let failures = 0
  while (!ending.aborted) {
    try {
      const found = await acquire({ ...acquisition, patienceMs: LOCK_RETURNS_WITHIN_MS, running })
      if (found.state === 'held-by-us') return found
      throw dataDirInUse(acquisition.place.dataDir)
    } catch (error) {
      failures += 1
      if (isFinal(error, failures)) {
        report(error, 'error', 'The embedded PostgreSQL cannot be brought back.', hooks)
        return undefined
      }
      // The 1st, 2nd, 4th, 8th … time: a disk may stay full for days.
      if (Number.isInteger(Math.log2(failures))) {
        report(error, 'warn', 'The embedded PostgreSQL cannot be brought back yet.', hooks)
      }
      await pause(failures, ending)
    }
  }
  return undefined
}

function isFinal(error: unknown, failures: number): boolean {
  const code = error instanceof EmbeddedDatabaseError ? error.code : 'start-failed'
  if (code === 'disk-full') return false
  return code === 'data-dir-in-use' || failures >= FAILURES_ALLOWED
}

function report(error: unknown, level: 'warn' | 'error', msg: string, { log }: SupervisorHooks): void {
  if (error instanceof EmbeddedDatabaseError)
    log({ level, msg, reason: error.message, hint: error.hint, code: error.code })
  else log({ level, msg, reason: String(error) })
}

async function pause(step: number, ending: AbortSignal): Promise<void> {
  const ms = Math.min(PAUSE_AT_MOST_MS, 100 * 2 ** step)
  await delay(ms, undefined, { signal: ending }).catch(() => {})
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** The lock is kept to the end: nobody may adopt a PostgreSQL that is on its way out. */
async function shutDownHeld(holding: Holding, { place }: Acquisition, { log }: SupervisorHooks): Promise<void> {
  const isClean = await shutDown(holding.postmaster, place)
  if (!isClean)
    log({ level: 'warn', msg: 'The embedded PostgreSQL had to be stopped at once; it recovers at the next start.' })
  await holding.lock.release().catch(() => {})
  // Empty by then. What is left in it, if anything, is met by the next start.
  for (const directory of place.socketDirs) await rmdir(directory).catch(() => {})
}
