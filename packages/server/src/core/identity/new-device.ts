import type { Tx } from '../../database/tenant.ts'
import type { MailQueue } from '../mail/outbox.ts'
import { deviceLabel } from './device-label.ts'
import { issueSessionsEnd } from './end-sessions-link.ts'

/** A sign-in that has just succeeded. */
export interface Arrival {
  readonly tenantId: string
  readonly userId: string
  readonly userAgent: string | undefined
  /** Whether somebody has signed in to the account with this device before. */
  readonly isKnownDevice: boolean
  /** When the account was signed in to before this; null for never. */
  readonly lastLoginAt: Date | null
  /** Unix time in milliseconds. */
  readonly nowMs: number
}

/**
 * Tells the owner of an account of a sign-in from a device that it has not been used on, with a link that ends every
 * session. The first sign-in of all has no other to be told apart from.
 */
export async function tellNewDevice(tx: Tx, mail: MailQueue, arrival: Arrival): Promise<void> {
  const { tenantId, userId, userAgent, isKnownDevice, lastLoginAt, nowMs } = arrival
  if (isKnownDevice || lastLoginAt === null) return
  const token = await issueSessionsEnd(tx, tenantId, userId, nowMs)
  const device = deviceLabel(userAgent)
  const at = new Date(nowMs).toISOString()
  const data = { at, token, ...(device !== null && device !== undefined && { device }) }
  await mail.queueMail(tx, { template: 'new-device', to: { userId }, data })
}
