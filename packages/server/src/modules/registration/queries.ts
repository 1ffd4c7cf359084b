import type { Tx } from '../../database/tenant.ts'

/** Whoever has an address, switched off or not; undefined for nobody. Nobody erases them meanwhile: see `lockAccount`. */
export function findHolder(tx: Tx, tenantId: string, emailNorm: string) {
  return tx
    .selectFrom('user_account')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('email_norm', '=', emailNorm)
    .where('deleted_at', 'is', null)
    .where('erased_at', 'is', null)
    .forKeyShare()
    .executeTakeFirst()
}
