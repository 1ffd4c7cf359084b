import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { parseOpaqueToken } from '../../core/credentials/opaque-token.ts'
import { lockAccount } from '../../core/identity/account-lock.ts'
import {
  consumeOneTimeToken,
  outdatedByPassword,
  peekOneTimeToken,
  withdrawOneTimeTokens,
} from '../../core/identity/one-time-tokens.ts'
import { revokeSessions } from '../../core/identity/session-queries.ts'
import { findTokenTenant } from '../../core/identity/token-tenant.ts'
import { ProblemError } from '../../core/problem.ts'
import type { TenantResolver } from '../../core/tenant/resolver.ts'
import type { Pool } from '../../database/connect.ts'
import { inTenant, type Tx } from '../../database/tenant.ts'

export interface LinkDependencies {
  readonly pool: Pool
  readonly tenants: TenantResolver
}

/**
 * Ends every session of whoever a mail was sent to, and calls off what was asked for in their name: another address, a new
 * password, a second factor that is lost.
 *
 * @throws ProblemError `link-invalid`.
 */
export async function endByLink(context: Context, dependencies: LinkDependencies, token: string): Promise<void> {
  const parsed = parseOpaqueToken('sessionsEnd', token)
  // The link names its tenant, whatever tenant the request names.
  const tenant = parsed && (await findTokenTenant(dependencies, parsed.hash, 'end-sessions'))
  if (parsed === undefined || tenant === undefined) throw new ProblemError('link-invalid')
  await inTenant(dependencies.pool, tenant.id, async (tx) => {
    const userId = await useUp(tx, tenant.id, parsed.hash)
    if (!userId) throw new ProblemError('link-invalid')
    const reason = 'ended-by-mail'
    const sessions = await revokeSessions(tx, tenant.id, { userId }, reason)
    await withdrawOneTimeTokens(tx, tenant.id, userId, outdatedByPassword)
    const resource = { type: 'user', id: userId }
    const source = { ...context, tenant }
    await appendAudit(tx, source, { action: 'session.ended', resource, changes: { reason, sessions } })
  })
}

/** Whose link it was; nobody's when it does not hold. */
async function useUp(tx: Tx, tenantId: string, hash: Buffer): Promise<string | null | undefined> {
  const peeked = await peekOneTimeToken(tx, tenantId, hash, 'end-sessions')
  if (peeked?.userId) await lockAccount(tx, tenantId, peeked.userId)
  return (await consumeOneTimeToken(tx, tenantId, hash, 'end-sessions'))?.userId
}
