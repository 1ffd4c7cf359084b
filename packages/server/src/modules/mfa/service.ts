import { STEP_UP_SECONDS } from '../../core/access/authorise.ts'
import { appendAudit } from '../../core/audit/append.ts'
import type { Context, Person } from '../../core/context.ts'
import { createRecoveryCodes } from '../../core/credentials/recovery-code.ts'
import { seal, unseal } from '../../core/credentials/sealing.ts'
import { createTotpSecret, matchTotpStep, totpEnrolment } from '../../core/credentials/totp.ts'
import { lockAccount } from '../../core/identity/account-lock.ts'
import { deleteFactor } from '../../core/identity/factor-reset.ts'
import { withdrawOneTimeTokens } from '../../core/identity/one-time-tokens.ts'
import { replaceSession } from '../../core/identity/replace-session.ts'
import { secondFactors } from '../../core/identity/second-factors.ts'
import type { ClientFacts, OpenedSession } from '../../core/identity/session-kit.ts'
import { revokeSessions } from '../../core/identity/session-queries.ts'
import { ProblemError } from '../../core/problem.ts'
import type { Tx } from '../../database/tenant.ts'
import { type FactorDependencies, type FactorProof, OTP, personOf, secretAad, useFactor } from './factor.ts'
import { tellChange } from './notices.ts'
import * as queries from './queries.ts'
import { recordChange, recordRenewal } from './record.ts'
import type { MfaRequirement, MfaSetup, MfaStatus } from './schema.ts'

/** What the person of a call has for a second factor, and what is asked of them. */
export function describeFactor(context: Context): Promise<MfaStatus> {
  return context.inTenant(async (tx) => {
    const row = await readStatus(tx, context)
    return {
      enabled: await secondFactors.isEnrolled(tx, context.tenant.id, personOf(context).id),
      required: row.is_required,
      confirmedAt: row.confirmed_at?.toISOString() ?? null,
      recoveryCodesLeft: row.codes_left ?? 0,
    }
  })
}

/**
 * Makes a secret for an authenticator app. It counts for nothing until a code of it has been shown, and leaves what the
 * person has as it is.
 *
 * @throws ProblemError `step-up-required` for who has a factor and has not shown it in this session.
 */
export async function beginSetup(context: Context, { totpRing }: FactorDependencies): Promise<MfaSetup> {
  const { tenant } = context
  const person = personOf(context)
  const secret = createTotpSecret()
  const email = await context.inTenant(async (tx) => {
    const row = await readStatus(tx, context)
    if (await secondFactors.isEnrolled(tx, tenant.id, person.id)) assertFactorShown(person)
    await queries.putPending(tx, tenant.id, person.id, seal(totpRing, secret, secretAad(tenant.id, person.id)))
    return row.email
  })
  const enrolment = await totpEnrolment(secret, tenant.name, email)
  return { secret: enrolment.secret, otpauthUrl: enrolment.uri, qrDataUrl: enrolment.qrDataUrl }
}

/** What enabling leads to: the session that takes the place of the person's own, and the codes for the day the app is lost. */
export interface Enabled {
  readonly session: OpenedSession
  readonly recoveryCodes: readonly string[]
}

/**
 * Makes the app that was set up last the person's second factor, once it shows a code. That code is used up.
 *
 * @throws ProblemError `mfa-not-pending`, `proof-refused`; `step-up-required` for who has a factor by now and has not shown it.
 */
export function enableFactor(
  context: Context,
  { kit, totpRing, mail }: FactorDependencies,
  { code, endOtherSessions, client }: EnableInput,
): Promise<Enabled> {
  const tenantId = context.tenant.id
  const person = personOf(context)
  return context.inTenant(async (tx) => {
    await lockAccount(tx, tenantId, person.id)
    // It may have got one since the setup began: nobody who has shown a password alone sets another up beside it.
    if (await secondFactors.isEnrolled(tx, tenantId, person.id)) assertFactorShown(person)
    const pending = await queries.lockPending(tx, tenantId, person.id)
    if (pending === undefined) throw new ProblemError('mfa-not-pending')
    const secret = unseal(totpRing, pending, secretAad(tenantId, person.id))
    const step = matchTotpStep(secret, code, context.clock.now())
    if (step === undefined || !(await queries.confirmPending(tx, tenantId, person.id, pending, step))) {
      throw new ProblemError('proof-refused')
    }
    const recoveryCodes = await issueRecoveryCodes(tx, tenantId, person.id)
    await tellChange(tx, mail, person.id, 'enabled', context.clock.now())
    const session = await replaceSession(tx, kit, {
      ...{ tenantId, person, aal: 2, shown: [OTP], restriction: null, client },
      reason: 'mfa-enabled',
    })
    if (endOtherSessions) {
      await revokeSessions(tx, tenantId, { userId: person.id, except: session.sessionId }, 'mfa-enabled')
    }
    await recordChange(tx, context, 'mfa.enabled')
    return { session, recoveryCodes }
  })
}

interface EnableInput {
  readonly code: string
  readonly endOtherSessions: boolean
  readonly client: ClientFacts
}

