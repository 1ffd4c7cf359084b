import { appendFile } from 'node:fs/promises'
import type { Logger } from 'pino'
import { type ChainEnd, EMPTY_CHAIN, walkChain } from '../../core/audit/chain.ts'
import { type HeadSigner, isSigned, type SignedHead } from '../../core/audit/heads.ts'
import type { Pool } from '../../database/connect.ts'
import { inTenant } from '../../database/tenant.ts'
import * as queries from './queries.ts'
import { chainEntryOf, signedHeadOf } from './rows.ts'

export interface HeadSigning {
  /** As rempart_worker. */
  readonly worker: Pool
  readonly signer: HeadSigner
  /** Each head is added to this file too, a line of JSON each: what is there cannot be taken away with the database. */
  readonly anchorFile: string | undefined
  /** Unix time in milliseconds. */
  readonly nowMs: () => number
  readonly log: Logger
}

const batchSize = 500

/**
 * Signs how far the log of each tenant has come, where it has grown. What has come since the last head is checked first: a
 * log that was edited gets no signature, and an error in the server's log instead.
 *
 * @returns how many heads it signed.
 */
export async function signHeads(signing: HeadSigning): Promise<number> {
  let signed = 0
  for (const id of await queries.listTenantsToSign(signing.worker)) {
    const head = await signTenant(signing, id)
    if (head === undefined) continue
    signed += 1
    if (signing.anchorFile !== undefined) await anchor(signing.anchorFile, head)
  }
  return signed
}

async function signTenant(signing: HeadSigning, tenantId: string): Promise<SignedHead | undefined> {
  const { worker, signer, nowMs, log } = signing
  const [last, upTo] = await inTenant(worker, tenantId, async (tx) => [
    await queries.findLastHead(tx, tenantId),
    await queries.findLastSeq(tx, tenantId),
  ])
  const lastHead = last && signedHeadOf(last)
  if (upTo === (lastHead?.seq ?? 0)) return undefined
  const from: ChainEnd = lastHead ?? EMPTY_CHAIN
  const isSound = lastHead === undefined || isSigned(lastHead, signer.keys)
  const end = isSound ? await walkOn(signing, tenantId, from, upTo) : { brokenAt: from.seq }
  if ('brokenAt' in end) {
    log.error({ tenantId, seq: end.brokenAt }, 'the audit log was altered: it is not signed any further')
    return undefined
  }
  const head = signer.sign({ tenantId, ...end, signedAtMs: nowMs() })
  const isStored = await inTenant(worker, tenantId, (tx) =>
    queries.insertHead(tx, {
      tenant_id: tenantId,
      seq: head.seq,
      hash: Buffer.from(head.hash, 'hex'),
      signed_at: new Date(head.signedAtMs),
      kid: head.kid,
      signature: Buffer.from(head.signature, 'base64url'),
    }),
  )
  return isStored ? head : undefined
}

async function walkOn(
  { worker }: HeadSigning,
  tenantId: string,
  from: ChainEnd,
  upTo: number,
): Promise<ReturnType<typeof walkChain>> {
  let end = from
  while (end.seq !== upTo) {
    const after = end.seq
    const rows = await inTenant(worker, tenantId, (tx) =>
      queries.readChain(tx, tenantId, { after, upTo, limit: batchSize }),
    )
    const walked = walkChain(end, rows.map(chainEntryOf))
    if ('brokenAt' in walked) return walked
    // None where some were counted, or fewer than were signed.
    if (walked.seq === after) return { brokenAt: after + 1 }
    end = walked
  }
  return end
}

async function anchor(file: string, head: SignedHead): Promise<void> {
  await appendFile(file, `${JSON.stringify(head)}\n`, { mode: 0o600, flush: true })
}
