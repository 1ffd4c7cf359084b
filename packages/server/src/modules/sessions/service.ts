import { assertFreshProof, assertLevel } from '../../core/access/authorise.ts'
import { appendAudit } from '../../core/audit/append.ts'
import type { Context, Person } from '../../core/context.ts'
import { type KeyRing, UnsealError, unseal } from '../../core/credentials/sealing.ts'
import { clientAad } from '../../core/identity/session-kit.ts'
import { revokeSessions, type SessionChoice } from '../../core/identity/session-queries.ts'
import { ProblemError } from '../../core/problem.ts'
import { type NumberedPage, numberedPageReply, pageRequest } from '../../core/shapes/pagination.ts'
import type { Tx } from '../../database/tenant.ts'
import * as queries from './queries.ts'
import type { EndedSessions, Session, SessionQuery, UserSession } from './schema.ts'

/** The person's own sessions that are alive, newest first. */
export function listSessions(context: Context, ring: KeyRing, query: SessionQuery): Promise<NumberedPage<Session>> {
  const request = pageRequest(query)
  const owner = ownerOf(context)
  return context.inTenant(async (tx) => {
    const [rows, total] = await Promise.all([
      queries.listSessions(tx, owner, request),
      queries.countSessions(tx, owner),
    ])
    return numberedPageReply(rows, total, request, (row) => toSession(context, ring, row))
  })
}

/** @throws ProblemError `session-not-found`, also for one of somebody else, and for one that has ended. */
export async function readSession(context: Context, ring: KeyRing, id: string): Promise<Session> {
  const row = await context.inTenant((tx) => queries.findSession(tx, ownerOf(context), id))
  if (row === undefined) throw new ProblemError('session-not-found')
  return toSession(context, ring, row)
}

/**
 * Ends one of the person's sessions, in every process. Of several calls at once, one does. Their own they may always end;
 * whoever has got hold of it must not put the person out of another with it.
 *
 * @returns whether it is the session of this call.
 * @throws ProblemError `session-not-found`; `step-up-required` for another one, whether or not there is such a one.
 */
export async function endSession(context: Context, id: string): Promise<boolean> {
  const person = personOf(context)
  const owner = ownerOf(context)
  const isOwn = id.toLowerCase() === person.sessionId
  if (!isOwn) {
    assertFreshProof(person, context.clock.now())
    assertLevel(person)
  }
  const ended = await context.inTenant(async (tx) =>
    (await queries.findSession(tx, owner, id)) === undefined
      ? []
      : end(tx, context, { userId: person.id, sessionId: id }),
  )
  if (ended.length === 0) throw new ProblemError('session-not-found')
  return isOwn
}

/** Ends the person's other sessions, or this one as well. */
export async function endSessions(context: Context, isAll: boolean): Promise<EndedSessions> {
  const { id: userId, sessionId } = personOf(context)
  const choice = isAll ? { userId } : { userId, except: sessionId }
  const ended = await context.inTenant((tx) => end(tx, context, choice))
  return { ended: ended.length }
}

async function end(tx: Tx, context: Context, choice: SessionChoice): Promise<readonly string[]> {
  const reason = 'ended-by-owner'
  const ended = await revokeSessions(tx, context.tenant.id, choice, reason)
  if (ended.length > 0) {
    const resource = { type: 'user', id: choice.userId }
    await appendAudit(tx, context, { action: 'session.ended', resource, changes: { reason, sessions: ended } })
  }
  return ended
}

function personOf({ actor }: Context): Person {
  if (actor.kind !== 'user') throw new ProblemError('session-required')
  return actor
}

const ownerOf = (context: Context): queries.SessionOwner => ({
  tenantId: context.tenant.id,
  userId: personOf(context).id,
})

type Row = NonNullable<Awaited<ReturnType<typeof queries.findSession>>>

function toSession(context: Context, ring: KeyRing, row: Row): Session {
  const { address, userAgent } = clientOf(context, ring, row)
  return { ...factsOf(row), current: row.id === personOf(context).sessionId, address, userAgent }
}

/** What a session is shown as, but for where it comes from. */
export function factsOf(row: Row): UserSession {
  return {
    id: row.id,
    device: row.device_label,
    // The columns have check constraints with exactly these values.
    transport: row.transport as Session['transport'],
    aal: row.aal as Session['aal'],
    amr: row.amr,
    authTime: row.auth_time.toISOString(),
    createdAt: row.created_at.toISOString(),
    lastSeenAt: row.last_seen_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
  }
}

const unknownClient = { address: null, userAgent: null } as const

/** Where a session comes from; unknown when the key it was sealed under is gone. */
function clientOf(context: Context, ring: KeyRing, row: Row): Pick<Session, 'address' | 'userAgent'> {
  if (row.client_sealed === null) return unknownClient
  try {
    const text = unseal(ring, row.client_sealed, clientAad(context.tenant.id, row.id)).toString()
    const { address, userAgent } = JSON.parse(text) as { address: string; userAgent: string | null }
    return { address, userAgent }
  } catch (error) {
    if (!(error instanceof UnsealError)) throw error
    context.log.warn({ sessionId: row.id }, 'the origin of a session cannot be read with the keys there are')
    return unknownClient
  }
}
