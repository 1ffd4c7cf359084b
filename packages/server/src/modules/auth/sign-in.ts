import { appendAudit } from '../../core/audit/append.ts'
import { readKeyEvenly } from '../../core/audit/subject-keys.ts'
import type { Context } from '../../core/context.ts'
import type { PasswordHasher } from '../../core/credentials/password-hasher.ts'
import { ProblemError } from '../../core/problem.ts'
import { type Admitted, admit, type Reception, type SignedIn, type Visit } from './admission.ts'
import * as queries from './queries.ts'

export interface SignInDependencies extends Reception {
  readonly hasher: PasswordHasher
}

/** How often an account may change under a sign-in before it is given up. */
const mostTries = 3

/**
 * Signs somebody in with a password. The same work is done for an address that nobody has, an account that is switched
 * off and one without a password, and the answer is the same.
 *
 * A password that is changed while it is being checked signs nobody in: the account is looked at again under its lock, and
 * when it is another by then, the password is checked against what it is now.
 *
 * @param credentials - `emailNorm`: see `emailNorm`.
 * @throws ProblemError `sign-in-refused`, or `email-unverified` for who knows the password of an unconfirmed account.
 */
export async function signIn(
  context: Context,
  dependencies: SignInDependencies,
  credentials: { readonly emailNorm: string; readonly password: string },
  visit: Visit,
): Promise<SignedIn> {
  for (let tries = 0; tries < mostTries; tries += 1) {
    const admitted = await check(context, dependencies.hasher, credentials)
    const signedIn = await admit(context, dependencies, admitted, visit)
    if (signedIn !== 'changed') return signedIn
  }
  throw new ProblemError('sign-in-refused')
}

/** Checks a password. @throws ProblemError as `signIn` does. */
async function check(
  context: Context,
  hasher: PasswordHasher,
  credentials: { readonly emailNorm: string; readonly password: string },
): Promise<Admitted> {
  const { password, emailNorm } = credentials
  // What runs between two hashes finds nothing of its own in the caches of the processor. Where others wait, the look-ups of
  // several sign-ins are made together, and so is what is written of them.
  await hasher.gather()
  const found = await context.readInTenant((handle) => queries.findForSignIn(handle, context.tenant.id, emailNorm))
  const verdict = await hasher.verifyAlways(password, found.hash ?? undefined)
  await hasher.gather()
  if (verdict.fault !== undefined) context.log.error({ fault: verdict.fault }, 'a stored password hash cannot be used')
  const { id: userId, hash } = found
  const reason = refusalOf(found, verdict.matches)
  if (userId === null || hash === null || reason !== undefined) {
    await auditRefusal(context, userId ?? undefined, reason)
    throw new ProblemError(reason === 'email-unverified' ? 'email-unverified' : 'sign-in-refused')
  }
  const rehashed = verdict.needsRehash ? await hasher.hash(password) : undefined
  return { userId, hash, rehashed, lastLoginAt: found.last_login_at, sealedKey: found.sealed_key }
}

/** Why a sign-in is refused, for the tenant's audit log alone; undefined when it is not. */
function refusalOf(found: queries.SignInAccount, matches: boolean): string | undefined {
  if (found.id === null) return 'unknown-account'
  if (!matches) return 'wrong-password'
  if (!found.is_active) return 'inactive'
  return found.email_verified_at === null ? 'email-unverified' : undefined
}

/** One entry whatever the reason, by the same statements, so that the time it takes tells none of them. */
async function auditRefusal(context: Context, userId: string | undefined, reason = ''): Promise<void> {
  await context.inTenant(async (tx) => {
    const keys = await readKeyEvenly(tx, context.audit.ring, context.tenant.id, userId)
    const resource = userId === undefined ? {} : { resource: { type: 'user', id: userId } }
    const refused = { action: 'session.refused', outcome: 'refused', changes: { reason }, ...resource } as const
    await appendAudit(tx, context, refused, keys)
  })
}
