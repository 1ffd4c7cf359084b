import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { lockAccount } from '../../core/identity/account-lock.ts'
import { hasAccount } from '../../core/identity/account-queries.ts'
import { assertMayActOn } from '../../core/identity/holdings.ts'
import { withdrawOneTimeTokens } from '../../core/identity/one-time-tokens.ts'
import { revokeSessions } from '../../core/identity/session-queries.ts'
import type { MailQueue } from '../../core/mail/outbox.ts'
import { ProblemError } from '../../core/problem.ts'
import { type NumberedPage, numberedPageReply, pageRequest } from '../../core/shapes/pagination.ts'
import type { Tx } from '../../database/tenant.ts'
import * as queries from './queries.ts'
import type { EndedSessions, SessionQuery, UserSession } from './schema.ts'
import { factsOf } from './service.ts'

/**
 * The sessions of somebody that are alive, newest first, without where they come from: that is shown to their owner alone.
 *
 * @throws ProblemError `user-not-found`, also for a person of another tenant.
 */
export function listSessionsOfUser(
  context: Context,
  userId: string,
  query: SessionQuery,
): Promise<NumberedPage<UserSession>> {
  const request = pageRequest(query)
  const owner = { tenantId: context.tenant.id, userId }
  return context.inTenant(async (tx) => {
    await assertKnown(tx, owner)
    const [rows, total] = await Promise.all([
      queries.listSessions(tx, owner, request),
      queries.countSessions(tx, owner),
    ])
    return numberedPageReply(rows, total, request, factsOf)
  })
}

/**
 * Ends every session of somebody, who is told if there was any, and every sign-in of theirs that waits for its second
 * factor. The account stays as it is: they may sign in again.
 *
 * @throws ProblemError `user-not-found`, also for a person of another tenant; `beyond-own-rights` for who may do more.
 */
export function endSessionsOfUser(context: Context, mail: MailQueue, userId: string): Promise<EndedSessions> {
  const owner = { tenantId: context.tenant.id, userId }
  return context.inTenant(async (tx) => {
    await assertKnown(tx, owner)
    await assertMayActOn(tx, context, userId)
    await lockAccount(tx, owner.tenantId, userId)
    const reason = 'ended-by-staff'
    const sessions = await revokeSessions(tx, owner.tenantId, { userId }, reason)
    await withdrawOneTimeTokens(tx, owner.tenantId, userId, ['mfa-challenge'])
    if (sessions.length > 0) {
      const at = new Date(context.clock.now()).toISOString()
      await mail.queueMail(tx, { template: 'sessions-ended', to: { userId }, data: { at } })
    }
    // Also where there was none to end: somebody has acted on somebody.
    const resource = { type: 'user', id: userId.toLowerCase() }
    await appendAudit(tx, context, { action: 'session.ended', resource, changes: { reason, sessions } })
    return { ended: sessions.length }
  })
}

async function assertKnown(tx: Tx, owner: queries.SessionOwner): Promise<void> {
  if (!(await hasAccount(tx, owner.tenantId, owner.userId))) throw new ProblemError('user-not-found')
}
