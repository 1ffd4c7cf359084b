import { STEP_UP_SECONDS } from '../../core/access/authorise.ts'
import type { Context, Person } from '../../core/context.ts'
import type { SecondFactors } from '../../core/identity/second-factors.ts'
import type { SessionKit } from '../../core/identity/session-kit.ts'
import type { MailQueue } from '../../core/mail/outbox.ts'
import { ProblemError } from '../../core/problem.ts'
import type { Tx } from '../../database/tenant.ts'
import type { RelyingParty } from './webauthn.ts'

export interface PasskeyDependencies {
  readonly kit: SessionKit
  readonly mail: MailQueue
  readonly secondFactors: SecondFactors
  readonly party: RelyingParty
}

/** The person of a call on a route that takes nobody else. @throws ProblemError `session-required`. */
export function personOf({ actor }: Context): Person {
  if (actor.kind !== 'user') throw new ProblemError('session-required')
  return actor
}

/**
 * A password alone, however fresh, neither adds a passkey to what a second factor protects nor takes one away.
 *
 * @throws ProblemError `step-up-required` (RFC 9470) for who has a factor and has not shown it in this session.
 */
export async function assertFactorShown(
  tx: Tx,
  { secondFactors }: Pick<PasskeyDependencies, 'secondFactors'>,
  tenantId: string,
  { id, aal }: Person,
): Promise<void> {
  if (aal === 2 || !(await secondFactors.isEnrolled(tx, tenantId, id))) return
  throw new ProblemError('step-up-required', {
    parameters: { seconds: String(STEP_UP_SECONDS) },
    headers: {
      'www-authenticate': `Bearer error="insufficient_user_authentication", acr_values="aal2", max_age=${STEP_UP_SECONDS}`,
    },
  })
}
