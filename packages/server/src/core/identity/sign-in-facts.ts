import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'
import { personSubject, type ReadKeys } from '../audit/subject-keys.ts'
import type { TenantSettings } from '../tenant/settings.ts'
import { type Arrival, isKindSeen } from './new-device.ts'
import { isEnrolledNow } from './second-factors.ts'

/** What the answer to a right password depends on. */
export interface SignInFacts {
  /** Whether the account is as it was when its password was checked: the same hash, active, confirmed and there. */
  readonly isUnchanged: boolean
  /** Whether a second factor is asked of this person, or by the tenant of everybody. */
  readonly isMfaRequired: boolean
  /** See `SecondFactors`. */
  readonly isEnrolled: boolean
  /** Whether the second factor was reported as lost: `completeDueReset` knows whether it is to go. */
  readonly isResetAsked: boolean
  /** See `Arrival`. */
  readonly isKindSeen: boolean
  readonly settings: TenantSettings
  /** What the audit entry of the sign-in needs. */
  readonly auditKeys: ReadKeys
}

/**
 * Reads it in one statement: each costs the server and the database as much as the look-up itself. The account is to be
 * locked by one before: what another transaction has changed meanwhile is then seen.
 *
 * @param hash - that the password was found to match.
 */
export async function readSignInFacts(
  tx: Tx,
  arrival: Pick<Arrival, 'tenantId' | 'userId' | 'userAgent' | 'nowMs'>,
  hash: string,
): Promise<SignInFacts> {
  const { tenantId, userId, nowMs } = arrival
  const subject = personSubject(userId)
  const { rows } = await sql<Row>`
    select s.settings, exists (
        select from user_account u
        join password_credential p on p.tenant_id = u.tenant_id and p.user_id = u.id
        where u.tenant_id = ${tenantId} and u.id = ${userId} and p.hash = ${hash} and u.is_active
          and u.email_verified_at is not null and u.deleted_at is null and u.erased_at is null
      ) as is_unchanged,
      t.mfa_required or exists (
        select from user_account u where u.tenant_id = ${tenantId} and u.id = ${userId} and u.mfa_required
      ) as is_mfa_required, ${isEnrolledNow(tenantId, userId)} as is_enrolled,
      ${isKindSeen(arrival)} as is_kind_seen,
      exists (
        select from one_time_token o
        where o.tenant_id = ${tenantId} and o.user_id = ${userId} and o.purpose = 'reset-mfa-wait'
          and o.expires_at > ${new Date(nowMs)}
      ) as is_reset_asked,
      (
        select k.sealed_key from audit_subject_key k where k.tenant_id = ${tenantId} and k.subject = ${subject}
      ) as sealed_key
    from tenant t left join tenant_setting s on s.tenant_id = t.id
    where t.id = ${tenantId}`.execute(tx)
  const row = rows[0]
  if (row === undefined) throw new Error('the tenant of the transaction is not there')
  return {
    isEnrolled: row.is_enrolled,
    isUnchanged: row.is_unchanged,
    isMfaRequired: row.is_mfa_required,
    isResetAsked: row.is_reset_asked,
    isKindSeen: row.is_kind_seen,
    auditKeys: { [subject]: row.sealed_key },
    // Only what fits the schema is stored.
    settings: (row.settings ?? {}) as TenantSettings,
  }
}

interface Row {
  readonly is_unchanged: boolean
  readonly is_mfa_required: boolean
  readonly settings: unknown
  readonly is_enrolled: boolean
  readonly is_kind_seen: boolean
  readonly is_reset_asked: boolean
  readonly sealed_key: Buffer | null
}
