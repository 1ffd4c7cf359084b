import type { ChainEntry } from '../../core/audit/chain.ts'
import type { SignedHead } from '../../core/audit/heads.ts'
import type * as queries from './queries.ts'

export type EntryRow = Awaited<ReturnType<typeof queries.readChain>>[number]
export type HeadRow = Awaited<ReturnType<typeof queries.readHeads>>[number]

/** An entry as it was hashed. */
export const chainEntryOf = (row: EntryRow): ChainEntry => ({
  tenantId: row.tenant_id,
  seq: row.seq,
  atMs: row.at.getTime(),
  actorKind: row.actor_kind,
  actorId: row.actor_id,
  action: row.action,
  resourceType: row.resource_type,
  resourceId: row.resource_id,
  outcome: row.outcome,
  requestId: row.request_id,
  changes: row.changes,
  subjectId: row.subject_id,
  personal: row.personal_sealed?.toString('hex') ?? null,
  client: row.client_sealed?.toString('hex') ?? null,
  hash: row.hash.toString('hex'),
})

export const signedHeadOf = (row: HeadRow): SignedHead => ({
  tenantId: row.tenant_id,
  seq: row.seq,
  hash: row.hash.toString('hex'),
  signedAtMs: row.signed_at.getTime(),
  kid: row.kid,
  signature: row.signature.toString('base64url'),
})
