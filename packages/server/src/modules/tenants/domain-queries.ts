import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'

const columns = ['domain', 'proof', 'created_at', 'verified_at'] as const

export function listDomains(tx: Tx, tenantId: string) {
  return tx.selectFrom('tenant_domain').select(columns).where('tenant_id', '=', tenantId).orderBy('domain').execute()
}

export function findDomain(tx: Tx, tenantId: string, domain: string) {
  return tx
    .selectFrom('tenant_domain')
    .select(columns)
    .where('tenant_id', '=', tenantId)
    .where('domain', '=', domain)
    .executeTakeFirst()
}

/** Claims a domain; one that the tenant claims already stays as it is. @returns whether it was made. */
export async function insertClaim(tx: Tx, tenantId: string, domain: string, proof: string): Promise<boolean> {
  const result = await tx
    .insertInto('tenant_domain')
    .values({ tenant_id: tenantId, domain, proof })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'domain']).doNothing())
    .executeTakeFirst()
  return (result.numInsertedOrUpdatedRows ?? 0n) > 0n
}

/** A domain that who runs the installation vouches for. */
export async function insertVerifiedDomain(tx: Tx, tenantId: string, domain: string): Promise<void> {
  await tx.insertInto('tenant_domain').values({ tenant_id: tenantId, domain, verified_at: sql<Date>`now()` }).execute()
}

/** @throws the database's 23505 when another tenant has proven it. */
export async function verifyDomain(tx: Tx, tenantId: string, domain: string): Promise<void> {
  await tx
    .updateTable('tenant_domain')
    .set({ verified_at: sql<Date>`now()` })
    .where('tenant_id', '=', tenantId)
    .where('domain', '=', domain)
    .where('verified_at', 'is', null)
    .execute()
}

/** @returns false when the tenant has no such domain. */
export async function deleteDomain(tx: Tx, tenantId: string, domain: string): Promise<boolean> {
  const result = await tx
    .deleteFrom('tenant_domain')
    .where('tenant_id', '=', tenantId)
    .where('domain', '=', domain)
    .executeTakeFirst()
  return result.numDeletedRows > 0n
}
