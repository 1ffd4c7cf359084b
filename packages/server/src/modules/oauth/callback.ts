import { appendAudit } from '../../core/audit/append.ts'
import { readCookie } from '../../core/browser/cookies.ts'
import { parseEmailAddress } from '../../core/credentials/email-address.ts'
import { createOpaqueToken } from '../../core/credentials/opaque-token.ts'
import { tellAccess } from '../../core/identity/access-notice.ts'
import { lockAccount } from '../../core/identity/account-lock.ts'
import { findAccountAt } from '../../core/identity/account-queries.ts'
import { completeDueReset } from '../../core/identity/factor-reset.ts'
import { tellNewDevice } from '../../core/identity/new-device.ts'
import { insertOneTimeToken } from '../../core/identity/one-time-tokens.ts'
import { type OpenedSession, openSession } from '../../core/identity/session-kit.ts'
import { findLiving } from '../../core/identity/session-queries.ts'
import { createId } from '../../core/ids.ts'
import { ProblemError } from '../../core/problem.ts'
import type { ProblemCode } from '../../core/problem-catalogue.ts'
import { mayRegister } from '../../core/tenant/settings.ts'
import { inTenant, type Tx } from '../../database/tenant.ts'
import {
  auditSource,
  browserHash,
  FLOW_COOKIE,
  FLOW_SECONDS,
  findProvider,
  type OAuthDependencies,
  type ReturnedFlow,
  redirectUri,
  returnFlow,
  type Visit,
} from './flow.ts'
import type { Identity, Provider } from './identity.ts'
import * as queries from './queries.ts'

/** How long the second factor is waited for. */
export const CHALLENGE_SECONDS = 300

/** What coming back leads to. */
export type Outcome =
  | {
      readonly outcome: 'session'
      readonly session: OpenedSession
      /** What names the account on a device. */
      readonly account: string
      /** Whether a lost second factor was given up by this; its attempts are then to be forgiven. */
      readonly isFactorReset: boolean
    }
  | { readonly outcome: 'second-factor' | 'registration'; readonly token: string }
  | { readonly outcome: 'linked' }

export interface Returned {
  readonly result: Outcome
  readonly next: string | null
}

/** An answer of a provider, as the browser brought it. */
export interface ProviderAnswer {
  /** The name of the provider in the path. */
  readonly code: string
  readonly state: string
  /** Everything behind the `?`, as it came. */
  readonly query: string
  readonly cookieHeader: string | undefined
}

/**
 * Takes the answer of a provider. The state is used up first, and nothing is believed before the code has been exchanged
 * with the provider itself.
 *
 * @throws ProblemError `oauth-state-invalid`, `oauth-provider-not-found`, `oauth-refused` and what `settle` throws.
 */
export async function comeBack(
  dependencies: OAuthDependencies,
  answer: ProviderAnswer,
  client: Visit,
): Promise<Returned> {
  const { pool, oauthRing, identityClient, publicUrl } = dependencies
  const flow = await returnFlow(dependencies, answer.state, answer.cookieHeader)
  const { tenant, next } = flow
  const provider = await inTenant(pool, tenant.id, (tx) => findProvider(tx, oauthRing, tenant.id, answer.code))
  if (provider === undefined) throw new ProblemError('oauth-provider-not-found')
  // What one provider was asked, another does not answer.
  if (provider.id !== flow.providerId) throw new ProblemError('oauth-state-invalid', { reason: 'provider' })
  const url = new URL(`${redirectUri(publicUrl, answer.code)}?${answer.query}`)
  const identity = await identityClient.identify(provider, url, flow)
  const browser = browserHash(readCookie(answer.cookieHeader, FLOW_COOKIE) ?? '')
  const result = await inTenant(pool, tenant.id, (tx) =>
    settle(tx, dependencies, { flow, provider, identity, browser, client, cookieHeader: answer.cookieHeader }),
  )
  return { result, next }
}

interface Settled {
  readonly flow: ReturnedFlow
  readonly provider: Provider
  readonly identity: Identity
  readonly browser: string
  readonly client: Visit
  readonly cookieHeader: string | undefined
}

/** Whom an identity is, decided in one transaction in which the provider is still on. */
async function settle(tx: Tx, dependencies: OAuthDependencies, settled: Settled): Promise<Outcome> {
  const { flow, provider, identity } = settled
  const tenantId = flow.tenant.id
  if (!(await queries.keepProvider(tx, tenantId, provider))) throw new ProblemError('oauth-provider-not-found')
  const linked = await queries.findLinked(tx, tenantId, identity.iss, identity.sub)
  if (flow.link !== null) return link(tx, dependencies, settled, flow.link, linked?.id)
  if (linked !== undefined) return enter(tx, dependencies, settled, linked)
  return offerAccount(tx, dependencies, settled)
}

