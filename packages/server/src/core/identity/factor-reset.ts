import type { Tx } from '../../database/tenant.ts'
import { type AuditSource, appendAudit } from '../audit/append.ts'
import type { Clock } from '../context.ts'
import type { MailQueue } from '../mail/outbox.ts'
import { lockAccount } from './account-lock.ts'
import { withdrawOneTimeTokens } from './one-time-tokens.ts'
import { revokeSessions } from './session-queries.ts'

/** Names a person's attempts at the second factor: their own, apart from those at the password. */
export const factorAccount = (tenantId: string, userId: string): string => `${tenantId}:${userId}:mfa`

/** The policy that counts those attempts. */
export const FACTOR_POLICY_ID = 'mfa.verify'

/** Takes the authenticator app away, with all that belongs to it. */
export async function deleteFactor(tx: Tx, tenantId: string, userId: string): Promise<void> {
  for (const table of ['mfa_secret', 'mfa_recovery_code'] as const) {
    await tx.deleteFrom(table).where('tenant_id', '=', tenantId).where('user_id', '=', userId).execute()
  }
}

/** Takes everything away that a person could show besides a password: the app and every passkey. @returns whether there was any. */
export async function deleteEveryFactor(tx: Tx, tenantId: string, userId: string): Promise<boolean> {
  const app = await tx
    .deleteFrom('mfa_secret')
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .where('confirmed_at', 'is not', null)
    .executeTakeFirst()
  const passkeys = await tx
    .deleteFrom('webauthn_credential')
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .executeTakeFirst()
  await deleteFactor(tx, tenantId, userId)
  return app.numDeletedRows + passkeys.numDeletedRows > 0n
}

/** Calls off what was asked for about a lost factor: somebody has shown it, or has another password. */
export const cancelFactorReset = (tx: Tx, tenantId: string, userId: string): Promise<void> =>
  withdrawOneTimeTokens(tx, tenantId, userId, ['reset-mfa', 'reset-mfa-wait'])

/**
 * Takes a lost second factor away when its waiting time is over. It is judged where a sign-in would ask for the factor and
 * nowhere else, so that it can be called off until then. Every session ends.
 *
 * @param source - whose actor is the person who signs in.
 * @returns whether it did; the attempts at the factor are then to be forgiven, or no other could be set up.
 */
export async function completeDueReset(
  tx: Tx,
  { mail, clock }: { readonly mail: MailQueue; readonly clock: Clock },
  source: AuditSource,
  userId: string,
): Promise<boolean> {
  const tenantId = source.tenant.id
  const nowMs = clock.now()
  const waiting = await tx
    .selectFrom('one_time_token')
    .select('data')
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .where('purpose', '=', 'reset-mfa-wait')
    .where('expires_at', '>', new Date(nowMs))
    .execute()
  if (!waiting.some(({ data }) => dueAtOf(data) <= nowMs)) return false
  // Whoever shows the factor holds the account too: it is shown before this, and calls the wait off, or not at all.
  await lockAccount(tx, tenantId, userId)
  if (!(await endWait(tx, tenantId, userId))) return false
  await withdrawOneTimeTokens(tx, tenantId, userId, ['mfa-challenge'])
  await cancelFactorReset(tx, tenantId, userId)
  await deleteEveryFactor(tx, tenantId, userId)
  await revokeSessions(tx, tenantId, { userId }, 'mfa-reset')
  const at = new Date(nowMs).toISOString()
  await mail.queueMail(tx, { template: 'mfa-changed', to: { userId }, data: { change: 'reset', at } })
  const resource = { type: 'user', id: userId }
  await appendAudit(tx, source, { action: 'mfa.reset', resource, changes: { by: 'waiting-time' } })
  return true
}

/** Whether the wait was still on: whoever called it off meanwhile comes first. */
async function endWait(tx: Tx, tenantId: string, userId: string): Promise<boolean> {
  const ended = await tx
    .deleteFrom('one_time_token')
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .where('purpose', '=', 'reset-mfa-wait')
    .executeTakeFirst()
  return ended.numDeletedRows > 0n
}

/** As the start of the wait wrote it; what it did not write is never due. */
function dueAtOf(data: unknown): number {
  const { dueAt } = Object(data) as { readonly dueAt?: unknown }
  return typeof dueAt === 'number' ? dueAt : Infinity
}
