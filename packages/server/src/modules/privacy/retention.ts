import { destroyPersonKey } from '../../core/audit/subject-keys.ts'
import type { KeyRing } from '../../core/credentials/sealing.ts'
import { forgetMailbox } from '../../core/mail/forget-mailbox.ts'
import { eraseRows } from '../../core/privacy/erase.ts'
import { type DataSubject, findSubject } from '../../core/privacy/subject.ts'
import type { Pool } from '../../database/connect.ts'
import { inTenant } from '../../database/tenant.ts'
import { type ErasureDependencies, eraseSubject } from './erasure.ts'
import * as queries from './queries.ts'

const dayMs = 86_400_000
/** A deleted account can be restored for so long. */
const RESTORABLE_DAYS = 30
/** Answers to requests are proof for so long: three years. */
const ANSWERS_KEPT_DAYS = 1_096
/** Accounts erased by one turn of the job in one tenant: what is left waits for the next. */
const mostAtOnce = 100

/** What erasing takes where nobody asks for it. */
export interface PurgeDependencies extends ErasureDependencies {
  /** As rempart_worker. */
  readonly worker: Pool
  readonly auditRing: KeyRing
  readonly dataDir: string
}

/**
 * Erases the accounts of a tenant that were deleted longer ago than they can be restored. Only what belongs to the account:
 * what was sent from its address is not the account's, and may be another's by now.
 *
 * @returns how many.
 */
export async function eraseDeletedAccounts(
  dependencies: PurgeDependencies,
  tenantId: string,
  nowMs: number,
): Promise<number> {
  const { worker, dataDir } = dependencies
  const before = new Date(nowMs - RESTORABLE_DAYS * dayMs)
  const due = await inTenant(worker, tenantId, (tx) => queries.findLongDeleted(tx, before, mostAtOnce))
  for (const userId of due) {
    const erased = await eraseOne(dependencies, { tenantId, userId, before }, nowMs)
    if (erased !== undefined) await forgetMailbox(dataDir, erased)
  }
  await eraseStragglers(dependencies, tenantId, nowMs)
  return due.length
}

interface DueAccount {
  readonly tenantId: string
  readonly userId: string
  readonly before: Date
}

function eraseOne(
  dependencies: PurgeDependencies,
  { tenantId, userId, before }: DueAccount,
  nowMs: number,
): Promise<DataSubject | undefined> {
  return inTenant(dependencies.worker, tenantId, async (tx) => {
    const found = await findSubject(tx, dependencies.mailKeys, { tenantId, userId }, 'erase')
    if (found === undefined) return undefined
    // Asked again under the lock: whom somebody has restored since is left alone.
    if (!(await queries.isLongDeleted(tx, tenantId, userId, before))) return undefined
    const subject = { ...found, emailNorm: null, recipients: [] }
    await eraseSubject(tx, dependencies, subject, 'erase', {
      source: {
        tenant: { id: tenantId },
        actor: { kind: 'system' },
        requestId: 'deleted-accounts',
        audit: { ring: dependencies.auditRing, address: undefined, userAgent: undefined },
      },
      handledBy: 'system',
      nowMs,
    })
    return subject
  })
}

/** What a call that was under way stored for somebody who was made nobody meanwhile: their account is still there. */
async function eraseStragglers({ worker }: PurgeDependencies, tenantId: string, nowMs: number): Promise<void> {
  await inTenant(worker, tenantId, async (tx) => {
    for (const userId of await queries.findErasedSince(tx, new Date(nowMs - dayMs))) {
      const subject = { tenantId, userId, emailNorm: null, recipients: [], name: null }
      await eraseRows(tx, subject, 'anonymise', 'user_account')
      await destroyPersonKey(tx, tenantId, userId)
    }
  })
}

/** Forgets requests of a tenant that were answered three years ago. @returns how many. */
export const purgeAnswers = (worker: Pool, tenantId: string, nowMs: number): Promise<number> =>
  inTenant(worker, tenantId, (tx) => queries.deleteAnswered(tx, new Date(nowMs - ANSWERS_KEPT_DAYS * dayMs)))
