import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { parseOpaqueToken } from '../../core/credentials/opaque-token.ts'
import type { PasswordHasher } from '../../core/credentials/password-hasher.ts'
import { accountAddress } from '../../core/identity/address.ts'
import { unlessBusy } from '../../core/identity/busy.ts'
import { findHoldings, holdsAll } from '../../core/identity/holdings.ts'
import { assertNewPassword, type PasswordJudge } from '../../core/identity/new-password.ts'
import { assignRole, insertUser } from '../../core/identity/new-user.ts'
import {
  type ConsumedToken,
  consumeOneTimeToken,
  peekOneTimeToken,
  withdrawOneTimeTokens,
} from '../../core/identity/one-time-tokens.ts'
import { lockOwners, OWNER } from '../../core/identity/owners.ts'
import { findTokenTenant } from '../../core/identity/token-tenant.ts'
import { ProblemError } from '../../core/problem.ts'
import type { Tenant, TenantResolver } from '../../core/tenant/resolver.ts'
import type { Pool } from '../../database/connect.ts'
import { inTenant, type Tx, tenantScope } from '../../database/tenant.ts'
import * as queries from './accept-queries.ts'
import { findActing } from './queries.ts'
import type { Accepted, AcceptInput } from './schema.ts'

export interface AcceptDependencies extends PasswordJudge {
  readonly pool: Pool
  readonly tenants: TenantResolver
  readonly hasher: PasswordHasher
}

type Purpose = 'invitation' | 'bootstrap'

/** A token that holds, and what it opens. Judged anew in the transaction that uses it up. */
interface Opened {
  readonly tenant: Tenant
  readonly hash: Buffer
  readonly purpose: Purpose
}

/** What a link may still give at this moment. */
type Offer =
  | {
      readonly kind: 'invitation'
      readonly id: string
      readonly email: string
      readonly locale: 'en' | 'fr'
      readonly role: string
    }
  | { readonly kind: 'account'; readonly userId: string; readonly email: string; readonly name: string | null }
  | { readonly kind: 'owner'; readonly email: string }

/**
 * Makes the account of an invitation, or gives one that staff made its first password, or makes the first owner. The
 * person is not signed in: a second factor, should one be asked for, is not gone round.
 *
 * @throws ProblemError `link-invalid` for a link that is used, revoked, over, or gives what its inviter may not give any
 * more; `email-taken` when the address has got an account meanwhile, which stays as it is; `invalid-content`; `too-busy`.
 */
export async function acceptInvitation(
  context: Context,
  dependencies: AcceptDependencies,
  input: AcceptInput,
): Promise<Accepted> {
  const { pool, hasher } = dependencies
  const { locale, clock } = context
  const opened = await open(dependencies, input.token)
  const { tenant, hash, purpose } = opened
  const offered = await inTenant(pool, tenant.id, async (tx) =>
    judge(tx, opened, await peekOneTimeToken(tx, tenant.id, hash, purpose), input, locale),
  )
  const name = input.name?.trim()
  const person = { email: offered.email, ...(name !== undefined && { name }) }
  const rule = { tenant, locale, inTenant: tenantScope(pool, tenant.id) }
  await assertNewPassword(dependencies, rule, input.password, person, '/password')
  // No transaction is held while it is hashed.
  const passwordHash = await unlessBusy(hasher.hash(input.password))
  return inTenant(pool, tenant.id, async (tx) => {
    const offer = await judge(tx, opened, await consumeOneTimeToken(tx, tenant.id, hash, purpose), input, locale)
    const now = new Date(clock.now())
    const id = await take(tx, tenant, offer, { passwordHash, name, locale, now })
    const source = { ...context, tenant }
    await appendAudit(tx, source, {
      action: 'invitation.accepted',
      resource: { type: 'user', id },
      changes: offer.kind === 'invitation' ? { invitation: offer.id, role: offer.role } : { kind: offer.kind },
    })
    return { id, email: offer.email }
  })
}

async function open(dependencies: AcceptDependencies, token: string): Promise<Opened> {
  const parsed = parseOpaqueToken('invitation', token)
  if (parsed === undefined) throw new ProblemError('link-invalid')
  for (const purpose of ['invitation', 'bootstrap'] as const) {
    const tenant = await findTokenTenant(dependencies, parsed.hash, purpose)
    if (tenant !== undefined) return { tenant, hash: parsed.hash, purpose }
  }
  throw new ProblemError('link-invalid')
}

