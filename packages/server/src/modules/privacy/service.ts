import { includesPermission } from '../../core/access/access.ts'
import { appendAudit } from '../../core/audit/append.ts'
import type { Context, Person } from '../../core/context.ts'
import type { KeyRing } from '../../core/credentials/sealing.ts'
import { assertMayActOn } from '../../core/identity/holdings.ts'
import { forgetMailbox } from '../../core/mail/forget-mailbox.ts'
import type { Erasure } from '../../core/privacy/erase.ts'
import { collectExport, type ExportSection } from '../../core/privacy/export.ts'
import type { ErasureReceipt } from '../../core/privacy/receipt.ts'
import { type DataSubject, findSubject } from '../../core/privacy/subject.ts'
import { ProblemError } from '../../core/problem.ts'
import type { Tx } from '../../database/tenant.ts'
import { type ErasureDependencies, eraseSubject, lockForErasure } from './erasure.ts'

/** What export and erasure take. */
export interface PrivacyDependencies extends ErasureDependencies {
  /** What addresses of sessions are sealed under. */
  readonly clientRing: KeyRing
  readonly dataDir: string
}

/** An export before it is written as JSON or as a page. */
export interface Export {
  readonly exportedAt: Date
  readonly userId: string | null
  readonly sections: readonly ExportSection[]
}

/** Everything stored about whoever is signed in, or about somebody else. @throws ProblemError `user-not-found`. */
export function exportPerson(
  context: Context,
  dependencies: PrivacyDependencies,
  userId: string = personOf(context).id,
): Promise<Export> {
  return context.inTenant(async (tx) => {
    const subject = await findSubject(tx, dependencies.mailKeys, { tenantId: context.tenant.id, userId }, 'read')
    if (subject === undefined) throw new ProblemError('user-not-found')
    return exportSubject(tx, context, dependencies, subject)
  })
}

/** What is stored about somebody, and an entry in the audit log that it was read. */
export async function exportSubject(
  tx: Tx,
  context: Context,
  { clientRing }: PrivacyDependencies,
  subject: DataSubject,
  request?: string,
): Promise<Export> {
  const sections = await collectExport(tx, subject, { session: clientRing, audit: context.audit.ring })
  const { userId } = subject
  await appendAudit(tx, context, {
    action: 'person.exported',
    ...(userId !== null && { resource: { type: 'user', id: userId } }),
    changes: {
      tables: sections.map(({ table, rows }) => ({ table, rows: rows.length })),
      ...(request !== undefined && { request }),
    },
  })
  return { exportedAt: new Date(context.clock.now()), userId, sections }
}

/**
 * Erases whoever is signed in, or somebody else, at once and for good.
 *
 * @throws ProblemError `permission-missing` for somebody else without `privacy:write`; `user-not-found`; `last-owner`;
 * `beyond-own-rights` for somebody who may do more.
 */
export async function erasePerson(
  context: Context,
  dependencies: PrivacyDependencies,
  mode: Erasure,
  whose?: string,
): Promise<ErasureReceipt> {
  const person = personOf(context)
  // As the database writes it: an id in capitals is the same account, and counts as the same owner.
  const userId = whose?.toLowerCase() ?? person.id
  const isOneself = userId === person.id
  if (!isOneself) assertMayHandle(person)
  const { receipt, subject } = await context.inTenant(async (tx) => {
    const subject = await lockForErasure(tx, dependencies.mailKeys, context.tenant.id, userId)
    if (!isOneself) await assertMayActOn(tx, context, userId)
    return { subject, receipt: await eraseSubject(tx, dependencies, subject, mode, orderOf(context)) }
  })
  await forgetMails(context, dependencies, subject)
  return receipt
}

/** What the register says of an erasure that a person asked for. */
export const orderOf = (context: Context) => ({
  source: context,
  handledBy: `user:${personOf(context).id}`,
  nowMs: context.clock.now(),
})

/** Removes mails from the data directory. The person is erased by then: a directory that cannot be read changes nothing. */
export async function forgetMails(
  { log }: Context,
  { dataDir }: PrivacyDependencies,
  subject: DataSubject,
): Promise<void> {
  try {
    await forgetMailbox(dataDir, subject)
  } catch (error) {
    log.warn({ err: error }, 'mails of somebody who was erased could not be removed from the mailbox')
  }
}

/** @throws ProblemError `permission-missing` unless the person handles personal data of others. */
export function assertMayHandle({ permissions }: Person): void {
  const permission = 'privacy:write'
  if (!includesPermission(permissions, permission))
    throw new ProblemError('permission-missing', { parameters: { permission } })
}

/** @throws ProblemError `session-required`. */
export function personOf({ actor }: Context): Person {
  if (actor.kind !== 'user') throw new ProblemError('session-required')
  return actor
}
