import { type RawBuilder, sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'

/** What knows whether a person has a second factor. */
export interface SecondFactors {
  isEnrolled(tx: Tx, tenantId: string, userId: string): Promise<boolean>
  /** Whether the tenant asks it of everybody. */
  isRequired(tx: Tx, tenantId: string): Promise<boolean>
}

/** Whether a person has a second factor, as a part of a statement. */
export const isEnrolledNow = (tenantId: string, userId: string): RawBuilder<boolean> => sql<boolean>`(exists (
    select from mfa_secret m
    where m.tenant_id = ${tenantId} and m.user_id = ${userId} and m.confirmed_at is not null
  ) or exists (
    select from webauthn_credential c
    join user_account u on u.tenant_id = c.tenant_id and u.id = c.user_id
    join tenant t on t.id = c.tenant_id
    where c.tenant_id = ${tenantId} and c.user_id = ${userId} and c.suspected_at is null
      and (u.mfa_required or t.mfa_required)
  ))`

/**
 * As the database has it. An authenticator app counts once it was confirmed with a code of its own. A passkey counts for
 * who has to have a second factor: were it not asked for, whoever knows the password could set up a factor of theirs
 * beside it. Everybody else uses theirs when they like.
 */
export const secondFactors: SecondFactors = {
  async isEnrolled(tx, tenantId, userId) {
    const { rows } = await sql<{
      is_enrolled: boolean
    }>`select ${isEnrolledNow(tenantId, userId)} as is_enrolled`.execute(tx)
    return rows[0]?.is_enrolled === true
  },
  async isRequired(tx, tenantId) {
    const row = await tx.selectFrom('tenant').select('mfa_required').where('id', '=', tenantId).executeTakeFirst()
    // A tenant that is not there lets nobody in with less.
    return row?.mfa_required ?? true
  },
}
