import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { revokeSessions } from '../../core/identity/session-queries.ts'
import { lockWaysIn, type WaysIn } from '../../core/identity/ways-in.ts'
import { ProblemError } from '../../core/problem.ts'
import type { Tx } from '../../database/tenant.ts'
import { tell } from './notices.ts'
import { assertFactorShown, type PasskeyDependencies, personOf } from './person.ts'
import * as queries from './queries.ts'
import type { Passkey } from './schema.ts'

/** A passkey as its owner is shown it. */
export function describe(row: {
  readonly id: string
  readonly label: string
  readonly is_backed_up: boolean
  readonly created_at: Date
  readonly last_used_at: Date | null
  readonly suspected_at: Date | null
}): Passkey {
  return {
    id: row.id,
    label: row.label,
    isSynced: row.is_backed_up,
    isSuspected: row.suspected_at !== null,
    createdAt: row.created_at.toISOString(),
    lastUsedAt: row.last_used_at?.toISOString() ?? null,
  }
}

/** The passkeys of the person of a call, oldest first. */
export async function listPasskeys(context: Context): Promise<{ items: Passkey[] }> {
  const { id: userId } = personOf(context)
  const rows = await context.inTenant((tx) => queries.listPasskeys(tx, context.tenant.id, userId))
  return { items: rows.map(describe) }
}

/** Gives one another name. @throws ProblemError `passkey-not-found`, also for somebody else's. */
export function renamePasskey(context: Context, id: string, label: string): Promise<Passkey> {
  const { id: userId } = personOf(context)
  return context.inTenant(async (tx) => {
    const row = await queries.renamePasskey(tx, context.tenant.id, userId, id, label)
    if (row === undefined) throw new ProblemError('passkey-not-found')
    await appendAudit(tx, context, { action: 'passkey.renamed', resource: { type: 'passkey', id } })
    return describe(row)
  })
}

/**
 * Takes one away, and ends every other session of the person: it may have opened one elsewhere.
 *
 * @throws ProblemError `passkey-not-found`, also for somebody else's; `passkey-last-way-in` when nothing would be left to
 * sign in with; `mfa-mandatory` when it is the second factor of who has to have one; `step-up-required`.
 */
export function removePasskey(context: Context, dependencies: PasskeyDependencies, id: string): Promise<void> {
  const tenantId = context.tenant.id
  const person = personOf(context)
  return context.inTenant(async (tx) => {
    const ways = await lockWaysIn(tx, tenantId, person.id)
    const passkeys = await queries.listPasskeys(tx, tenantId, person.id)
    if (!passkeys.some((each) => each.id === id)) throw new ProblemError('passkey-not-found')
    await assertFactorShown(tx, dependencies, tenantId, person)
    await assertDispensable(tx, tenantId, person.id, ways, id)
    await queries.deletePasskey(tx, tenantId, person.id, id)
    await revokeSessions(tx, tenantId, { userId: person.id, except: person.sessionId }, 'passkey-removed')
    await tell(tx, dependencies.mail, person.id, 'passkey-removed', context.clock.now())
    await appendAudit(tx, context, { action: 'passkey.removed', resource: { type: 'passkey', id } })
  })
}

/** @throws ProblemError `passkey-last-way-in`, `mfa-mandatory`. */
async function assertDispensable(tx: Tx, tenantId: string, userId: string, ways: WaysIn, id: string): Promise<void> {
  // One that is suspected lets nobody in: nothing is lost with it.
  if (!ways.passkeys.includes(id) || ways.passkeys.length > 1) return
  if (!ways.hasPassword && ways.links.length === 0) throw new ProblemError('passkey-last-way-in')
  const duty = await queries.findDuty(tx, tenantId, userId)
  if (duty.is_required && !duty.has_app) throw new ProblemError('mfa-mandatory')
}
