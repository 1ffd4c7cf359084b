import { createHash } from 'node:crypto'

/** An entry as it was hashed. An export holds these members, and nothing else counts. */
export interface ChainEntry {
  readonly tenantId: string
  /** From 1, without a gap. */
  readonly seq: number
  /** Unix time in milliseconds. */
  readonly atMs: number
  readonly actorKind: string
  readonly actorId: string | null
  readonly action: string
  readonly resourceType: string | null
  readonly resourceId: string | null
  readonly outcome: string
  readonly requestId: string
  /** JSON, to the letter. */
  readonly changes: string
  readonly subjectId: string | null
  /** Hexadecimal, and still sealed: the chain holds when the key has been destroyed. */
  readonly personal: string | null
  readonly client: string | null
  /** Hexadecimal. */
  readonly hash: string
}

/** What the first entry of a tenant is chained to. */
export const BEFORE_THE_FIRST = '00'.repeat(32)

const absent = Buffer.from('ffffffff', 'hex')

/**
 * Lists of text as bytes, so that no two lists are the same bytes: each behind its length in UTF-8 as four bytes, the most
 * significant first; `ff ff ff ff` for an absent one.
 */
export function frame(fields: readonly (string | null)[]): Buffer {
  const parts = fields.flatMap((field) => {
    if (field === null) return [absent]
    const text = Buffer.from(field)
    const length = Buffer.alloc(4)
    length.writeUInt32BE(text.length)
    return [length, text]
  })
  return Buffer.concat(parts)
}

/** The hash that an entry has behind `previous`; the database makes the same in `audit_append`. Hexadecimal. */
export function entryHash(previous: string, entry: Omit<ChainEntry, 'hash'>): string {
  const canonical = frame([
    'rempart/audit/v1',
    entry.tenantId,
    String(entry.seq),
    String(entry.atMs),
    entry.actorKind,
    entry.actorId,
    entry.action,
    entry.resourceType,
    entry.resourceId,
    entry.outcome,
    entry.requestId,
    entry.changes,
    entry.subjectId,
    entry.personal,
    entry.client,
  ])
  return createHash('sha256').update(Buffer.from(previous, 'hex')).update(canonical).digest('hex')
}

/** Where a chain stands, read in order so far. */
export interface ChainEnd {
  readonly seq: number
  readonly hash: string
}

/** The end of a chain without entries. */
export const EMPTY_CHAIN: ChainEnd = { seq: 0, hash: BEFORE_THE_FIRST }

/**
 * Walks on along a chain.
 *
 * @returns its new end, or the sequence number at which it is broken: there an entry was edited, is missing, or stands in
 *   another's place.
 */
export function walkChain(end: ChainEnd, entries: Iterable<ChainEntry>): ChainEnd | { readonly brokenAt: number } {
  let { seq, hash } = end
  for (const entry of entries) {
    if (entry.seq !== seq + 1 || entryHash(hash, entry) !== entry.hash) return { brokenAt: seq + 1 }
    ;({ seq, hash } = entry)
  }
  return { seq, hash }
}
