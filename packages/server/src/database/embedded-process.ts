import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import type { Binaries } from './embedded-binaries.ts'
import { openLog, readLog, rotateLog } from './embedded-log.ts'
import type { Place } from './embedded-place.ts'
import { spawnAs, startError } from './embedded-program.ts'
import type { Settings } from './embedded-settings.ts'

/** A PostgreSQL server process: one that this process started, or one it adopted. */
export interface Postmaster {
  readonly pid: number
  /** Resolves when a process started here is gone; never for an adopted one, which is nobody's child. */
  readonly exited: Promise<void>
  hasExited(): boolean
  /** What a process started here has written to the log, 64 KiB at most. */
  output(): Promise<string>
}

/**
 * Starts PostgreSQL, and returns before it accepts connections.
 *
 * It writes to a file and lives in its own session, so neither the end of this process nor Ctrl-C takes it along.
 *
 * @throws EmbeddedDatabaseError when the program cannot be executed.
 */
export async function launch(place: Place, binaries: Binaries, settings: Settings): Promise<Postmaster> {
  await rotateLog(place.logFile)
  const log = openLog(place.logFile, place.owner)
  try {
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const child = spawn(binaries.postgres, ['-D', place.cluster, ...options], {
      ...spawnAs(place),
      stdio: ['ignore', log.descriptor, log.descriptor],
    })
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    try {
      await once(child, 'spawn')
    } catch (error) {
      throw await startError(error, binaries.postgres)
    }
    child.unref()
    return {
      pid: child.pid ?? 0,
      exited,
      hasExited: () => child.exitCode !== null || child.signalCode !== null,
      output: () => readLog(place.logFile, log.size),
    }
  } finally {
    closeSync(log.descriptor)
  }
}

/** Starts nothing: a handle for a PostgreSQL that an earlier process left running. */
export function adopt(pid: number): Postmaster {
  return { pid, exited: new Promise(() => {}), hasExited: () => false, output: async () => '' }
}

/**
 * Has PostgreSQL shut down when this process dies, however it dies: a shell waits for the end of a pipe that only this
 * process holds open. Where there is no shell, nothing happens; the next start then adopts what was left.
 *
 * @returns Calls the watch off.
 */
export function guardAgainstOurDeath(postmaster: Postmaster, place: Place): () => void {
  const script = 'read -r _ || kill -INT "$1"'
  const shell = spawn('/bin/sh', ['-c', script, 'rempart-guard', String(postmaster.pid)], {
    ...spawnAs(place),
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  shell.on('error', () => {})
  shell.stdin?.on('error', () => {})
  shell.unref()
  // A line, unlike the end of the pipe, lets it go without a signal.
  const callOff = () => void shell.stdin?.end('\n')
  void postmaster.exited.then(callOff)
  return callOff
}
