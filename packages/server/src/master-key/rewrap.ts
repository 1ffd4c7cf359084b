import type { Logger } from 'pino'
import { appendAudit } from '../core/audit/append.ts'
import { createHeadSigner, type HeadSigner } from '../core/audit/heads.ts'
import { createKeyRing, type KeyRing, needsReseal, reseal } from '../core/credentials/sealing.ts'
import { createId } from '../core/ids.ts'
import { keyLabels, type Masters } from '../core/secrets.ts'
import { signingKeyAad } from '../core/tokens/signing-key.ts'
import type { Pool } from '../database/connect.ts'
import { inTenant, type Tx } from '../database/tenant.ts'
import { signHeads } from '../modules/audit/sign-heads.ts'
import { listTenants } from '../modules/tenants/public.ts'
import { countOutdated, resealColumn } from './reseal.ts'
import { type SealedColumn, sealedColumns } from './sealed-columns.ts'

export interface RewrapDependencies {
  /** As rempart_app. */
  readonly app: Pool
  /** As rempart_worker. */
  readonly worker: Pool
  readonly masters: Masters
  readonly log: Logger
}

/** What a rewrapping did, and what it left. */
export interface RewrapReport {
  readonly rewrapped: number
  /** Sealed under no secret that is configured, or damaged: they stay as they are, and are lost without their secret. */
  readonly unreadable: number
  /**
   * Under a former secret still, or again: a server that runs with it as its current one has sealed them since. None:
   * the former secrets are not needed any more.
   */
  readonly remaining: number
}

interface Place {
  readonly column: SealedColumn
  readonly ring: KeyRing
}

const mostPasses = 3

/** How many values need a former master secret, or one that is gone; signed heads of the audit log among them. */
export async function countFormerlySealed({ app, worker, masters }: Omit<RewrapDependencies, 'log'>): Promise<number> {
  const places = placesOf(masters)
  const { key } = createHeadSigner(masters)
  let count = (await outdatedSigningKeys(app, masters)).length
  for (const { id } of await listTenants(worker)) {
    count += await inTenant(worker, id, async (tx) => {
      let values = (await isHeadOutdated(tx, id, key.kid)) ? 1 : 0
      for (const { column, ring } of places) values += await countOutdated(tx, id, column, ring)
      return values
    })
  }
  return count
}

/**
 * Seals everything anew under the current master secret that is under another, and signs the audit log of each tenant with
 * its key. Servers may run meanwhile, as long as each of them has both secrets. Broken off, it goes on where it stopped.
 *
 * @param onProgress - told how many values were looked at since the last time.
 */
export async function rewrap(
  dependencies: RewrapDependencies,
  onProgress: (values: number) => void = () => {},
): Promise<RewrapReport> {
  let rewrapped = 0
  let unreadable = 0
  let left = 0
  for (let pass = 0; pass < mostPasses; pass += 1) {
    const done = await rewrapOnce(dependencies, onProgress)
    rewrapped += done.rewrapped
    unreadable = done.unreadable
    left = await countFormerlySealed(dependencies)
    if (left <= unreadable) break
  }
  return { rewrapped, unreadable, remaining: Math.max(0, left - unreadable) }
}

async function rewrapOnce(
  dependencies: RewrapDependencies,
  onProgress: (values: number) => void,
): Promise<{ readonly rewrapped: number; readonly unreadable: number }> {
  const { worker, masters } = dependencies
  const places = placesOf(masters)
  const signer = createHeadSigner(masters)
  const keys = await resealSigningKeys(dependencies)
  let { rewrapped, unreadable } = keys
  onProgress(rewrapped + unreadable)
  for (const { id } of await listTenants(worker)) {
    for (const place of places) {
      const done = await resealColumn(worker, id, place, onProgress)
      rewrapped += done.rewrapped
      unreadable += done.unreadable
    }
    await outgrowHead(worker, id, signer)
  }
  const nowMs = (): number => Date.now()
  const signed = await signHeads({ worker, signer, anchorFile: undefined, nowMs, log: dependencies.log })
  onProgress(signed)
  return { rewrapped: rewrapped + signed, unreadable }
}

const placesOf = (masters: Masters): readonly Place[] =>
  sealedColumns.map((column) => ({ column, ring: createKeyRing(masters, column.label) }))

interface SigningKeyRow {
  readonly kid: string
  readonly purpose: string
  readonly sealed: Buffer
}

async function outdatedSigningKeys(app: Pool, masters: Masters): Promise<readonly SigningKeyRow[]> {
  const ring = createKeyRing(masters, keyLabels.signingKey)
  const { rows } = await app.query<SigningKeyRow>('select kid, purpose, sealed_private as sealed from signing_key')
  return rows.filter(({ sealed }) => needsReseal(ring, sealed))
}

async function resealSigningKeys({ app, masters }: RewrapDependencies) {
  const ring = createKeyRing(masters, keyLabels.signingKey)
  let rewrapped = 0
  let unreadable = 0
  for (const { kid, purpose, sealed } of await outdatedSigningKeys(app, masters)) {
    const fresh = reseal(ring, sealed, signingKeyAad(purpose, kid))
    if (fresh === undefined) unreadable += 1
    else {
      const { rowCount } = await app.query('select from reseal_signing_key($1, $2, $3) done where done', [
        kid,
        sealed,
        fresh,
      ])
      rewrapped += rowCount ?? 0
    }
  }
  return { rewrapped, unreadable }
}

/** A head vouches for every entry before it: one more entry, and the next head is signed with the current key. */
async function outgrowHead(worker: Pool, tenantId: string, { key }: HeadSigner): Promise<void> {
  await inTenant(worker, tenantId, async (tx) => {
    if (!(await isHeadOutdated(tx, tenantId, key.kid))) return
    const source = {
      tenant: { id: tenantId },
      actor: { kind: 'operator', id: 'cli' },
      requestId: createId(),
      audit: { ring: undefined, address: undefined, userAgent: undefined },
    } as const
    await appendAudit(tx, source, { action: 'master-key.rotated' })
  })
}

async function isHeadOutdated(tx: Tx, tenantId: string, kid: string): Promise<boolean> {
  const head = await tx
    .selectFrom('audit_head')
    .select('kid')
    .where('tenant_id', '=', tenantId)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  return head !== undefined && head.kid !== kid
}
