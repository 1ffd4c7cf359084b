import type { Tx } from '../../database/tenant.ts'
import { createId } from '../ids.ts'
import { queueWebhook } from '../webhooks/queue.ts'

/** A person to be made. Address and name have been judged. */
export interface NewUser {
  readonly tenantId: string
  /** Canonical: see `canonicalEmail`. */
  readonly email: string
  readonly name?: string | null
  readonly locale: 'en' | 'fr'
  /** Absent: the person cannot sign in with a password. */
  readonly passwordHash?: string
  /** When somebody vouches for the address already. */
  readonly emailVerifiedAt?: Date | null
}

/** What makes two addresses of one tenant the same. */
export const emailNorm = (canonicalEmail: string): string => canonicalEmail.toLowerCase()

/**
 * Stores a person, and tells the webhooks that want to know.
 *
 * @returns the id; undefined when the address is taken.
 */
export async function insertUser(tx: Tx, user: NewUser): Promise<string | undefined> {
  const id = createId()
  const made = await tx
    .insertInto('user_account')
    .values({
      tenant_id: user.tenantId,
      id,
      email: user.email,
      email_norm: emailNorm(user.email),
      name: user.name ?? null,
      locale: user.locale,
      email_verified_at: user.emailVerifiedAt ?? null,
    })
    .onConflict((conflict) =>
      conflict
        .columns(['tenant_id', 'email_norm'])
        .where('deleted_at', 'is', null)
        .where('erased_at', 'is', null)
        .doNothing(),
    )
    .returning('id')
    .executeTakeFirst()
  if (made === undefined) return undefined
  if (user.passwordHash !== undefined) {
    await tx
      .insertInto('password_credential')
      .values({ tenant_id: user.tenantId, user_id: id, hash: user.passwordHash })
      .execute()
  }
  await queueWebhook(tx, user.tenantId, { type: 'user.created', data: { resource: { type: 'user', id } } })
  return id
}

/** Gives a person a role by its code. @throws Error when the tenant has no such role. */
export async function assignRole(
  tx: Tx,
  assignment: {
    readonly tenantId: string
    readonly userId: string
    readonly roleCode: string
    /** `user:<id>`, `invitation:<id>` or `operator:cli`. */
    readonly grantedBy: string
    readonly reason?: string | null
    readonly expiresAt?: Date | null
  },
): Promise<void> {
  const { tenantId, userId, roleCode } = assignment
  const role = await tx
    .selectFrom('role')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('code', '=', roleCode)
    .executeTakeFirst()
  if (role === undefined) throw new Error(`the tenant has no role "${roleCode}"`)
  const values = {
    granted_by: assignment.grantedBy,
    reason: assignment.reason ?? null,
    expires_at: assignment.expiresAt ?? null,
  }
  await tx
    .insertInto('role_assignment')
    .values({ tenant_id: tenantId, id: createId(), user_id: userId, role_id: role.id, ...values })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'user_id', 'role_id']).doUpdateSet(values))
    .execute()
}
