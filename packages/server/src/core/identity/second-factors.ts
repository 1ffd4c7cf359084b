import type { Tx } from '../../database/tenant.ts'

/** What knows whether a person has a second factor. */
export interface SecondFactors {
  isEnrolled(tx: Tx, tenantId: string, userId: string): Promise<boolean>
  /** Whether the tenant asks it of everybody. */
  isRequired(tx: Tx, tenantId: string): Promise<boolean>
}

/** As the database has it. An authenticator app that was never confirmed with a code of its own is no factor. */
export const secondFactors: SecondFactors = {
  async isEnrolled(tx, tenantId, userId) {
    const row = await tx
      .selectFrom('mfa_secret')
      .select('user_id')
      .where('tenant_id', '=', tenantId)
      .where('user_id', '=', userId)
      .where('confirmed_at', 'is not', null)
      .executeTakeFirst()
    return row !== undefined
  },
  async isRequired(tx, tenantId) {
    const row = await tx.selectFrom('tenant').select('mfa_required').where('id', '=', tenantId).executeTakeFirst()
    // A tenant that is not there lets nobody in with less.
    return row?.mfa_required ?? true
  },
}
