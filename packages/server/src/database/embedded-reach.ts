import type { Stats } from 'node:fs'
import { chmod, mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { OsUser } from './embedded-user.ts'

/** The three permission bits of a class of users, as in one octal digit of a mode. */
export const READ = 4
export const SEARCH = 1

/** Whether the mode of a file grants `bits` to a user who has no group but the primary one. Access lists are not seen. */
export function grants(file: Pick<Stats, 'mode' | 'uid' | 'gid'>, user: OsUser, bits: number): boolean {
  if (user.uid === 0) return true
  const shift = file.uid === user.uid ? 6 : file.gid === user.gid ? 3 : 0
  return ((file.mode >> shift) & bits) === bits
}

/**
 * The highest directory above `path` that the user may not pass through; absent when there is none.
 *
 * @param path - Absolute, symbolic links resolved. Itself not looked at.
 */
export async function closedParent(path: string, user: OsUser): Promise<string | undefined> {
  const parents: string[] = []
  for (let current = path; current !== dirname(current); ) {
    current = dirname(current)
    parents.unshift(current)
  }
  for (const parent of parents) {
    if (!grants(await stat(parent), user, SEARCH)) return parent
  }
  return undefined
}

/** Whether the user can open `path` with `bits`, parents included. */
export async function canReach(path: string, user: OsUser, bits: number): Promise<boolean> {
  if (!grants(await stat(path), user, bits)) return false
  return (await closedParent(path, user)) === undefined
}

/**
 * Makes a directory that everybody may pass through, whatever the umask, and nobody else may list.
 *
 * @returns Whether that took a change of an existing directory.
 */
export async function makePassable(directory: string): Promise<boolean> {
  const made = await mkdir(directory, { recursive: true })
  const { mode } = await stat(directory)
  if (grants({ mode, uid: 0, gid: 0 }, SOMEBODY, SEARCH)) return false
  await chmod(directory, (mode & 0o7777) | SEARCH)
  return made === undefined
}

/** In the class "others" of every file of root. */
const SOMEBODY: OsUser = { uid: 1, gid: 1, name: '' }
