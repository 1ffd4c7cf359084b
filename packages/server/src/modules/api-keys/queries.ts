import type { Tx } from '../../database/tenant.ts'

export interface NewApiKeyRow {
  readonly tenant_id: string
  readonly id: string
  readonly lookup_id: string
  readonly secret_hash: Buffer
  readonly name: string
  readonly scopes: readonly string[]
  readonly expires_at: Date | null
}

export async function insertApiKey(tx: Tx, row: NewApiKeyRow): Promise<void> {
  await tx
    .insertInto('api_key')
    .values({ ...row, scopes: [...row.scopes] })
    .execute()
}

const columns = ['id', 'lookup_id', 'name', 'scopes', 'created_at', 'expires_at', 'revoked_at', 'last_used_at'] as const

export function listApiKeys(tx: Tx) {
  return tx.selectFrom('api_key').select(columns).orderBy('id', 'desc').execute()
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
