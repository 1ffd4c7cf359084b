import type { InTenant, Tx } from '../../database/tenant.ts'
import { type AuditSource, appendAudit } from '../audit/append.ts'
import { createOpaqueToken, parseOpaqueToken } from '../credentials/opaque-token.ts'
import { sealSuccessor, unsealSuccessor } from '../credentials/sealed-successor.ts'
import type { MailQueue } from '../mail/outbox.ts'
import { readTenantSettings, sessionLife } from '../tenant/settings.ts'
import { issueSessionsEnd } from './end-sessions-link.ts'
import type { OpenedSession, SessionKit } from './session-kit.ts'
import * as queries from './session-queries.ts'

/** What became of a refresh token that was presented. */
export type Refreshed =
  | { readonly outcome: 'refreshed'; readonly session: OpenedSession }
  /** Unknown, expired, or of a session that has ended. */
  | { readonly outcome: 'refused' }
  /** It had been used before: somebody else holds it, and the session has ended for both. */
  | { readonly outcome: 'replayed'; readonly userId: string; readonly sessionId: string }

type Row = NonNullable<Awaited<ReturnType<typeof queries.findRefreshToken>>>

/**
 * Exchanges a refresh token for its successor, once. The same token again within ten seconds gets the same successor, as
 * long as that is unused: a client that lost the answer and a second tab stay signed in, and nothing forks. Later, or once
 * the successor has been used, a used token ends the session.
 *
 * @param source - of what tenant it is, and who presented it.
 * @param mail - tells the owner of a session that ended because its token was used twice.
 * @param transport - how the token came: one from a cookie is no bearer token, and the other way round.
 */
export function refreshSession(
  inTenant: InTenant,
  source: AuditSource,
  kit: SessionKit,
  token: string,
  transport: 'bearer' | 'cookie',
  mail: MailQueue,
): Promise<Refreshed> {
  const parsed = parseOpaqueToken('refresh', token)
  if (parsed === undefined) return Promise.resolve({ outcome: 'refused' })
  const tenantId = source.tenant.id
  return inTenant(async (tx) => {
    const row = await queries.findRefreshToken(tx, tenantId, parsed.hash)
    if (row === undefined || !row.is_alive) return { outcome: 'refused' }
    const isFit = row.is_current && row.transport === transport
    if (!row.is_used) {
      if (!isFit) return { outcome: 'refused' }
      const successor = await rotate(tx, kit, tenantId, token, parsed.hash, row)
      if (successor !== undefined) return refreshed(tenantId, row, successor)
    }
    return repeat(tx, source, token, parsed.hash, { mail, nowMs: kit.clock.now(), isFit })
  })
}

/** The successor, when this call is the one that used the token up. */
async function rotate(
  tx: Tx,
  kit: SessionKit,
  tenantId: string,
  token: string,
  hash: Buffer,
  row: Row,
): Promise<string | undefined> {
  const successor = createOpaqueToken('refresh')
  const sealed = sealSuccessor(token, successor.token, [tenantId, row.session_id])
  if (!(await queries.useRefreshToken(tx, tenantId, hash, { hash: successor.hash, sealed }))) return undefined
  const now = new Date(kit.clock.now())
  const { idleMs } = sessionLife(await readTenantSettings(tx))
  const expires = new Date(Math.min(row.absolute_expires_at.getTime(), now.getTime() + idleMs))
  await queries.insertRefreshToken(tx, {
    tenant_id: tenantId,
    token_hash: successor.hash,
    session_id: row.session_id,
    created_at: now,
    expires_at: expires,
  })
  await queries.extendSession(tx, tenantId, row.session_id, now, expires)
  return successor.token
}

async function repeat(
  tx: Tx,
  source: AuditSource,
  token: string,
  hash: Buffer,
  { mail, nowMs, isFit }: { readonly mail: MailQueue; readonly nowMs: number; readonly isFit: boolean },
): Promise<Refreshed> {
  const tenantId = source.tenant.id
  // Read anew: of two at once, the loser sees here what the winner has committed.
  const row = await queries.findRefreshToken(tx, tenantId, hash)
  if (row === undefined || !row.is_alive) return { outcome: 'refused' }
  // One that was used is never merely refused: whoever shows it late, or by another way, is not who went on with it.
  if (isFit && row.is_repeatable && row.sealed_successor !== null) {
    return refreshed(tenantId, row, unsealSuccessor(token, row.sealed_successor, [tenantId, row.session_id]))
  }
  const { user_id: userId, session_id: sessionId } = row
  const ended = await queries.revokeSessions(tx, tenantId, { userId, sessionId }, 'refresh-replay')
  if (ended.length > 0) {
    const data = { at: new Date(nowMs).toISOString(), token: await issueSessionsEnd(tx, tenantId, userId, nowMs) }
    await mail.queueMail(tx, { template: 'session-replayed', to: { userId }, data })
  }
  await appendAudit(tx, source, {
    action: 'session.replayed',
    outcome: 'refused',
    resource: { type: 'session', id: sessionId },
    changes: { userId },
  })
  return { outcome: 'replayed', userId, sessionId }
}

function refreshed(tenantId: string, row: Row, refreshToken: string): Refreshed {
  return {
    outcome: 'refreshed',
    session: {
      tenantId,
      userId: row.user_id,
      sessionId: row.session_id,
      // Check constraints hold both columns to these values.
      aal: row.aal as 1 | 2,
      transport: row.transport as 'bearer' | 'cookie',
      amr: row.amr,
      authTimeMs: row.auth_time.getTime(),
      refreshToken,
    },
  }
}
