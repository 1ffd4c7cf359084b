import { type Expression, type SqlBool, sql } from 'kysely'
import type { PageRequest } from '../../core/shapes/pagination.ts'
import type { Tx } from '../../database/tenant.ts'
import type { UserStatus } from './schema.ts'

const columns = [
  'id',
  'email',
  'name',
  'locale',
  'is_active',
  'email_verified_at',
  'mfa_required',
  'last_login_at',
  'version',
  'created_at',
  'updated_at',
  'deleted_at',
] as const

export interface UserFilter {
  readonly emailNorm: string | undefined
  readonly status: UserStatus | undefined
}

const statuses: Readonly<Record<UserStatus, Expression<SqlBool>>> = {
  active: sql`deleted_at is null and is_active and email_verified_at is not null`,
  unverified: sql`deleted_at is null and is_active and email_verified_at is null`,
  inactive: sql`deleted_at is null and not is_active`,
  deleted: sql`deleted_at is not null`,
}

function filterUsers(tx: Tx, tenantId: string, { emailNorm, status }: UserFilter) {
  const query = tx
    .selectFrom('user_account')
    .where('tenant_id', '=', tenantId)
    .where('erased_at', 'is', null)
    .where(status === undefined ? sql<SqlBool>`deleted_at is null` : statuses[status])
  return emailNorm === undefined ? query : query.where('email_norm', '=', emailNorm)
}

export function listUsers(tx: Tx, tenantId: string, { page, pageSize }: PageRequest, filter: UserFilter) {
  return filterUsers(tx, tenantId, filter)
    .select(columns)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .offset((page - 1) * pageSize)
    .limit(pageSize)
    .execute()
}

export async function countUsers(tx: Tx, tenantId: string, filter: UserFilter): Promise<number> {
  const row = await filterUsers(tx, tenantId, filter)
    .select((e) => e.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return row.count
}

/** A person, deleted or not; undefined for one of whom nothing is left. */
export function findUser(tx: Tx, tenantId: string, id: string) {
  return tx
    .selectFrom('user_account')
    .select(columns)
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .where('erased_at', 'is', null)
    .executeTakeFirst()
}

/** What may be written of a person. */
export interface UserFields {
  readonly name?: string | null
  readonly locale?: string
  readonly mfa_required?: boolean
  readonly is_active?: boolean
  readonly email_verified_at?: Date
  readonly deleted_at?: Date | null
}

/** Writes fields of a person. @param version - when given, nothing is written over another. */
export function updateUser(
  tx: Tx,
  tenantId: string,
  id: string,
  fields: UserFields,
  { now, version }: { readonly now: Date; readonly version?: number | undefined },
) {
  return tx
    .updateTable('user_account')
    .set((e) => ({ ...fields, version: e('version', '+', 1), updated_at: now }))
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .where('erased_at', 'is', null)
    .$if(version !== undefined, (query) => query.where('version', '=', version ?? 0))
    .returning(columns)
    .executeTakeFirst()
}

/** The name a person goes by in mails to others. */
export async function findName(tx: Tx, tenantId: string, id: string): Promise<string | undefined> {
  const row = await tx
    .selectFrom('user_account')
    .select('name')
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .executeTakeFirst()
  return row?.name ?? undefined
}

export function findRoleByCode(tx: Tx, tenantId: string, code: string) {
  return tx
    .selectFrom('role')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('code', '=', code)
    .executeTakeFirst()
}