async function judge(
  tx: Tx,
  { tenant, purpose }: Opened,
  token: ConsumedToken | undefined,
  input: AcceptInput,
  locale: 'en' | 'fr',
): Promise<Offer> {
  const offer = token && (await offerOf(tx, tenant.id, purpose, token, input, locale))
  if (offer === undefined) throw new ProblemError('link-invalid')
  // A link is for the address it was sent to, whatever the body says.
  if (input.email !== undefined && accountAddress(input.email, locale).norm !== offer.email.toLowerCase()) {
    throw new ProblemError('link-invalid')
  }
  return offer
}

async function offerOf(
  tx: Tx,
  tenantId: string,
  purpose: Purpose,
  { userId, data }: ConsumedToken,
  input: AcceptInput,
  locale: 'en' | 'fr',
): Promise<Offer | undefined> {
  if (purpose === 'bootstrap') return offerOfOwner(tx, tenantId, input, locale)
  const { invitationId } = data
  if (typeof invitationId === 'string') return offerOfInvitation(tx, tenantId, invitationId)
  const account = userId === null ? undefined : await queries.findUnused(tx, tenantId, userId)
  return account && { kind: 'account', userId: account.id, email: account.email, name: account.name }
}

/** Undefined when it has ended, or when whoever sent it could not send it today. */
async function offerOfInvitation(tx: Tx, tenantId: string, id: string): Promise<Offer | undefined> {
  const invitation = await queries.findOpen(tx, tenantId, id)
  if (invitation === undefined) return undefined
  const inviter = await findActing(tx, tenantId, invitation.invited_by)
  if (inviter === undefined) return undefined
  const holdings = await findHoldings(tx, tenantId, inviter.id)
  if (!holdsAll(holdings, ['users:write', 'roles:write'])) return undefined
  if (!holdsAll(holdings, invitation.permissions, null)) return undefined
  // The column has a check constraint with exactly these values.
  const locale = invitation.locale as 'en' | 'fr'
  return { kind: 'invitation', id, email: invitation.email, locale, role: invitation.code }
}

/** Undefined once the tenant has an owner. */
async function offerOfOwner(
  tx: Tx,
  tenantId: string,
  { email }: AcceptInput,
  locale: 'en' | 'fr',
): Promise<Offer | undefined> {
  if ((await lockOwners(tx, tenantId)).length > 0) return undefined
  if (email === undefined) {
    const message = locale === 'fr' ? 'est à indiquer' : 'has to be said'
    throw new ProblemError('invalid-content', { errors: [{ pointer: '/email', code: 'required', message }] })
  }
  return { kind: 'owner', email: accountAddress(email, locale).display }
}

interface FirstSteps {
  readonly passwordHash: string
  readonly name: string | undefined
  readonly locale: 'en' | 'fr'
  readonly now: Date
}

/** @returns the id of the account. */
async function take(tx: Tx, tenant: Tenant, offer: Offer, first: FirstSteps): Promise<string> {
  if (offer.kind === 'account') return takeAccount(tx, tenant.id, offer.userId, first)
  const id = await insertUser(tx, {
    tenantId: tenant.id,
    email: offer.email,
    name: first.name ?? null,
    locale: offer.kind === 'invitation' ? offer.locale : first.locale,
    passwordHash: first.passwordHash,
    emailVerifiedAt: first.now,
  })
  if (id === undefined) throw new ProblemError('email-taken')
  if (offer.kind === 'owner') {
    const reason = 'first owner'
    await assignRole(tx, { tenantId: tenant.id, userId: id, roleCode: OWNER, grantedBy: 'operator:cli', reason })
    return id
  }
  if (!(await queries.closeInvitation(tx, tenant.id, offer.id))) throw new ProblemError('link-invalid')
  const grantedBy = `invitation:${offer.id}`
  await assignRole(tx, { tenantId: tenant.id, userId: id, roleCode: offer.role, grantedBy })
  return id
}

async function takeAccount(tx: Tx, tenantId: string, userId: string, first: FirstSteps): Promise<string> {
  const { passwordHash: hash, name, now } = first
  if (!(await queries.settle(tx, tenantId, userId, { hash, name, now }))) throw new ProblemError('link-invalid')
  await withdrawOneTimeTokens(tx, tenantId, userId, ['invitation', 'verify-email', 'reset-password'])
  return userId
}
