import { appendAudit } from '../../core/audit/append.ts'
import type { Context, Person } from '../../core/context.ts'
import { tellAccess } from '../../core/identity/access-notice.ts'
import { lockWaysIn } from '../../core/identity/ways-in.ts'
import type { MailQueue } from '../../core/mail/outbox.ts'
import { ProblemError } from '../../core/problem.ts'
import * as queries from './queries.ts'
import type { LinkedAccounts } from './schema.ts'

/** The person of a call on a route that takes nobody else. @throws ProblemError `session-required`. */
export function personOf({ actor }: Context): Person {
  if (actor.kind !== 'user') throw new ProblemError('session-required')
  return actor
}

/** Whom the person is at providers. */
export async function listAccounts(context: Context): Promise<LinkedAccounts> {
  const { id: userId } = personOf(context)
  const rows = await context.inTenant((tx) => queries.listAccounts(tx, context.tenant.id, userId))
  return {
    items: rows.map((row) => ({
      id: row.id,
      provider: { code: row.code, name: row.name, isEnabled: row.is_enabled },
      createdAt: row.created_at.toISOString(),
      lastUsedAt: row.last_used_at?.toISOString() ?? null,
    })),
  }
}

/**
 * Takes a link away, of which the person is told, unless nothing would be left to sign in with.
 *
 * @throws ProblemError `oauth-account-not-found`, also for somebody else's; `oauth-last-way-in`.
 */
export function unlink(context: Context, mail: MailQueue, id: string): Promise<void> {
  const { id: userId } = personOf(context)
  const { id: tenantId } = context.tenant
  return context.inTenant(async (tx) => {
    const { hasPassword, passkeys, links } = await lockWaysIn(tx, tenantId, userId)
    const accounts = await queries.listAccounts(tx, tenantId, userId)
    if (!accounts.some((account) => account.id === id)) throw new ProblemError('oauth-account-not-found')
    const others = [...passkeys, ...links.filter((link) => link !== id)]
    if (!hasPassword && others.length === 0) throw new ProblemError('oauth-last-way-in')
    await queries.deleteAccount(tx, tenantId, userId, id)
    await tellAccess(tx, mail, userId, 'oauth-unlinked', context.clock.now())
    await appendAudit(tx, context, { action: 'oauth.unlinked', resource: { type: 'oauth-account', id } })
  })
}
