import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'

export function listOverrides(tx: Tx) {
  return tx.selectFrom('policy_override').select(['policy_id', 'rules', 'version', 'updated_at']).execute()
}

/** Stores what a tenant has otherwise for one policy, in place of what it had. */
export async function saveOverride(
  tx: Tx,
  tenantId: string,
  policyId: string,
  rules: unknown,
  now: Date,
): Promise<void> {
  const row = { rules: JSON.stringify(rules), updated_at: now }
  await tx
    .insertInto('policy_override')
    .values({ tenant_id: tenantId, policy_id: policyId, ...row })
    .onConflict((conflict) =>
      conflict.columns(['tenant_id', 'policy_id']).doUpdateSet({ ...row, version: sql`policy_override.version + 1` }),
    )
    .execute()
}

/** @returns false when there was none. */
export async function deleteOverride(tx: Tx, policyId: string): Promise<boolean> {
  const result = await tx.deleteFrom('policy_override').where('policy_id', '=', policyId).executeTakeFirst()
  return result.numDeletedRows > 0n
}
