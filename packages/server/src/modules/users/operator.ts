import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import type { PasswordHasher } from '../../core/credentials/password-hasher.ts'
import { accountAddress } from '../../core/identity/address.ts'
import { grantorOf } from '../../core/identity/holdings.ts'
import { issueInvitationToken } from '../../core/identity/invitation-token.ts'
import { assertNewPassword } from '../../core/identity/new-password.ts'
import { assignRole, insertUser } from '../../core/identity/new-user.ts'
import { createMailLinks } from '../../core/mail/links.ts'
import { ProblemError } from '../../core/problem.ts'
import { findRoleByCode } from './queries.ts'

/** An account that an operator makes at the command line. */
export interface OperatorAccount {
  readonly email: string
  readonly name?: string | undefined
  /** Code of a role of the tenant. */
  readonly role?: string | undefined
  /** Absent: a link to set one is made. */
  readonly password?: string | undefined
}

/**
 * Makes an account. The operator vouches for the address: no mail is sent.
 *
 * @returns its id and, without a password, the link to set one: good once, for seven days, and stored nowhere.
 * @throws ProblemError `email-taken`; `role-not-found`; `invalid-content` for an address or a password that will not do.
 */
export async function createAccount(
  context: Context,
  { hasher, publicUrl }: { readonly hasher: PasswordHasher; readonly publicUrl: string },
  account: OperatorAccount,
): Promise<{ readonly id: string; readonly link: string | undefined }> {
  const { tenant, clock, locale } = context
  const { password, role } = account
  const address = accountAddress(account.email, locale)
  const name = account.name ?? null
  if (password !== undefined)
    await assertNewPassword({}, context, password, { email: address.display, name }, '/password')
  const passwordHash = password === undefined ? undefined : await hasher.hash(password)
  return context.inTenant(async (tx) => {
    const id = await insertUser(tx, {
      tenantId: tenant.id,
      email: address.display,
      name,
      locale: tenant.locale,
      ...(passwordHash !== undefined && { passwordHash, emailVerifiedAt: new Date(clock.now()) }),
    })
    if (id === undefined) throw new ProblemError('email-taken')
    if (role !== undefined) {
      if ((await findRoleByCode(tx, tenant.id, role)) === undefined) throw new ProblemError('role-not-found')
      await assignRole(tx, { tenantId: tenant.id, userId: id, roleCode: role, grantedBy: grantorOf(context) })
    }
    const target = { purpose: 'invitation', userId: id } as const
    const issued =
      passwordHash === undefined ? await issueInvitationToken(tx, tenant.id, target, clock.now()) : undefined
    const resource = { type: 'user', id }
    await appendAudit(tx, context, { action: 'user.created', resource, changes: { role: role ?? null } })
    return { id, link: issued && createMailLinks(publicUrl).withToken('invite', issued.token) }
  })
}
