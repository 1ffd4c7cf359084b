import type { Tx } from '../../database/tenant.ts'

/** What a tenant has otherwise than the installation; absent: as the installation. Judged when it was set. */
export interface TenantSettings {
  /** A tenant may close what the installation leaves open, and not the other way round. */
  readonly registration?: 'closed'
  /** A session that is not refreshed for so long ends. Whole minutes. */
  readonly sessionIdleMinutes?: number
  /** A session ends then at the latest. Whole hours. */
  readonly sessionMaxHours?: number
  /** In code points. */
  readonly passwordMinLength?: number
  /** Of lower case, upper case, digits and others, how many a new password must have. */
  readonly passwordClasses?: number
  /** Contact messages are kept for so many days, and never longer than the installation keeps them. */
  readonly contactRetentionDays?: number
}

/** The bounds of each figure: what the installation has is the most, or for passwords the least, that a tenant may set. */
export const settingBounds = {
  sessionIdleMinutes: { minimum: 5, maximum: 7 * 24 * 60 },
  sessionMaxHours: { minimum: 1, maximum: 30 * 24 },
  passwordMinLength: { minimum: 12, maximum: 64 },
  passwordClasses: { minimum: 0, maximum: 4 },
  contactRetentionDays: { minimum: 1, maximum: 3_650 },
} as const

/** The settings of the transaction's tenant. */
export async function readTenantSettings(tx: Tx): Promise<TenantSettings> {
  const row = await tx.selectFrom('tenant_setting').select('settings').executeTakeFirst()
  // Only what fits the schema is stored.
  return (row?.settings ?? {}) as TenantSettings
}

/** Whether the transaction's tenant lets anybody make an account. @param isOpen - whether the installation does. */
export async function mayRegister(tx: Tx, isOpen: boolean): Promise<boolean> {
  return isOpen && (await readTenantSettings(tx)).registration !== 'closed'
}

const minuteMs = 60_000

/** How long a session of a tenant lives, in milliseconds. */
export interface SessionLife {
  readonly idleMs: number
  readonly maxMs: number
}

/** The life of the sessions of a tenant with these settings. */
export const sessionLife = ({
  sessionIdleMinutes = settingBounds.sessionIdleMinutes.maximum,
  sessionMaxHours = settingBounds.sessionMaxHours.maximum,
}: TenantSettings): SessionLife => ({ idleMs: sessionIdleMinutes * minuteMs, maxMs: sessionMaxHours * 60 * minuteMs })
