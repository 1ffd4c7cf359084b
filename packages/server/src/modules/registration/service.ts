import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { type EmailAddress, parseEmailAddress } from '../../core/credentials/email-address.ts'
import { createOpaqueToken, parseOpaqueToken } from '../../core/credentials/opaque-token.ts'
import type { PasswordHasher } from '../../core/credentials/password-hasher.ts'
import { type KeyRing, seal, unseal } from '../../core/credentials/sealing.ts'
import { unlessBusy } from '../../core/identity/busy.ts'
import { assertNewPassword, type PasswordJudge } from '../../core/identity/new-password.ts'
import { insertUser } from '../../core/identity/new-user.ts'
import {
  consumeOneTimeToken,
  failOneTimeToken,
  insertOneTimeToken,
  peekOneTimeToken,
} from '../../core/identity/one-time-tokens.ts'
import { findTokenTenant } from '../../core/identity/token-tenant.ts'
import type { MailQueue } from '../../core/mail/outbox.ts'
import { ProblemError } from '../../core/problem.ts'
import type { TenantResolver } from '../../core/tenant/resolver.ts'
import { mayRegister } from '../../core/tenant/settings.ts'
import type { Pool } from '../../database/connect.ts'
import { inTenant } from '../../database/tenant.ts'
import type { RegisterInput } from './schema.ts'

/** How long an address waits to be confirmed. */
const LINK_HOURS = 24
/** Wrong passwords for one link. */
const MOST_TRIES = 5

export interface RegistrationDependencies extends PasswordJudge {
  readonly pool: Pool
  readonly tenants: TenantResolver
  readonly hasher: PasswordHasher
  readonly mail: MailQueue
  /** Seals what was asked for until it is confirmed. */
  readonly pendingRing: KeyRing
  readonly isOpen: boolean
}

/** What waits for its confirmation. */
interface Pending {
  readonly email: string
  readonly name: string | null
  readonly locale: 'en' | 'fr'
  readonly passwordHash: string
}

/**
 * Takes a registration. No account is made before its address is confirmed, so that nobody can prepare one for somebody
 * else. Whether the address has one is looked up after the answer, by whoever sends the mail: its owner is told instead.
 *
 * @throws ProblemError `registration-closed`, or `invalid-content` for an address or a password that will not do.
 */
export async function register(
  context: Context,
  dependencies: RegistrationDependencies,
  input: RegisterInput,
): Promise<void> {
  const isOpen = await context.inTenant((tx) => mayRegister(tx, dependencies.isOpen))
  if (!isOpen) throw new ProblemError('registration-closed')
  const { tenant, clock } = context
  const address = addressOf(input.email, context.locale)
  const name = input.name ?? null
  await assertNewPassword(dependencies, context, input.password, { email: address.display, name }, '/password')
  const passwordHash = await unlessBusy(dependencies.hasher.hash(input.password))
  const locale = input.locale ?? context.locale
  const pending: Pending = { email: address.display, name, locale, passwordHash }
  const { token, hash } = createOpaqueToken('emailVerification')

  await context.inTenant(async (tx) => {
    const to = { holderOf: address.display }
    await dependencies.mail.queueMail(tx, { template: 'verify-email', to, locale, data: { token } })
    // Where there is an account already the token is nobody's: it is sent to no one.
    await insertOneTimeToken(tx, {
      tenantId: tenant.id,
      hash,
      purpose: 'verify-email',
      userId: null,
      data: { sealed: sealPending(dependencies.pendingRing, pending, tenant.id, hash) },
      expiresAt: new Date(clock.now() + LINK_HOURS * 3_600_000),
    })
  })
}

/**
 * Confirms the address of a registration, and makes the account. The password is asked for again: whoever owns the mailbox
 * and opens the link of a registration that somebody else made does not make an account that the other one can enter.
 *
 * @throws ProblemError `link-invalid`, or `sign-in-refused` for another password, five times for one link.
 */
export async function verifyEmail(
  context: Context,
  dependencies: RegistrationDependencies,
  token: string,
  password: string,
): Promise<void> {
  const { pool, hasher, pendingRing } = dependencies
  const parsed = parseOpaqueToken('emailVerification', token)
  const tenant = parsed && (await findTokenTenant(dependencies, parsed.hash, 'verify-email'))
  if (tenant === undefined || parsed === undefined) throw new ProblemError('link-invalid')
  const { hash } = parsed
  const peeked = await inTenant(pool, tenant.id, (tx) => peekOneTimeToken(tx, tenant.id, hash, 'verify-email'))
  if (peeked === undefined) throw new ProblemError('link-invalid')
  const pending = openPending(pendingRing, peeked.data, tenant.id, hash)
  const verdict = await unlessBusy(hasher.verifyAlways(password, pending.passwordHash))
  if (!verdict.matches) {
    await inTenant(pool, tenant.id, (tx) => failOneTimeToken(tx, tenant.id, hash, MOST_TRIES))
    throw new ProblemError('sign-in-refused')
  }
  await inTenant(pool, tenant.id, async (tx) => {
    const consumed = await consumeOneTimeToken(tx, tenant.id, hash, 'verify-email')
    const made =
      consumed &&
      (await insertUser(tx, {
        tenantId: tenant.id,
        email: pending.email,
        name: pending.name,
        locale: pending.locale,
        passwordHash: pending.passwordHash,
        emailVerifiedAt: new Date(),
      }))
    // Somebody else was faster, with another link to the same mailbox.
    if (made === undefined) throw new ProblemError('link-invalid')
    // The link names its tenant, whatever tenant the request names.
    await appendAudit(
      tx,
      { ...context, tenant },
      {
        action: 'user.created',
        resource: { type: 'user', id: made },
        changes: { by: 'registration' },
        personal: { userId: made, values: { email: pending.email, name: pending.name } },
      },
    )
  })
}

function addressOf(text: string, locale: 'en' | 'fr'): EmailAddress {
  const address = parseEmailAddress(text)
  if (!('fault' in address)) return address
  const message =
    locale === 'fr'
      ? 'doit être une adresse électronique en caractères ordinaires'
      : 'must be an e-mail address in plain characters'
  throw new ProblemError('invalid-content', { errors: [{ pointer: '/email', code: 'email', message }] })
}

/** Whose a registration is that waits for its link, and what for. */
export const pendingAad = (tenantId: string, hash: Buffer): readonly string[] => [
  tenantId,
  hash.toString('hex'),
  'registration',
]

function sealPending(ring: KeyRing, pending: Pending, tenantId: string, hash: Buffer): string {
  return seal(ring, Buffer.from(JSON.stringify(pending)), pendingAad(tenantId, hash)).toString('base64')
}

function openPending(ring: KeyRing, data: Readonly<Record<string, unknown>>, tenantId: string, hash: Buffer): Pending {
  const sealed = Buffer.from(String(data['sealed']), 'base64')
  // Sealed by `sealPending` for this row alone.
  return JSON.parse(unseal(ring, sealed, pendingAad(tenantId, hash)).toString())
}
