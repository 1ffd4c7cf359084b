import { constants, fchownSync, fstatSync, openSync } from 'node:fs'
import { copyFile, open, rename, stat, truncate } from 'node:fs/promises'
import { fromSystemError, notWritable } from './embedded-error.ts'
import type { OsUser } from './embedded-user.ts'

const ROTATE_AT_BYTES = 4 * 1024 * 1024
const READ_AT_MOST_BYTES = 64 * 1024

/** Opens the log of PostgreSQL for appending, its owner's from now on. Refuses to write through a link of any kind. */
export function openLog(path: string, owner: OsUser): { descriptor: number; size: number } {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants
  try {
    const descriptor = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600)
    const { size, uid, nlink } = fstatSync(descriptor)
    if (nlink > 1) throw notWritable(path, undefined, 'is a link to another file')
    // Root makes it once; the owner has to be able to open it without root's help.
    if (uid !== owner.uid) fchownSync(descriptor, owner.uid, owner.gid)
    return { descriptor, size }
  } catch (error) {
    throw fromSystemError(error, path)
  }
}

/** Sets a long log aside as `<path>.1`, before a start. A failure is no reason not to start. */
export async function rotateLog(path: string): Promise<void> {
  try {
    if ((await stat(path)).size > ROTATE_AT_BYTES) await rename(path, `${path}.1`)
  } catch {
    // Absent, or on a full disk: both are met again, and reported, when the log is opened.
  }
}

/** The same for a log that PostgreSQL has open: the content moves, the file stays. */
export async function trimOpenLog(path: string): Promise<void> {
  try {
    if ((await stat(path)).size <= ROTATE_AT_BYTES) return
    await copyFile(path, `${path}.1`).catch(() => {})
    await truncate(path)
  } catch {
    // Tried again at the next turn.
  }
}

/** The log from byte `offset` on, 64 KiB at most; empty when it cannot be read. */
export async function readLog(path: string, offset: number): Promise<string> {
  try {
    const file = await open(path, 'r')
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(READ_AT_MOST_BYTES), 0, READ_AT_MOST_BYTES, offset)
      return buffer.toString('utf8', 0, bytesRead)
    } finally {
      await file.close()
    }
  } catch {
    return ''
  }
}
