import { EVERYTHING } from '../../core/access/access.ts'
import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { assertHoldsAll, holdingsOfActor } from '../../core/identity/holdings.ts'
import * as queries from './queries.ts'
import type { EndedSessionsOfAll } from './schema.ts'

/**
 * Ends every session of every person of the tenant, in every process, and every sign-in that waits for its second factor.
 * Accounts, keys and what was sent stay as they are, and nobody gets a mail: as many as there are people would be sent. The
 * log holds one entry, with the numbers.
 *
 * @param isOwnToo - whether the session of this call ends as well.
 * @throws ProblemError `beyond-own-rights` for who does not hold everything: an owner is among those whose sessions end.
 */
export function endSessionsOfEverybody(context: Context, isOwnToo: boolean): Promise<EndedSessionsOfAll> {
  const { tenant, actor } = context
  const except = actor.kind === 'user' && !isOwnToo ? actor.sessionId : undefined
  return context.inTenant(async (tx) => {
    assertHoldsAll(await holdingsOfActor(tx, context), [EVERYTHING])
    await queries.lockSignedIn(tx, tenant.id)
    const reason = 'ended-for-everybody'
    const counted = await queries.revokeAll(tx, tenant.id, reason, except)
    await queries.withdrawChallenges(tx, tenant.id)
    const resource = { type: 'tenant', id: tenant.id }
    await appendAudit(tx, context, { action: 'session.ended', resource, changes: { reason, ...counted } })
    return counted
  })
}
