import { setTimeout as delay } from 'node:timers/promises'
import { dataDirInUse, EmbeddedDatabaseError, fromOutput, notWritable } from './embedded-error.ts'
import { TRACES_OF_ANOTHER } from './embedded-init.ts'
import { type Lock, type LockAttempt, tryLock } from './embedded-lock.ts'
import { disownStalePids, pidInFile } from './embedded-pid-file.ts'
import type { Place } from './embedded-place.ts'
import { adopt, type Postmaster } from './embedded-process.ts'
import { shutDown } from './embedded-stop.ts'

/** A running PostgreSQL whose lock this process has. */
export interface Holding {
  readonly state: 'held-by-us'
  readonly lock: Lock
  readonly postmaster: Postmaster
  readonly origin: 'started' | 'adopted'
}

/** A running PostgreSQL whose lock another process has. */
export interface HeldElsewhere {
  readonly state: 'held-elsewhere'
  readonly version: string
}

/** What {@link acquire} needs. */
export interface Acquisition {
  readonly place: Place
  /** The `cluster_name` of a PostgreSQL that can be adopted as it is. */
  readonly signature: string
  /** A PostgreSQL started earlier by this process, if any. */
  readonly running?: Postmaster | undefined
  /** How long a taken lock has to stay taken before it counts as another's. */
  readonly patienceMs: number
  /** Starts PostgreSQL; called when nothing answers. Nothing comes of it while another one leaves the directory. */
  readonly start: () => Promise<Postmaster | undefined>
  readonly say: (msg: string, detail: Record<string, unknown>) => void
}

/**
 * Gets hold of the PostgreSQL of a data directory: connects if one runs, starts it if none does, and takes the lock.
 *
 * The lock alone decides whose the directory is. Free, it belongs to nobody alive, whoever started PostgreSQL: that one
 * is adopted, or replaced when its settings are not those of this release.
 *
 * @throws EmbeddedDatabaseError when PostgreSQL does not start, or is neither ready nor says that it is on its way for
 * 10 s. Recovery after a crash may take longer than that, 10 min at most.
 */
export async function acquire(acquisition: Acquisition): Promise<Holding | HeldElsewhere> {
  const latestMs = Date.now() + RECOVERED_WITHIN_MS
  let deadlineMs = Date.now() + GIVE_UP_AFTER_MS
  let child = acquisition.running
  let heldSinceMs: number | undefined

  while (Date.now() < deadlineMs) {
    const attempt = await tryLock(acquisition.place)
    if (attempt.state === 'locked') {
      const holding = await settle(attempt.lock, child, acquisition)
      if (holding !== undefined) return holding
    }
    if (attempt.state === 'held') {
      // The lock of a process that was killed a moment ago goes when PostgreSQL notices.
      heldSinceMs ??= Date.now()
      if (Date.now() - heldSinceMs >= acquisition.patienceMs)
        return { state: 'held-elsewhere', version: attempt.version }
    }
    deadlineMs = extended(deadlineMs, attempt, latestMs)
    child = await nextChild(attempt, child, acquisition)
    await delay(POLL_MS)
  }
  throw await noAnswer(child, acquisition.place)
}

const GIVE_UP_AFTER_MS = 10_000
const RECOVERED_WITHIN_MS = 600_000
const POLL_MS = 10
const PAUSE_BEFORE_RETRY_MS = 100

/** PostgreSQL that says it is on its way is given the time it needs. */
function extended(deadlineMs: number, attempt: LockAttempt, latestMs: number): number {
  return attempt.state === 'busy' ? Math.min(latestMs, Date.now() + GIVE_UP_AFTER_MS) : deadlineMs
}

/** Keeps what the lock was taken on, or stops it when it runs with other settings. */
async function settle(lock: Lock, child: Postmaster | undefined, { place, signature, say }: Acquisition) {
  const pid = await pidInFile(place.cluster)
  if (pid === undefined) {
    // It took the lock's connection on its way out.
    await lock.release()
    return undefined
  }
  const postmaster = child?.pid === pid ? child : adopt(pid)
  const origin: Holding['origin'] = postmaster === child ? 'started' : 'adopted'
  if (lock.signature === signature) return { state: 'held-by-us' as const, lock, postmaster, origin }

  say('A PostgreSQL with the settings of another release was left running: it is replaced.', { pid })
  await shutDown(postmaster, place)
  return undefined
}

/** The process to wait for next: starts one when nothing answers and none is on its way. */
async function nextChild(attempt: LockAttempt, child: Postmaster | undefined, { place, start }: Acquisition) {
  if (attempt.state === 'refused') {
    throw notWritable(place.dataDir, undefined, `is served by a PostgreSQL of another user (${attempt.reason})`)
  }
  if (attempt.state !== 'absent') return child
  if (child?.hasExited() === false) return child
  if (child !== undefined) await retryOrExplain(child, place)
  const started = await start()
  if (started === undefined) await makeRoom(place)
  return started
}

/** A PostgreSQL that found another one's traces may succeed when that one is quite gone. Other failures are final. */
async function retryOrExplain(child: Postmaster, place: Place): Promise<void> {
  const output = await child.output()
  if (!TRACES_OF_ANOTHER.test(output)) {
    // Ready, and gone again: it was killed, and left no reason.
    if (/ready to accept connections/.test(output)) return
    throw await fromOutput('postgres', output, place.cluster)
  }
  await makeRoom(place)
}

async function makeRoom(place: Place): Promise<void> {
  if (!(await disownStalePids(place))) await delay(PAUSE_BEFORE_RETRY_MS)
}

async function noAnswer(child: Postmaster | undefined, place: Place): Promise<Error> {
  const output = (await child?.output()) ?? ''
  if (TRACES_OF_ANOTHER.test(output)) return dataDirInUse(place.dataDir)
  return new EmbeddedDatabaseError(
    'start-failed',
    `The PostgreSQL of ${place.dataDir} does not answer.`,
    `Look at ${place.logFile}. If a process "postgres" on ${place.cluster} hangs, end it and start again.`,
  )
}
