import type { Logger } from 'pino'
import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { parseOpaqueToken } from '../../core/credentials/opaque-token.ts'
import { refreshSession } from '../../core/identity/refresh.ts'
import type { OpenedSession, SessionKit } from '../../core/identity/session-kit.ts'
import type { MailQueue } from '../../core/mail/outbox.ts'
import { ProblemError } from '../../core/problem.ts'
import type { TenantResolver } from '../../core/tenant/resolver.ts'
import type { Pool } from '../../database/connect.ts'
import { type InTenant, inTenant } from '../../database/tenant.ts'

export interface Refresher {
  readonly kit: SessionKit
  readonly pool: Pool
  readonly tenants: TenantResolver
  readonly mail: MailQueue
}

/**
 * Exchanges a refresh token, whose tenant it names itself.
 *
 * @param presented.namesTenant - whether the call says which tenant it is for: then it has to be the token's.
 * @throws ProblemError `credential-invalid` for one that does not hold, `tenant-suspended`, `tenant-conflict`.
 */
export async function refreshTokens(
  context: Context,
  { kit, pool, tenants, mail }: Refresher,
  { token, transport, namesTenant }: Presented,
): Promise<OpenedSession> {
  const parsed = parseOpaqueToken('refresh', token)
  const tenantId = parsed && (await findTenant(pool, parsed.hash))
  if (tenantId === undefined) throw new ProblemError('credential-invalid', { reason: 'refresh-token' })
  if ((await tenants.find({ kind: 'id', value: tenantId })) === null) throw new ProblemError('tenant-suspended')
  // Where the call names none, the token alone says whose it is.
  const source = { ...context, tenant: { id: tenantId } }
  const run: InTenant = (work) => inTenant(pool, tenantId, work)
  if (namesTenant && context.tenant.id !== tenantId) {
    await run((tx) => appendAudit(tx, source, { action: 'credential.tenant-conflict', outcome: 'refused' }))
    throw new ProblemError('tenant-conflict')
  }
  const refreshed = await refreshSession(run, source, kit, token, transport, mail)
  if (refreshed.outcome === 'refreshed') return refreshed.session
  if (refreshed.outcome === 'replayed') warnOfReplay(context.log, tenantId, refreshed.sessionId)
  throw new ProblemError('credential-invalid', { reason: `refresh-token-${refreshed.outcome}` })
}

/** A refresh token as it came. */
interface Presented {
  readonly token: string
  readonly transport: 'bearer' | 'cookie'
  readonly namesTenant: boolean
}

function warnOfReplay(log: Logger, tenantId: string, sessionId: string): void {
  log.warn({ tenantId, sessionId }, 'a refresh token was used twice: its session has been ended')
}

async function findTenant(pool: Pool, hash: Buffer): Promise<string | undefined> {
  const found = await pool.query<{ tenant: string | null }>({
    name: 'find-refresh-token-tenant',
    text: 'select auth.find_refresh_token_tenant($1) as tenant',
    values: [hash],
  })
  return found.rows[0]?.tenant ?? undefined
}
