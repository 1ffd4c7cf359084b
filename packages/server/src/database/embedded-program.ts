import { type SpawnOptions, spawn } from 'node:child_process'
import { access } from 'node:fs/promises'
import { type EmbeddedDatabaseError, noBinaries, noOsUser, systemCode, unsupportedPlatform } from './embedded-error.ts'
import type { OsUser } from './embedded-user.ts'

/** Who a program runs as, and what it reads. */
export interface ProgramOptions {
  readonly owner: OsUser
  readonly self: OsUser
  readonly input?: string | undefined
}

/**
 * Runs one of the PostgreSQL programs to its end.
 *
 * @returns Its exit code (-1 when a signal ended it) and what it wrote to stdout and stderr.
 * @throws EmbeddedDatabaseError `no-binaries`, `unsupported-platform` or `no-os-user` when it cannot be started.
 */
export function runProgram(
  program: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...spawnAs(options), stdio: ['pipe', 'pipe', 'pipe'] })
    let output = ''
    const collect = (chunk: Buffer) => {
      output += chunk.toString()
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    // A program that ends before it has read everything closes the pipe; its exit code tells why.
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
    child.on('error', (error) => startError(error, program).then(reject))
    child.on('close', (code) => resolve({ code: code ?? -1, output }))
  })
}

/**
 * Spawn options common to all PostgreSQL programs: as the given user, in a directory that user can be in, in a session
 * of its own so that Ctrl-C reaches Node alone, and without the PG* variables of the caller.
 */
export function spawnAs({ owner, self }: Pick<ProgramOptions, 'owner' | 'self'>): SpawnOptions {
  const identity = self.uid === owner.uid ? {} : { uid: owner.uid, gid: owner.gid }
  return { ...identity, cwd: '/', detached: true, env: { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' } }
}

/** The error for a program that could not be started at all. */
export async function startError(error: unknown, program: string): Promise<EmbeddedDatabaseError> {
  const code = systemCode(error)
  if (code === 'EPERM' || code === 'EINVAL')
    return noOsUser('the system does not let root start a program as it', error)
  const isThere = await access(program).then(
    () => true,
    () => false,
  )
  // The kernel says ENOENT for a program that is there when its loader is not, as glibc's on Alpine.
  if (code === 'ENOENT' && isThere) return unsupportedPlatform('its C library is not the one they are built for')
  return noBinaries(`${program} ${isThere ? 'is not executable' : 'is missing'}`, error)
}
