import { execFileSync } from 'node:child_process'
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A file system of its own, small enough to be filled. */
export interface SmallDisk {
  readonly directory: string
  /** Leaves not a byte. */
  fill(): void
  /** Gives back what `fill` took. */
  empty(): void
  /** Unmounts it, with all it holds. */
  readonly remove: () => void
}

/** Whether this user of this machine may mount a file system: root on Linux, unless a container forbids it. */
export function canMount(): boolean {
  if (process.platform !== 'linux' || process.geteuid?.() !== 0) return false
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'rempart-test', '/mnt'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Mounts a file system in memory. */
export function mountSmallDisk(megabytes: number): SmallDisk {
  const parent = mkdtempSync(join(tmpdir(), 'rempart-disk-'))
  chmodSync(parent, 0o755)
  const directory = join(parent, 'data')
  mkdirSync(directory)
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'rempart-test', directory])
  const balloon = join(directory, 'balloon')
  return {
    directory,
    fill() {
      for (const sizeBytes of [1024 * 1024, 4096, 1]) {
        try {
          for (;;) appendFileSync(balloon, Buffer.alloc(sizeBytes, 1))
        } catch {
          // That size does not fit any more; a smaller one may.
        }
      }
    },
    empty: () => rmSync(balloon, { force: true }),
    remove() {
      execFileSync('umount', ['--lazy', directory])
      rmSync(parent, { recursive: true, force: true })
    },
  }
}
