import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'
import type { Person } from '../context.ts'
import { ProblemError } from '../problem.ts'
import { type ClientFacts, type OpenedSession, openSession, type SessionKit } from './session-kit.ts'

/** What the person has just shown, in the session that is to be replaced. */
export interface NewProof {
  readonly tenantId: string
  readonly person: Pick<Person, 'id' | 'sessionId' | 'amr' | 'transport'>
  readonly aal: 1 | 2
  /** What was shown now (RFC 8176); what had been shown before stays. */
  readonly shown: readonly string[]
  readonly restriction: Person['restriction']
  readonly client: ClientFacts
  /** Why the old session ended. */
  readonly reason: string
}

/**
 * Opens a session with a new id in the place of a person's own, which ends: who knew the old tokens gains nothing by the
 * proof. The new one ends when the old one would have.
 *
 * @throws ProblemError `credential-invalid` when the old one has ended meanwhile: of several proofs at once, one counts.
 */
export async function replaceSession(tx: Tx, kit: SessionKit, proof: NewProof): Promise<OpenedSession> {
  const { tenantId, person } = proof
  const ended = await tx
    .updateTable('session')
    .set({ revoked_at: sql`now()`, revoked_reason: proof.reason })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', person.sessionId)
    .where('user_id', '=', person.id)
    .where('revoked_at', 'is', null)
    .returning('absolute_expires_at')
    .executeTakeFirst()
  if (ended === undefined) throw new ProblemError('credential-invalid', { reason: 'session' })
  return openSession(tx, kit, {
    tenantId,
    userId: person.id,
    aal: proof.aal,
    amr: [...new Set([...person.amr, ...proof.shown])],
    transport: person.transport,
    restriction: proof.restriction,
    client: proof.client,
    absoluteExpiresAt: ended.absolute_expires_at,
  })
}
