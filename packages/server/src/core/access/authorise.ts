import type { FastifyContextConfig } from 'fastify'
import type { Person } from '../context.ts'
import { ProblemError } from '../problem.ts'
import { type Access, includesPermission, isScope } from './access.ts'

/** How old a proof of who somebody is may be for what asks for a fresh one. */
export const STEP_UP_SECONDS = 600

type Guarded = Exclude<Access, 'public' | 'none'>

/** @throws ProblemError `scope-missing`, or `session-required` for what no key may do. */
export function authoriseKey(scopes: readonly string[], access: Guarded): void {
  if (!isScope(access)) throw new ProblemError('session-required')
  if (scopes.includes(access)) return
  throw new ProblemError('scope-missing', {
    parameters: { scope: access },
    headers: { 'www-authenticate': `Bearer error="insufficient_scope", scope="${access}"` },
  })
}

/**
 * @throws ProblemError `mfa-enrolment-required` for a session that is for less, `permission-missing`, or
 * `step-up-required` (RFC 9470).
 */
export function authorisePerson(
  person: Person,
  access: Guarded,
  { restricted, stepUp }: Pick<FastifyContextConfig, 'restricted' | 'stepUp'>,
  nowMs: number,
): void {
  if (person.restriction !== null && restricted !== true) throw new ProblemError('mfa-enrolment-required')
  if (access !== 'session' && !includesPermission(person.permissions, access)) {
    throw new ProblemError('permission-missing', { parameters: { permission: access } })
  }
  if (stepUp !== true) return
  assertFreshProof(person, nowMs)
  // What a restricted session may call is how one gets to the level.
  if (restricted !== true) assertLevel(person)
}

/**
 * @throws ProblemError `step-up-required` when the session is of a lower level than the tenant, or the account, asks for.
 * @see RFC 9470
 */
export function assertLevel({ aal, neededAal }: Pick<Person, 'aal' | 'neededAal'>): void {
  if (aal < neededAal) throw stepUpRequired(neededAal)
}

/**
 * @throws ProblemError `step-up-required` when the person's last proof of who they are is too old.
 * @see RFC 9470
 */
export function assertFreshProof({ aal, authTimeMs }: Pick<Person, 'aal' | 'authTimeMs'>, nowMs: number): void {
  if (nowMs - authTimeMs >= STEP_UP_SECONDS * 1_000) throw stepUpRequired(aal)
}

function stepUpRequired(aal: 1 | 2): ProblemError {
  const seconds = String(STEP_UP_SECONDS)
  return new ProblemError('step-up-required', {
    parameters: { seconds },
    headers: {
      'www-authenticate': `Bearer error="insufficient_user_authentication", acr_values="aal${aal}", max_age=${seconds}`,
    },
  })
}
