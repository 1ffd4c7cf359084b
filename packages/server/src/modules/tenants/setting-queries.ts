import { sql } from 'kysely'
import type { SessionLife, TenantSettings } from '../../core/tenant/settings.ts'
import type { Tx } from '../../database/tenant.ts'

/** The settings of a tenant, kept as they are until the transaction ends. */
export function keepSettings(tx: Tx, tenantId: string) {
  return tx
    .selectFrom('tenant_setting')
    .select(['settings', 'version'])
    .where('tenant_id', '=', tenantId)
    .forUpdate()
    .executeTakeFirst()
}

export function findSettings(tx: Tx, tenantId: string) {
  return tx
    .selectFrom('tenant_setting')
    .select(['settings', 'version'])
    .where('tenant_id', '=', tenantId)
    .executeTakeFirst()
}

export async function saveSettings(tx: Tx, tenantId: string, settings: TenantSettings, now: Date): Promise<void> {
  const row = { settings: JSON.stringify(settings), updated_at: now }
  await tx
    .insertInto('tenant_setting')
    .values({ tenant_id: tenantId, ...row })
    .onConflict((conflict) =>
      conflict.column('tenant_id').doUpdateSet({ ...row, version: sql`tenant_setting.version + 1` }),
    )
    .execute()
}

/** Ends no living session later than these lives allow: a shorter life holds for who is signed in too. */
export async function shortenSessions(tx: Tx, tenantId: string, { idleMs, maxMs }: SessionLife): Promise<void> {
  await sql`
    update session set
      absolute_expires_at = least(absolute_expires_at, created_at + ${maxMs} * interval '1 millisecond'),
      idle_expires_at = least(idle_expires_at, greatest(last_seen_at, created_at) + ${idleMs} * interval '1 millisecond')
    where tenant_id = ${tenantId} and revoked_at is null and absolute_expires_at > now()`.execute(tx)
}
