import { type AuditSource, appendAudit } from '../../core/audit/append.ts'
import { destroyPersonKey } from '../../core/audit/subject-keys.ts'
import { assertOwnerRemains } from '../../core/identity/owners.ts'
import { createId } from '../../core/ids.ts'
import type { MailKeys } from '../../core/mail/sealed-mail.ts'
import { type Erasure, eraseRows } from '../../core/privacy/erase.ts'
import type { ErasureReceipt, ReceiptSigner } from '../../core/privacy/receipt.ts'
import { type DataSubject, findSubject } from '../../core/privacy/subject.ts'
import { ProblemError } from '../../core/problem.ts'
import type { Tx } from '../../database/tenant.ts'
import * as queries from './queries.ts'

/** What erasing somebody takes. */
export interface ErasureDependencies {
  readonly mailKeys: MailKeys
  readonly receiptSigner: ReceiptSigner
}

/** Who erases, when, and in answer to which request; none: one is entered in the register. */
export interface ErasureOrder {
  readonly source: AuditSource
  /** `user:<id>`, or `system`. */
  readonly handledBy: string
  readonly nowMs: number
  readonly requestId?: string
}

/**
 * The person an account belongs to, locked for erasure. Owners are locked before the account: two who each erase the other
 * do it one after the other.
 *
 * @throws ProblemError `user-not-found`; `last-owner`.
 */
export async function lockForErasure(
  tx: Tx,
  mailKeys: MailKeys,
  tenantId: string,
  userId: string,
): Promise<DataSubject> {
  await assertOwnerRemains(tx, tenantId, userId)
  const subject = await findSubject(tx, mailKeys, { tenantId, userId }, 'erase')
  if (subject === undefined) throw new ProblemError('user-not-found')
  return subject
}

/**
 * Erases somebody, or makes what is theirs nobody's, in the caller's transaction: their rows, then the key of their values
 * in the audit log, last of all, since the entry of the erasure itself may make one. The register keeps that it was done.
 */
export async function eraseSubject(
  tx: Tx,
  { receiptSigner }: ErasureDependencies,
  subject: DataSubject,
  mode: Erasure,
  order: ErasureOrder,
): Promise<ErasureReceipt> {
  const { tenantId, userId } = subject
  const { source, handledBy } = order
  const now = new Date(order.nowMs)
  const id = order.requestId ?? createId()
  await queries.lapseRequests(tx, tenantId, { ...subject, except: id }, { handledBy, handledAt: now })
  const tables = await eraseRows(tx, subject, mode)
  if (order.requestId === undefined) {
    const entry = { tenantId, id, kind: 'erasure', userId, email: null, note: null, createdAt: now }
    await queries.insertRequest(tx, entry)
  }
  await appendAudit(tx, source, {
    action: mode === 'erase' ? 'person.erased' : 'person.anonymised',
    resource: userId === null ? { type: 'privacy-request', id } : { type: 'user', id: userId },
    changes: { request: id, tables: tables.map((each) => ({ ...each })) },
  })
  const auditKeyDestroyed = userId !== null && (await destroyPersonKey(tx, tenantId, userId))
  const receipt = receiptSigner.sign({
    ...{ format: 'rempart-erasure/1', id, tenantId, kind: mode, userId },
    ...{ at: now.toISOString(), tables, auditKeyDestroyed },
  })
  await queries.answerRequest(tx, tenantId, id, {
    ...{ state: 'done', handledBy, handledAt: now },
    receipt: JSON.stringify(receipt),
  })
  return receipt
}
