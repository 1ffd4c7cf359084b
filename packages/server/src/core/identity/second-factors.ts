import type { Tx } from '../../database/tenant.ts'

/** What knows whether a person has a second factor. */
export interface SecondFactors {
  isEnrolled(tx: Tx, tenantId: string, userId: string): Promise<boolean>
  /** Whether the tenant asks it of everybody. */
  isRequired(tx: Tx, tenantId: string): Promise<boolean>
}
