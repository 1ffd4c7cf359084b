import type { Context } from '../../core/context.ts'
import type { PasswordHasher } from '../../core/credentials/password-hasher.ts'
import { lockAccount } from '../../core/identity/account-lock.ts'
import { unlessBusy } from '../../core/identity/busy.ts'
import { replaceSession } from '../../core/identity/replace-session.ts'
import type { ClientFacts, OpenedSession } from '../../core/identity/session-kit.ts'
import { type ContentFault, ProblemError } from '../../core/problem.ts'
import { type FactorDependencies, OTP, personOf, useFactor } from './factor.ts'
import * as queries from './queries.ts'
import { recordRenewal } from './record.ts'
import type { StepUpInput } from './schema.ts'

/** What a person has to show, all of it. */
export interface Demanded {
  /** What names the account's attempts at its password. */
  readonly emailNorm: string
  readonly password: { readonly hash: string; readonly typed: string } | undefined
  readonly code: string | undefined
}

/**
 * What the person of a call has to show, and the body shows.
 *
 * @throws ProblemError `invalid-content` when something is missing, `step-up-unavailable` for who has neither a password
 * nor a second factor.
 */
export async function readDemanded(context: Context, body: StepUpInput): Promise<Demanded> {
  const { id } = personOf(context)
  const has = await context.inTenant((tx) => queries.findProofs(tx, context.tenant.id, id))
  if (has === undefined) throw new ProblemError('credential-invalid')
  if (has.hash === null && !has.has_factor) throw new ProblemError('step-up-unavailable')
  const errors: ContentFault[] = []
  const miss = (name: keyof typeof missing): void => {
    errors.push({ pointer: `/${name}`, code: 'required', message: missing[name][context.locale] })
  }
  if (has.hash !== null && body.password === undefined) miss('password')
  if (has.has_factor && body.code === undefined) miss('code')
  if (errors.length > 0) throw new ProblemError('invalid-content', { errors })
  return {
    emailNorm: has.email_norm,
    password: has.hash === null ? undefined : { hash: has.hash, typed: body.password ?? '' },
    code: has.has_factor ? (body.code ?? '') : undefined,
  }
}

const missing = {
  password: { en: 'your password is asked for', fr: 'votre mot de passe est demandé' },
  code: { en: 'a code of your second factor is asked for', fr: 'un code de votre second facteur est demandé' },
}

/** @throws ProblemError `proof-refused`, `too-busy`. */
export async function assertPassword(
  { log }: Context,
  hasher: PasswordHasher,
  { hash, typed }: NonNullable<Demanded['password']>,
): Promise<void> {
  const verdict = await unlessBusy(hasher.verifyAlways(typed, hash))
  if (verdict.fault !== undefined) log.error({ fault: verdict.fault }, 'a stored password hash cannot be used')
  if (!verdict.matches) throw new ProblemError('proof-refused')
}

/**
 * Puts a session with a fresh proof in the place of the person's own. One that is for setting up a second factor alone
 * stays so, unless the factor was shown.
 *
 * @param demanded - whose password has been checked.
 * @throws ProblemError `proof-refused` for a wrong code.
 */
export function stepUp(
  context: Context,
  dependencies: FactorDependencies,
  { password, code }: Demanded,
  client: ClientFacts,
): Promise<OpenedSession> {
  const tenantId = context.tenant.id
  const person = personOf(context)
  const isCodeShown = code !== undefined
  const shown = [...(password === undefined ? [] : ['pwd']), ...(isCodeShown ? [OTP] : [])]
  return context.inTenant(async (tx) => {
    const owner = { tenantId, userId: person.id }
    await lockAccount(tx, tenantId, person.id)
    if (isCodeShown && !(await useFactor(tx, dependencies, owner, { code }))) {
      throw new ProblemError('proof-refused')
    }
    const session = await replaceSession(tx, dependencies.kit, {
      ...{ tenantId, person, shown, client },
      aal: isCodeShown ? 2 : person.aal,
      restriction: isCodeShown ? null : person.restriction,
      reason: 'step-up',
    })
    await recordRenewal(tx, context, session)
    return session
  })
}
