import type { AuditAction } from '../../core/audit/actions.ts'
import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { lockAccount } from '../../core/identity/account-lock.ts'
import { assertMayActOn } from '../../core/identity/holdings.ts'
import { type OneTimePurpose, withdrawOneTimeTokens } from '../../core/identity/one-time-tokens.ts'
import { assertOwnerRemains } from '../../core/identity/owners.ts'
import { revokeSessions } from '../../core/identity/session-queries.ts'
import { ProblemError } from '../../core/problem.ts'
import type { Tx } from '../../database/tenant.ts'
import * as queries from './queries.ts'
import type { User } from './schema.ts'
import { requireUser, toUser, type UserRow } from './service.ts'

/** Everything that could let somebody in without their password. */
const allTokens: readonly OneTimePurpose[] = [
  'verify-email',
  'change-email',
  'reset-password',
  'mfa-challenge',
  'invitation',
  'oauth-state',
  'oauth-registration',
  'passkey-challenge',
  'return-email',
  'reset-mfa',
  'reset-mfa-wait',
]

/**
 * Vouches for the address of a person. Their sessions end, so that the next one begins as what they are now.
 *
 * @throws ProblemError `user-not-found`; `user-deleted`; `beyond-own-rights`.
 */
export function verifyUser(context: Context, id: string): Promise<User> {
  return context.inTenant(async (tx) => {
    const before = await requireLiving(tx, context, id)
    await assertMayActOn(tx, context, id)
    if (before.email_verified_at !== null) return toUser(before)
    await endAccess(tx, context, id, ['verify-email'], 'verified')
    return write(tx, context, id, 'user.verified', { email_verified_at: new Date(context.clock.now()) })
  })
}

/** Switches an account on again. Whoever was signed in before it was switched off has to sign in. @see verifyUser */
export function activateUser(context: Context, id: string): Promise<User> {
  return context.inTenant(async (tx) => {
    const before = await requireLiving(tx, context, id)
    await assertMayActOn(tx, context, id)
    if (before.is_active) return toUser(before)
    await endAccess(tx, context, id, allTokens, 'activated')
    return write(tx, context, id, 'user.activated', { is_active: true })
  })
}

/**
 * Switches an account off: every session ends at once, in every process, and every link that was sent is worth nothing.
 *
 * @throws ProblemError `user-not-found`; `user-deleted`; `beyond-own-rights`; `last-owner`.
 */
export function deactivateUser(context: Context, id: string): Promise<User> {
  return context.inTenant(async (tx) => {
    const before = await requireLiving(tx, context, id)
    await assertMayActOn(tx, context, id)
    await assertOwnerRemains(tx, context.tenant.id, id)
    await endAccess(tx, context, id, allTokens, 'deactivated')
    return before.is_active ? write(tx, context, id, 'user.deactivated', { is_active: false }) : toUser(before)
  })
}

/**
 * Deletes an account until it is restored; does nothing to one that is deleted. The address is free from then on.
 *
 * @throws ProblemError `user-not-found`; `beyond-own-rights`; `last-owner`.
 */
export function deleteUser(context: Context, id: string): Promise<void> {
  return context.inTenant(async (tx) => {
    const before = await requireUser(tx, context, id)
    await assertMayActOn(tx, context, id)
    await assertOwnerRemains(tx, context.tenant.id, id)
    await endAccess(tx, context, id, allTokens, 'deleted')
    if (before.deleted_at === null)
      await write(tx, context, id, 'user.deleted', { deleted_at: new Date(context.clock.now()) })
  })
}

/**
 * Brings a deleted account back as it was, with its roles and none of its sessions; does nothing to another.
 *
 * @throws ProblemError `user-not-found`; `beyond-own-rights`; `email-taken` when somebody else has the address by now.
 */
export async function restoreUser(context: Context, id: string): Promise<User> {
  try {
    return await context.inTenant(async (tx) => {
      const before = await requireUser(tx, context, id)
      await assertMayActOn(tx, context, id)
      if (before.deleted_at === null) return toUser(before)
      await endAccess(tx, context, id, allTokens, 'restored')
      return write(tx, context, id, 'user.restored', { deleted_at: null })
    })
  } catch (error) {
    // SQLSTATE unique_violation: the address of a living account is unique.
    const isTaken = error instanceof Error && 'code' in error && error.code === '23505'
    throw isTaken ? new ProblemError('email-taken') : error
  }
}

async function requireLiving(tx: Tx, context: Context, id: string): Promise<UserRow> {
  const row = await requireUser(tx, context, id)
  if (row.deleted_at !== null) throw new ProblemError('user-deleted')
  return row
}

async function endAccess(
  tx: Tx,
  { tenant }: Context,
  userId: string,
  tokens: readonly OneTimePurpose[],
  reason: string,
): Promise<void> {
  await lockAccount(tx, tenant.id, userId)
  await revokeSessions(tx, tenant.id, { userId }, reason)
  await withdrawOneTimeTokens(tx, tenant.id, userId, tokens)
}

async function write(
  tx: Tx,
  context: Context,
  id: string,
  action: AuditAction & `user.${string}`,
  fields: queries.UserFields,
): Promise<User> {
  const row = await queries.updateUser(tx, context.tenant.id, id, fields, { now: new Date(context.clock.now()) })
  if (row === undefined) throw new ProblemError('user-not-found')
  await appendAudit(tx, context, { action, resource: { type: 'user', id } })
  return toUser(row)
}
