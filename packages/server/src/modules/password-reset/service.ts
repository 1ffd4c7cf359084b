import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { createOpaqueToken, parseOpaqueToken } from '../../core/credentials/opaque-token.ts'
import type { PasswordHasher } from '../../core/credentials/password-hasher.ts'
import { lockAccount } from '../../core/identity/account-lock.ts'
import { unlessBusy } from '../../core/identity/busy.ts'
import { assertNewPassword, type PasswordJudge } from '../../core/identity/new-password.ts'
import {
  consumeOneTimeToken,
  outdatedByPassword,
  peekOneTimeToken,
  withdrawOneTimeTokens,
} from '../../core/identity/one-time-tokens.ts'
import { revokeSessions } from '../../core/identity/session-queries.ts'
import { findTokenTenant } from '../../core/identity/token-tenant.ts'
import type { MailQueue } from '../../core/mail/outbox.ts'
import { ProblemError } from '../../core/problem.ts'
import type { Tenant, TenantResolver } from '../../core/tenant/resolver.ts'
import type { Pool } from '../../database/connect.ts'
import { inTenant, tenantScope } from '../../database/tenant.ts'
import * as queries from './queries.ts'

/** How long a link is good for. */
const LINK_MINUTES = 30

export interface ResetDependencies extends PasswordJudge {
  readonly pool: Pool
  readonly tenants: TenantResolver
  readonly hasher: PasswordHasher
  readonly mail: MailQueue
}

/**
 * Sends a link to the address of an account: to the one that is stored, whatever was submitted. Whether anybody has it is
 * looked up after the answer, by whoever sends the mail (see `createHolderRules`): until then no account is touched, so
 * that neither what is answered nor how long it takes tells whether there is one.
 */
export async function requestReset(context: Context, { mail }: ResetDependencies, address: string): Promise<void> {
  const { token } = createOpaqueToken('passwordReset')
  const data = { token, minutes: LINK_MINUTES }
  await context.inTenant((tx) => mail.queueMail(tx, { template: 'reset-password', to: { holderOf: address }, data }))
}

/** Whether a link would be good now. */
export async function isResetTokenGood(dependencies: ResetDependencies, token: string): Promise<boolean> {
  const found = await findReset(dependencies, token)
  return found?.person !== undefined
}

/**
 * Gives the person of a link a new password. It signs nobody in, and the second factor stays as it was: every session ends,
 * and whatever else had been sent for the account is worth nothing from then on.
 *
 * @throws ProblemError `link-invalid`; `invalid-content` for a password that will not do, and the link stays good.
 */
export async function confirmReset(
  context: Context,
  dependencies: ResetDependencies,
  token: string,
  password: string,
): Promise<void> {
  const { pool, hasher, mail } = dependencies
  const found = await findReset(dependencies, token)
  if (found?.person === undefined) throw new ProblemError('link-invalid')
  const { tenant, hash, person } = found
  const rule = { tenant, locale: context.locale, inTenant: tenantScope(pool, tenant.id) }
  await assertNewPassword(dependencies, rule, password, person, '/password')
  const passwordHash = await unlessBusy(hasher.hash(password))
  await inTenant(pool, tenant.id, async (tx) => {
    await lockAccount(tx, tenant.id, person.id)
    const consumed = await consumeOneTimeToken(tx, tenant.id, hash, 'reset-password')
    if (consumed?.userId !== person.id) throw new ProblemError('link-invalid')
    await queries.storePassword(tx, tenant.id, person.id, passwordHash)
    await queries.confirmAddress(tx, tenant.id, person.id)
    await revokeSessions(tx, tenant.id, { userId: person.id }, 'password-reset')
    await withdrawOneTimeTokens(tx, tenant.id, person.id, outdatedByPassword)
    const at = new Date(context.clock.now()).toISOString()
    await mail.queueMail(tx, { template: 'password-changed', to: { userId: person.id }, data: { at } })
    // The link names its tenant, whatever tenant the request names.
    const resource = { type: 'user', id: person.id }
    await appendAudit(tx, { ...context, tenant }, { action: 'password.reset', resource })
  })
}

interface FoundReset {
  readonly tenant: Tenant
  readonly hash: Buffer
  /** Undefined when the link is not good, or its person is not to have a password any more. */
  readonly person: Awaited<ReturnType<typeof queries.findActive>>
}

async function findReset(dependencies: ResetDependencies, token: string): Promise<FoundReset | undefined> {
  const parsed = parseOpaqueToken('passwordReset', token)
  const tenant = parsed && (await findTokenTenant(dependencies, parsed.hash, 'reset-password'))
  if (tenant === undefined || parsed === undefined) return undefined
  const { hash } = parsed
  const person = await inTenant(dependencies.pool, tenant.id, async (tx) => {
    const peeked = await peekOneTimeToken(tx, tenant.id, hash, 'reset-password')
    const userId = peeked?.userId
    return userId === null || userId === undefined ? undefined : queries.findActive(tx, tenant.id, userId)
  })
  return { tenant, hash, person }
}
