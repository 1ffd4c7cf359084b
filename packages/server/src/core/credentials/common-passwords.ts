import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'

/** The first bytes of SHA-256 that stand for one password: of 2^48, a chance hit is out of the question. */
const entryBytes = 6
const file = new URL('./common-passwords.sha256', import.meta.url)

/** A list of passwords that everybody tries first. */
export interface CommonPasswords {
  /** Whether the list has the text, whatever its case. */
  has(text: string): boolean
  readonly size: number
}

/** One form for all spellings that an attacker tries as one: compatibility characters and case are levelled. */
export function foldPassword(text: string): string {
  return text.normalize('NFKC').toLowerCase()
}

/** What the list keeps of a password: the first six bytes of the SHA-256 of its folded form. */
export function commonPasswordEntry(text: string): Buffer {
  return createHash('sha256').update(foldPassword(text)).digest().subarray(0, entryBytes)
}

let loading: Promise<CommonPasswords> | undefined

/**
 * The list that ships with the server, read from disk on the first call: some 50 000 passwords, of which 12 000 have 12
 * characters or more. `scripts/build-common-passwords.ts` makes it; `common-passwords.notice.md` says from what.
 *
 * @throws Error the file is missing or damaged: a password must not pass because nothing was compared.
 */
export function commonPasswords(): Promise<CommonPasswords> {
  loading ??= readFile(file).then(listOf)
  loading.catch(() => {
    loading = undefined
  })
  return loading
}

function listOf(entries: Buffer): CommonPasswords {
  const size = entries.length / entryBytes
  if (!Number.isInteger(size) || size < 10_000) throw new Error('the list of common passwords is damaged')
  const at = (index: number): number => entries.readUIntBE(index * entryBytes, entryBytes)
  return {
    size,
    has(text) {
      const sought = commonPasswordEntry(text).readUIntBE(0, entryBytes)
      let [low, high] = [0, size]
      while (low < high) {
        const middle = (low + high) >>> 1
        if (at(middle) < sought) low = middle + 1
        else high = middle
      }
      return low < size && at(low) === sought
    },
  }
}
