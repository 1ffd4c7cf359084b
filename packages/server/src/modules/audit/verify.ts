import { type ChainEnd, EMPTY_CHAIN, walkChain } from '../../core/audit/chain.ts'
import { isSigned, type SignedHead } from '../../core/audit/heads.ts'
import type { Context } from '../../core/context.ts'
import type { VerifyingKey } from '../../core/credentials/master-signer.ts'
import * as queries from './queries.ts'
import { chainEntryOf, type HeadRow, signedHeadOf } from './rows.ts'
import type { AuditVerdict } from './schema.ts'

/** Read at once, and checked in one call at most. */
const batchSize = 500
const mostEntries = 20_000

/** A fault, where it is. */
type Fault = Pick<AuditVerdict, 'verdict' | 'at'>

interface Stretch {
  readonly fault: Fault | undefined
  readonly end: ChainEnd
  readonly signedTo: number
}

/** Whose signatures are believed. */
interface Trust {
  readonly keys: readonly VerifyingKey[]
  /**
   * The newest head, when one of the keys signed it: it vouches for every entry before it, and so for heads that were
   * signed under a master secret that is gone. Else 0.
   */
  readonly vouchedTo: number
}

/**
 * Walks along the tenant's chain and checks what was signed of it: a bounded stretch, from the beginning or from where the
 * call before it stopped. Each batch is read in a short transaction of its own.
 *
 * @param keys - what signs heads now, and what else is believed.
 * @param after - the last entry of the stretch before; 0 for the beginning.
 */
export async function verifyAudit(context: Context, keys: readonly VerifyingKey[], after = 0): Promise<AuditVerdict> {
  const { tenant } = context
  // The head first: one that is signed while the entries are counted is of an entry that was not counted.
  const { head, lastSeq, start } = await context.inTenant(async (tx) => ({
    head: await queries.findLastHead(tx, tenant.id),
    lastSeq: await queries.findLastSeq(tx, tenant.id),
    start: after === 0 ? undefined : await queries.findHash(tx, tenant.id, after),
  }))
  const lastHead = head?.seq ?? 0
  const trust: Trust = { keys, vouchedTo: vouchedTo(head, keys) }
  const from: ChainEnd = after === 0 ? EMPTY_CHAIN : { seq: after, hash: start?.toString('hex') ?? '' }
  // What was signed, or was there when somebody checked it, and is there no more.
  const wasTo = Math.max(lastHead, after)
  const truncated: Fault | undefined = wasTo > lastSeq ? { verdict: 'truncated', at: wasTo } : undefined
  const upTo = Math.min(lastSeq, after + mostEntries)
  let stretch: Stretch = { fault: undefined, end: from, signedTo: 0 }
  while (stretch.fault === undefined && stretch.end.seq < upTo) {
    stretch = await checkBatch(context, trust, stretch, upTo)
  }
  const isEnd = upTo >= lastSeq
  const fault = stretch.fault ?? (isEnd ? truncated : undefined)
  return {
    verdict: fault?.verdict ?? 'whole',
    at: fault?.at ?? null,
    checkedFrom: after,
    checkedTo: stretch.end.seq,
    signedTo: stretch.signedTo,
    nextAfter: fault === undefined && !isEnd ? stretch.end.seq : null,
  }
}

async function checkBatch(context: Context, trust: Trust, { end, signedTo }: Stretch, upTo: number): Promise<Stretch> {
  const { tenant } = context
  const { rows, heads } = await context.inTenant(async (tx) => {
    const read = await queries.readChain(tx, tenant.id, { after: end.seq, upTo, limit: batchSize })
    const last = read.at(-1)?.seq ?? end.seq
    return {
      rows: read,
      heads: await queries.readHeads(tx, tenant.id, { after: end.seq, upTo: last, limit: batchSize }),
    }
  })
  const walked = walkChain(end, rows.map(chainEntryOf))
  if ('brokenAt' in walked) return { fault: { verdict: 'altered', at: walked.brokenAt }, end, signedTo }
  // Nothing where entries had been counted: they went while this was read.
  if (walked.seq === end.seq) return { fault: { verdict: 'altered', at: end.seq + 1 }, end, signedTo }
  const hashes = new Map(rows.map(({ seq, hash }) => [seq, hash.toString('hex')]))
  for (const head of heads.map(signedHeadOf)) {
    if (!isBelieved(head, trust)) return { fault: { verdict: 'head-altered', at: head.seq }, end: walked, signedTo }
    if (hashes.get(head.seq) !== head.hash)
      return { fault: { verdict: 'altered', at: head.seq }, end: walked, signedTo }
  }
  return { fault: undefined, end: walked, signedTo: heads.at(-1)?.seq ?? signedTo }
}

const vouchedTo = (head: HeadRow | undefined, keys: readonly VerifyingKey[]): number =>
  head !== undefined && isSigned(signedHeadOf(head), keys) ? head.seq : 0

function isBelieved(head: SignedHead, { keys, vouchedTo }: Trust): boolean {
  return isSigned(head, keys) || (head.seq < vouchedTo && keys.every(({ kid }) => kid !== head.kid))
}
