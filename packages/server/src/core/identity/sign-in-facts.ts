import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'
import { personSubject, type ReadKeys } from '../audit/subject-keys.ts'
import type { TenantSettings } from '../tenant/settings.ts'
import { type Arrival, isKindSeen } from './new-device.ts'
import { isEnrolledNow } from './second-factors.ts'

/** What the answer to a right password depends on. */
export interface SignInFacts {
  /** See `SecondFactors`. */
  readonly isEnrolled: boolean
  /** Whether the tenant asks a second factor of everybody. */
  readonly isRequired: boolean
  /** Whether the second factor was reported as lost: `completeDueReset` knows whether it is to go. */
  readonly isResetAsked: boolean
  /** See `Arrival`. */
  readonly isKindSeen: boolean
  readonly settings: TenantSettings
  /** What the audit entry of the sign-in needs. */
  readonly auditKeys: ReadKeys
}

/** Reads it in one statement: each costs the server and the database as much as the look-up itself. */
export async function readSignInFacts(
  tx: Tx,
  arrival: Pick<Arrival, 'tenantId' | 'userId' | 'userAgent' | 'nowMs'>,
): Promise<SignInFacts> {
  const { tenantId, userId, nowMs } = arrival
  const subject = personSubject(userId)
  const { rows } = await sql<Row>`
    select t.mfa_required as is_required, s.settings, ${isEnrolledNow(tenantId, userId)} as is_enrolled,
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
    isRequired: row.is_required,
    isResetAsked: row.is_reset_asked,
    isKindSeen: row.is_kind_seen,
    auditKeys: { [subject]: row.sealed_key },
    // Only what fits the schema is stored.
    settings: (row.settings ?? {}) as TenantSettings,
  }
}

interface Row {
  readonly is_required: boolean
  readonly settings: unknown
  readonly is_enrolled: boolean
  readonly is_kind_seen: boolean
  readonly is_reset_asked: boolean
  readonly sealed_key: Buffer | null
}
