import type { Tx } from '../database/tenant.ts'

/** Forgets sessions that ended before `before`, by time or by revocation, and their tokens. Returns how many. */
export async function deleteEndedSessions(tx: Tx, before: Date): Promise<number> {
  const deleted = await tx
    .deleteFrom('session')
    .where((ended) =>
      ended.or([
        ended('absolute_expires_at', '<', before),
        ended('idle_expires_at', '<', before),
        ended('revoked_at', '<', before),
      ]),
    )
    .executeTakeFirst()
  return Number(deleted.numDeletedRows)
}

/**
 * Forgets tokens that expired before `before`. A refresh token that was used stays until then: should it come back, its
 * session ends.
 */
export async function deleteSpentTokens(tx: Tx, before: Date): Promise<number> {
  const refresh = await tx.deleteFrom('refresh_token').where('expires_at', '<', before).executeTakeFirst()
  const oneTime = await tx.deleteFrom('one_time_token').where('expires_at', '<', before).executeTakeFirst()
  return Number(refresh.numDeletedRows + oneTime.numDeletedRows)
}

/** Forgets invitations that were accepted, revoked or over before `before`: they name people. Returns how many. */
export async function deleteEndedInvitations(tx: Tx, before: Date): Promise<number> {
  const deleted = await tx
    .deleteFrom('invitation')
    .where((ended) =>
      ended.or([ended('accepted_at', '<', before), ended('revoked_at', '<', before), ended('expires_at', '<', before)]),
    )
    .executeTakeFirst()
  return Number(deleted.numDeletedRows)
}