/** Links an identity to the person who asked for it and is still signed in, and tells them. */
async function link(
  tx: Tx,
  dependencies: OAuthDependencies,
  { flow, provider, identity, client }: Settled,
  asked: { readonly userId: string; readonly sessionId: string },
  holder: string | undefined,
): Promise<Outcome> {
  const tenantId = flow.tenant.id
  await lockAccount(tx, tenantId, asked.userId)
  const session = await findLiving(tx, tenantId, asked.userId, asked.sessionId)
  if (session?.restriction !== null) {
    throw new ProblemError('oauth-state-invalid', { reason: 'session' })
  }
  if (holder === asked.userId) return { outcome: 'linked' }
  if (!identity.isEmailVerified) throw new ProblemError('oauth-email-unverified')
  const id = createId()
  const row = { tenant_id: tenantId, id, user_id: asked.userId, provider_id: provider.id }
  const { iss, sub } = identity
  const isMade = holder === undefined && (await queries.insertAccount(tx, { ...row, iss, sub }))
  if (!isMade) throw new ProblemError('oauth-already-linked')
  await tellAccess(tx, dependencies.mail, asked.userId, 'oauth-linked', dependencies.kit.clock.now())
  await appendAudit(tx, auditSource(dependencies, tenantId, asked.userId, client), {
    action: 'oauth.linked',
    resource: { type: 'oauth-account', id },
    changes: { provider: provider.id },
  })
  return { outcome: 'linked' }
}

type Linked = NonNullable<Awaited<ReturnType<typeof queries.findLinked>>>

/** Signs the person of an identity in, or asks for the second factor they have. */
async function enter(
  tx: Tx,
  dependencies: OAuthDependencies,
  { flow: { tenant, transport }, identity, client, cookieHeader }: Settled,
  found: Linked,
): Promise<Outcome> {
  const { kit, secondFactors, mail, devices } = dependencies
  await lockAccount(tx, tenant.id, found.id)
  // Read under the lock: it may have been switched off, or the link taken away, while the lock was waited for.
  const person = await queries.findLinked(tx, tenant.id, identity.iss, identity.sub)
  if (person?.id !== found.id || !person.may_sign_in) throw new ProblemError('oauth-refused', { reason: 'inactive' })
  if (person.email_verified_at === null) throw new ProblemError('email-unverified')
  const [tenantId, userId, nowMs] = [tenant.id, person.id, kit.clock.now()]
  const source = auditSource(dependencies, tenantId, userId, client)
  const isFactorReset = await completeDueReset(tx, { mail, clock: kit.clock }, source, userId)
  if (await secondFactors.isEnrolled(tx, tenantId, userId)) {
    const { token, hash } = createOpaqueToken('mfaChallenge')
    const data = { transport, amr: ['fed'] }
    const expiresAt = new Date(nowMs + CHALLENGE_SECONDS * 1_000)
    await insertOneTimeToken(tx, { tenantId, hash, purpose: 'mfa-challenge', userId, data, expiresAt })
    return { outcome: 'second-factor', token }
  }
  const mustEnrol = person.mfa_required || (await secondFactors.isRequired(tx, tenantId))
  await queries.noteUse(tx, tenantId, person.account_id, new Date(nowMs))
  const account = `${tenantId}:${person.email_norm}`
  const { userAgent } = client
  const isKnownDevice = devices.find(cookieHeader, account) !== undefined
  const arrival = { tenantId, userId, userAgent, transport, isKnownDevice, lastLoginAt: person.last_login_at, nowMs }
  await tellNewDevice(tx, mail, arrival)
  const session = await openSession(tx, kit, {
    ...{ tenantId, userId, aal: 1, amr: ['fed'], transport, client, isSignIn: true },
    restriction: mustEnrol ? 'enrol-mfa' : null,
  })
  await appendAudit(tx, source, {
    action: 'session.opened',
    resource: { type: 'session', id: session.sessionId },
    changes: { amr: ['fed'] },
  })
  return { outcome: 'session', session, account, isFactorReset }
}

/**
 * Offers somebody whom nobody knows an account. An address that has one is never a reason to enter it: its owner signs in
 * and asks for the link.
 */
async function offerAccount(
  tx: Tx,
  dependencies: OAuthDependencies,
  { flow: { tenant, transport }, provider, identity, browser }: Settled,
): Promise<Outcome> {
  const email = addressOf(identity)
  if ((await findAccountAt(tx, tenant.id, email.norm)) !== undefined) throw new ProblemError('oauth-account-exists')
  if (!(await mayRegister(tx, dependencies.isOpen))) throw new ProblemError('registration-closed')
  const { token, hash } = createOpaqueToken('oauthCompletion')
  await insertOneTimeToken(tx, {
    tenantId: tenant.id,
    hash,
    purpose: 'oauth-registration',
    userId: null,
    data: {
      ...{ providerId: provider.id, version: provider.version, iss: identity.iss, sub: identity.sub },
      ...{ email: email.display, transport, browser },
    },
    expiresAt: new Date(dependencies.kit.clock.now() + FLOW_SECONDS * 1_000),
  })
  return { outcome: 'registration', token }
}

/** @throws ProblemError `oauth-email-unverified` unless the provider vouches for an address that can have an account. */
function addressOf({ email, isEmailVerified }: Identity) {
  const refusal: ProblemCode = 'oauth-email-unverified'
  if (email === undefined || !isEmailVerified) throw new ProblemError(refusal)
  const address = parseEmailAddress(email)
  if ('fault' in address) throw new ProblemError(refusal, { reason: `email-${address.fault}` })
  return address
}
