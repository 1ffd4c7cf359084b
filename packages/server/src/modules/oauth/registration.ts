import { appendAudit } from '../../core/audit/append.ts'
import { parseOpaqueToken } from '../../core/credentials/opaque-token.ts'
import { emailNorm, insertUser } from '../../core/identity/new-user.ts'
import { consumeOneTimeToken } from '../../core/identity/one-time-tokens.ts'
import { type OpenedSession, openSession } from '../../core/identity/session-kit.ts'
import { findTokenTenant } from '../../core/identity/token-tenant.ts'
import { createId } from '../../core/ids.ts'
import { ProblemError } from '../../core/problem.ts'
import { mayRegister } from '../../core/tenant/settings.ts'
import { inTenant, type Tx } from '../../database/tenant.ts'
import { auditSource, isSameBrowser, type OAuthDependencies, type Visit } from './flow.ts'
import * as queries from './queries.ts'

/** What a person says of themselves. The address is the provider's word. */
export interface RegistrationInput {
  readonly token: string
  readonly name: string | null
  readonly locale: 'en' | 'fr'
}

/** As the callback wrote it. */
interface Offered {
  readonly providerId: string
  readonly version: number
  readonly iss: string
  readonly sub: string
  readonly email: string
  readonly transport: 'bearer' | 'cookie'
  readonly browser: string
}

/** The session of a new account, and what names the account on a device. */
interface Registered {
  readonly session: OpenedSession
  readonly account: string
}

/**
 * Makes the account that a provider's word was good for, and signs its person in.
 *
 * @throws ProblemError `oauth-state-invalid` for a token that was used, has expired or is another browser's;
 * `oauth-provider-not-found`, `oauth-account-exists`, `registration-closed`.
 */
export async function completeRegistration(
  dependencies: OAuthDependencies,
  input: RegistrationInput,
  cookieHeader: string | undefined,
  client: Visit,
): Promise<Registered> {
  const { pool, isOpen } = dependencies
  const parsed = parseOpaqueToken('oauthCompletion', input.token)
  const tenant = parsed && (await findTokenTenant(dependencies, parsed.hash, 'oauth-registration'))
  if (parsed === undefined || tenant === undefined) throw new ProblemError('oauth-state-invalid')
  const { id: tenantId } = tenant
  if (!(await inTenant(pool, tenantId, (tx) => mayRegister(tx, isOpen)))) throw new ProblemError('registration-closed')
  // Used up whatever comes of it: a token that another browser has shown is nobody's any more.
  const consumed = await inTenant(pool, tenantId, (tx) =>
    consumeOneTimeToken(tx, tenantId, parsed.hash, 'oauth-registration'),
  )
  if (consumed === undefined) throw new ProblemError('oauth-state-invalid')
  // Written by the callback, which nobody else writes for.
  const offered = consumed.data as unknown as Offered
  if (!isSameBrowser(cookieHeader, offered.browser))
    throw new ProblemError('oauth-state-invalid', { reason: 'browser' })
  return await inTenant(pool, tenantId, (tx) => makeAccount(tx, dependencies, { tenantId, offered, input, client }))
}

async function makeAccount(
  tx: Tx,
  dependencies: OAuthDependencies,
  made: {
    readonly tenantId: string
    readonly offered: Offered
    readonly input: RegistrationInput
    readonly client: Visit
  },
): Promise<Registered> {
  const { kit, secondFactors } = dependencies
  const { tenantId, offered, input, client } = made
  const { providerId, version, iss, sub, email, transport } = offered
  if (!(await queries.keepProvider(tx, tenantId, { id: providerId, version }))) {
    throw new ProblemError('oauth-provider-not-found')
  }
  const at = new Date(kit.clock.now())
  const { name, locale } = input
  const userId = await insertUser(tx, { tenantId, email, name, locale, emailVerifiedAt: at })
  if (userId === undefined) throw new ProblemError('oauth-account-exists')
  const accountId = createId()
  const row = { tenant_id: tenantId, id: accountId, user_id: userId, provider_id: providerId, iss, sub }
  // Rolled back with the account: another registration of the same identity was faster.
  if (!(await queries.insertAccount(tx, row))) throw new ProblemError('oauth-already-linked')
  await queries.noteUse(tx, tenantId, accountId, at)
  const session = await openSession(tx, kit, {
    ...{ tenantId, userId, aal: 1, amr: ['fed'], transport, client, isSignIn: true },
    restriction: (await secondFactors.isRequired(tx, tenantId)) ? 'enrol-mfa' : null,
  })
  const source = auditSource(dependencies, tenantId, userId, client)
  const changes = { provider: providerId, amr: ['fed'] }
  await appendAudit(tx, source, { action: 'user.created', resource: { type: 'user', id: userId }, changes })
  const resource = { type: 'session', id: session.sessionId }
  await appendAudit(tx, source, { action: 'session.opened', resource, changes })
  return { session, account: `${tenantId}:${emailNorm(email)}` }
}