/** Proves the second factor anew, and puts a session that says so in the place of the person's own. */
export function verifyFactor(
  context: Context,
  dependencies: FactorDependencies,
  proof: FactorProof,
  client: ClientFacts,
): Promise<OpenedSession> {
  const tenantId = context.tenant.id
  const person = personOf(context)
  return context.inTenant(async (tx) => {
    await lockAccount(tx, tenantId, person.id)
    await assertEnrolled(tx, context)
    await assertRight(tx, context, dependencies, proof)
    const session = await replaceSession(tx, dependencies.kit, {
      ...{ tenantId, person, aal: 2, shown: [OTP], restriction: null, client },
      reason: 'mfa-verified',
    })
    await recordRenewal(tx, context, session)
    return session
  })
}

/** Puts ten other recovery codes in the place of those there are. */
export function regenerateRecoveryCodes(context: Context, { mail }: FactorDependencies): Promise<readonly string[]> {
  const person = personOf(context)
  return context.inTenant(async (tx) => {
    await lockAccount(tx, context.tenant.id, person.id)
    if ((await queries.lockSecret(tx, context.tenant.id, person.id)) === undefined) {
      throw new ProblemError('mfa-not-enrolled')
    }
    assertFactorShown(person)
    const codes = await issueRecoveryCodes(tx, context.tenant.id, person.id)
    await tellChange(tx, mail, person.id, 'recovery-codes-renewed', context.clock.now())
    await recordChange(tx, context, 'mfa.recovery-codes-renewed')
    return codes
  })
}

/**
 * Takes the second factor away. Every other session of the person ends, and so does a sign-in that waits for it.
 *
 * @throws ProblemError `mfa-mandatory` when the person has to have one, `mfa-not-enrolled`, `proof-refused`.
 */
export function disableFactor(context: Context, dependencies: FactorDependencies, proof: FactorProof): Promise<void> {
  const tenantId = context.tenant.id
  const person = personOf(context)
  return context.inTenant(async (tx) => {
    await lockAccount(tx, tenantId, person.id)
    const status = await assertEnrolled(tx, context)
    if (status.is_required) throw new ProblemError('mfa-mandatory')
    await withdrawOneTimeTokens(tx, tenantId, person.id, ['mfa-challenge'])
    await assertRight(tx, context, dependencies, proof)
    await deleteFactor(tx, tenantId, person.id)
    await revokeSessions(tx, tenantId, { userId: person.id, except: person.sessionId }, 'mfa-disabled')
    await tellChange(tx, dependencies.mail, person.id, 'disabled', context.clock.now())
    await recordChange(tx, context, 'mfa.disabled')
  })
}

/** Whether the tenant asks a second factor of everybody. */
export async function readRequirement({ tenant, inTenant }: Context): Promise<MfaRequirement> {
  return { required: await inTenant((tx) => queries.isRequiredOfAll(tx, tenant.id)) }
}

/** Who has none is asked for one the next time they sign in. */
export async function setRequirement(context: Context, { required }: MfaRequirement): Promise<MfaRequirement> {
  const now = new Date(context.clock.now())
  const { tenant } = context
  await context.inTenant(async (tx) => {
    await queries.requireOfAll(tx, tenant.id, required, now)
    const resource = { type: 'tenant', id: tenant.id }
    await appendAudit(tx, context, { action: 'mfa.requirement-changed', resource, changes: { required } })
  })
  return { required }
}

async function readStatus(tx: Tx, context: Context) {
  const row = await queries.findStatus(tx, context.tenant.id, personOf(context).id)
  if (row === undefined) throw new ProblemError('credential-invalid')
  return row
}

/** @throws ProblemError `mfa-not-enrolled`. */
async function assertEnrolled(tx: Tx, context: Context) {
  const row = await readStatus(tx, context)
  if (row.confirmed_at === null) throw new ProblemError('mfa-not-enrolled')
  return row
}

/** @throws ProblemError `proof-refused`. */
async function assertRight(
  tx: Tx,
  context: Context,
  dependencies: FactorDependencies,
  proof: FactorProof,
): Promise<void> {
  const owner = { tenantId: context.tenant.id, userId: personOf(context).id }
  if (!(await useFactor(tx, dependencies, owner, proof))) throw new ProblemError('proof-refused')
}

/**
 * A password alone, however fresh, is no proof for what the second factor protects.
 *
 * @throws ProblemError `step-up-required` (RFC 9470).
 */
function assertFactorShown({ aal }: Person): void {
  if (aal === 2) return
  throw new ProblemError('step-up-required', {
    parameters: { seconds: String(STEP_UP_SECONDS) },
    headers: {
      'www-authenticate': `Bearer error="insufficient_user_authentication", acr_values="aal2", max_age=${STEP_UP_SECONDS}`,
    },
  })
}

async function issueRecoveryCodes(tx: Tx, tenantId: string, userId: string): Promise<readonly string[]> {
  const made = createRecoveryCodes()
  await queries.replaceRecoveryCodes(
    tx,
    tenantId,
    userId,
    made.map(({ hash }) => hash),
  )
  return made.map(({ code }) => code)
}
