import { sql } from 'kysely'
import type { PageRequest } from '../../core/shapes/pagination.ts'
import type { Tx } from '../../database/tenant.ts'

export interface NewApiKeyRow {
  readonly tenant_id: string
  readonly id: string
  readonly lookup_id: string
  readonly secret_hash: Buffer
  readonly name: string
  readonly scopes: readonly string[]
  readonly expires_at: Date | null
  readonly created_by?: string
  readonly networks?: readonly string[]
  readonly rotated_from?: string
}

const columns = [
  'id',
  'lookup_id',
  'name',
  'scopes',
  'networks',
  'created_by',
  'created_at',
  'expires_at',
  'revoked_at',
  'last_used_at',
  'rotated_from',
  'grace_until',
] as const

export function insertApiKey(tx: Tx, { scopes, networks = [], ...row }: NewApiKeyRow) {
  return tx
    .insertInto('api_key')
    .values({ ...row, scopes: [...scopes], networks: [...networks] })
    .returning(columns)
    .executeTakeFirstOrThrow()
}

export function listApiKeys(tx: Tx) {
  return tx.selectFrom('api_key').select(columns).orderBy('id', 'desc').execute()
}

export function pageApiKeys(tx: Tx, tenantId: string, { page, pageSize }: PageRequest) {
  return tx
    .selectFrom('api_key')
    .select(columns)
    .where('tenant_id', '=', tenantId)
    .orderBy('id', 'desc')
    .offset((page - 1) * pageSize)
    .limit(pageSize)
    .execute()
}

export async function countApiKeys(tx: Tx, tenantId: string): Promise<number> {
  const row = await tx
    .selectFrom('api_key')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('tenant_id', '=', tenantId)
    .executeTakeFirstOrThrow()
  return row.count
}

export function findApiKey(tx: Tx, tenantId: string, id: string) {
  return tx
    .selectFrom('api_key')
    .select(columns)
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .executeTakeFirst()
}

/** Lets a key that is replaced end by `until`. @returns false when it had ended or was replaced before. */
export async function markReplaced(tx: Tx, tenantId: string, id: string, until: Date): Promise<boolean> {
  const result = await tx
    .updateTable('api_key')
    .set({ expires_at: until, grace_until: until })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .where('grace_until', 'is', null)
    .where((e) => e.or([e('expires_at', 'is', null), e('expires_at', '>', sql<Date>`now()`)]))
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Ends a key at once; a key that ended before keeps its date. */
export async function revokeApiKey(
  tx: Tx,
  idOrLookup: { readonly id: string } | { readonly lookupId: string },
): Promise<boolean> {
  const query = tx.updateTable('api_key').set({ revoked_at: new Date() }).where('revoked_at', 'is', null)
  const narrowed =
    'id' in idOrLookup ? query.where('id', '=', idOrLookup.id) : query.where('lookup_id', '=', idOrLookup.lookupId)
  return (await narrowed.executeTakeFirst()).numUpdatedRows > 0n
}
