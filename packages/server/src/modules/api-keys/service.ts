import type { Scope } from '../../core/access/access.ts'
import { createApiKeyToken } from '../../core/access/api-key-token.ts'
import { createId } from '../../core/ids.ts'
import type { Pool } from '../../database/connect.ts'
import { inTenant } from '../../database/tenant.ts'
import * as queries from './queries.ts'

/** An API key as staff see it. Neither the secret nor its hash. */
export interface ApiKey {
  readonly id: string
  /** `rmp_live_<look-up part>_…`: enough to tell keys apart. */
  readonly prefix: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly createdAt: Date
  readonly expiresAt: Date | null
  readonly revokedAt: Date | null
  /** Within a minute. */
  readonly lastUsedAt: Date | null
}

/**
 * Makes an API key of a tenant.
 *
 * @param expiresAt - null: never; the command line asks for ninety days when nothing is said.
 * @returns the whole key, which is shown once and stored nowhere.
 */
export async function createApiKey(
  pool: Pool,
  tenantId: string,
  key: { readonly name: string; readonly scopes: readonly Scope[]; readonly expiresAt?: Date | null },
): Promise<{ readonly id: string; readonly token: string }> {
  const { token, lookupId, secretHash } = createApiKeyToken()
  const id = createId()
  await inTenant(pool, tenantId, (tx) =>
    queries.insertApiKey(tx, {
      tenant_id: tenantId,
      id,
      lookup_id: lookupId,
      secret_hash: secretHash,
      name: key.name,
      scopes: key.scopes,
      expires_at: key.expiresAt ?? null,
    }),
  )
  return { id, token }
}

/** The keys of a tenant, newest first, the ended ones too. */
export async function listApiKeys(pool: Pool, tenantId: string): Promise<readonly ApiKey[]> {
  const rows = await inTenant(pool, tenantId, queries.listApiKeys)
  return rows.map((row) => ({
    id: row.id,
    prefix: `rmp_live_${row.lookup_id}`,
    name: row.name,
    scopes: row.scopes,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
  }))
}

/**
 * Ends a key at once, on every process.
 *
 * @param key - its id, or its prefix `rmp_live_…`.
 * @returns false when the tenant has no such key, or it had ended.
 */
export function revokeApiKey(pool: Pool, tenantId: string, key: string): Promise<boolean> {
  const [, lookupId] = /^rmp_live_([0-9A-Za-z]{10})/.exec(key) ?? []
  return inTenant(pool, tenantId, (tx) => queries.revokeApiKey(tx, lookupId === undefined ? { id: key } : { lookupId }))
}
