import type { Logger } from 'pino'
import type { Pool } from '../../database/connect.ts'
import { inTenant } from '../../database/tenant.ts'
import type { Clock, Person } from '../context.ts'
import type { LiveSession, SessionCheck } from '../identity/session-check.ts'
import { ProblemError } from '../problem.ts'
import { type Authenticated, type Credential, invalidCredential } from './auth.ts'

/** What an access token says once its signature, its times and its audience hold. */
export interface TokenClaims {
  readonly sub: string
  readonly tid: string
  readonly sid: string
}

/** Reads an access token. @throws ProblemError `credential-invalid` for one that does not hold. */
export type VerifyAccessToken = (token: string) => TokenClaims | Promise<TokenClaims>

export interface PersonDependencies {
  readonly pool: Pool
  readonly verifyAccessToken: VerifyAccessToken
  readonly checkSession: SessionCheck
  readonly clock: Clock
  readonly log: Logger
}

/** `last_seen_at` is written at most this often per session. */
const seenResolutionMs = 60_000

/**
 * Finds the person of an access token. The token alone is worth nothing: its session must be alive in the database at
 * this moment, and must be one of the kind that the token came with (a cookie's token is no bearer token).
 *
 * @throws ProblemError `credential-invalid`, the same for a malformed, expired, foreign and revoked one.
 */
export async function authenticatePerson(
  { token, from }: Credential,
  dependencies: PersonDependencies,
): Promise<Authenticated> {
  const claims = await dependencies.verifyAccessToken(token)
  const caller = { tenantId: claims.tid, id: claims.sub }
  const session = await dependencies.checkSession(claims.tid, claims.sid)
  if (session === undefined || session.userId !== claims.sub) throw invalidCredential('session', caller)
  if ((session.transport === 'cookie') !== (from === 'cookie')) throw invalidCredential('transport', caller)
  if (!session.isTenantActive) throw new ProblemError('tenant-suspended', { caller })
  noteSeen(session, dependencies)
  return { tenantId: session.tenantId, actor: personOf(session) }
}

/** The actor of a session that is alive. */
export function personOf(session: LiveSession): Person {
  return {
    kind: 'user',
    id: session.userId,
    sessionId: session.id,
    permissions: session.permissions,
    aal: session.aal,
    neededAal: session.neededAal,
    amr: session.amr,
    authTimeMs: session.authTimeMs,
    transport: session.transport,
    restriction: session.restriction,
  }
}

function noteSeen({ tenantId, id, lastSeenMs }: LiveSession, { pool, clock, log }: PersonDependencies): void {
  const nowMs = clock.now()
  if (nowMs - lastSeenMs < seenResolutionMs) return
  // Not awaited: the call does not depend on it, and a lost note is mended by the next use.
  inTenant(pool, tenantId, (tx) =>
    tx
      .updateTable('session')
      .set({ last_seen_at: new Date(nowMs) })
      .where('tenant_id', '=', tenantId)
      .where('id', '=', id)
      .execute(),
  ).catch((error: unknown) => log.warn({ err: error, sessionId: id }, 'the use of a session was not noted'))
}
