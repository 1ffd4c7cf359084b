import { type Expression, type SqlBool, sql } from 'kysely'
import type { PageRequest } from '../../core/shapes/pagination.ts'
import type { Tx } from '../../database/tenant.ts'
import type { InvitationStatus } from './schema.ts'

const statuses: Readonly<Record<InvitationStatus, Expression<SqlBool>>> = {
  pending: sql`i.accepted_at is null and i.revoked_at is null and i.expires_at > now()`,
  accepted: sql`i.accepted_at is not null`,
  revoked: sql`i.revoked_at is not null`,
  expired: sql`i.accepted_at is null and i.revoked_at is null and i.expires_at <= now()`,
}

function selectInvitations(tx: Tx, tenantId: string) {
  return tx
    .selectFrom('invitation as i')
    .leftJoin('role as r', (join) => join.onRef('r.tenant_id', '=', 'i.tenant_id').onRef('r.id', '=', 'i.role_id'))
    .select(['i.id', 'i.email', 'i.role_id', 'r.code', 'r.name', 'i.invited_by', 'i.created_at', 'i.expires_at'])
    .select(['i.accepted_at', 'i.revoked_at', sql<boolean>`i.expires_at <= now()`.as('is_over')])
    .where('i.tenant_id', '=', tenantId)
}

export function listInvitations(
  tx: Tx,
  tenantId: string,
  { page, pageSize }: PageRequest,
  status: InvitationStatus | undefined,
) {
  return selectInvitations(tx, tenantId)
    .$if(status !== undefined, (query) => query.where(statuses[status ?? 'pending']))
    .orderBy('i.id', 'desc')
    .offset((page - 1) * pageSize)
    .limit(pageSize)
    .execute()
}

export async function countInvitations(
  tx: Tx,
  tenantId: string,
  status: InvitationStatus | undefined,
): Promise<number> {
  const row = await tx
    .selectFrom('invitation as i')
    .where('i.tenant_id', '=', tenantId)
    .$if(status !== undefined, (query) => query.where(statuses[status ?? 'pending']))
    .select((e) => e.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return row.count
}

export function findInvitation(tx: Tx, tenantId: string, id: string) {
  return selectInvitations(tx, tenantId).where('i.id', '=', id).executeTakeFirst()
}

/** Undefined when another for the same address is made at the same time. */
export function insertInvitation(
  tx: Tx,
  invitation: {
    readonly tenant_id: string
    readonly id: string
    readonly email: string
    readonly email_norm: string
    readonly role_id: string
    readonly locale: string
    readonly invited_by: string
    readonly token_hash: Buffer
    readonly expires_at: Date
  },
) {
  return tx
    .insertInto('invitation')
    .values(invitation)
    .onConflict((conflict) =>
      conflict
        .columns(['tenant_id', 'email_norm'])
        .where('accepted_at', 'is', null)
        .where('revoked_at', 'is', null)
        .doNothing(),
    )
    .returning('id')
    .executeTakeFirst()
}

/** Ends what is open of an invitation or an address, and takes its token away. Returns how many. */
export async function revokeOpen(
  tx: Tx,
  tenantId: string,
  which: { readonly id: string } | { readonly emailNorm: string },
): Promise<number> {
  const ended = await tx
    .updateTable('invitation')
    .set({ revoked_at: sql`now()` })
    .where('tenant_id', '=', tenantId)
    .where('id' in which ? 'id' : 'email_norm', '=', 'id' in which ? which.id : which.emailNorm)
    .where('accepted_at', 'is', null)
    .where('revoked_at', 'is', null)
    .returning('token_hash')
    .execute()
  for (const { token_hash } of ended) {
    await tx
      .deleteFrom('one_time_token')
      .where('tenant_id', '=', tenantId)
      .where('token_hash', '=', token_hash)
      .execute()
  }
  return ended.length
}

/** A role, which nobody deletes before the transaction ends. */
export function keepRole(tx: Tx, tenantId: string, id: string) {
  return tx
    .selectFrom('role')
    .select(['id', 'code', 'permissions'])
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .forKeyShare()
    .executeTakeFirst()
}

/** Somebody who may still act, and the name they go by; undefined for who is gone or switched off. */
export function findActing(tx: Tx, tenantId: string, userId: string) {
  return tx
    .selectFrom('user_account')
    .select(['id', 'name'])
    .where('tenant_id', '=', tenantId)
    .where('id', '=', userId)
    .where('is_active', '=', true)
    .where('deleted_at', 'is', null)
    .where('erased_at', 'is', null)
    .executeTakeFirst()
}
