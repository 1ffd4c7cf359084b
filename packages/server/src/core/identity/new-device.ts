import { type RawBuilder, sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'
import type { MailQueue } from '../mail/outbox.ts'
import { deviceLabel } from './device-label.ts'
import { issueSessionsEnd } from './end-sessions-link.ts'

/** A sign-in that has just succeeded. */
export interface Arrival {
  readonly tenantId: string
  readonly userId: string
  readonly userAgent: string | undefined
  readonly transport: 'bearer' | 'cookie'
  /** Whether somebody has signed in to the account with this device before. */
  readonly isKnownDevice: boolean
  /** When the account was signed in to before this; null for never. */
  readonly lastLoginAt: Date | null
  /** Unix time in milliseconds. */
  readonly nowMs: number
  /** Whether a session of the account was opened by this kind of device. Looked up here when it is not given. */
  readonly isKindSeen?: boolean
}

/** A kind of device that has not been seen for so long is told of again. */
const seenDays = 90

/** What is to be known before an arrival goes untold: nothing, or that its kind was seen since then; or it is told. */
export type Novelty = 'known' | 'told' | { readonly unlessSeenSince: Date }

/** How new the device of an arrival is, as far as the arrival itself says it. */
export function noveltyOf({ transport, isKnownDevice, lastLoginAt, nowMs }: Omit<Arrival, 'userAgent'>): Novelty {
  if (isKnownDevice || lastLoginAt === null) return 'known'
  return transport === 'bearer' ? { unlessSeenSince: new Date(nowMs - seenDays * 86_400_000) } : 'told'
}

/**
 * Tells the owner of an account of a sign-in from a device that it has not been used on, with a link that ends every
 * session. The first sign-in of all has no other to be told apart from. A client that asks for bearer tokens keeps no
 * cookies as a rule, so it is new when no session of the account was opened by its kind ("Firefox, Linux").
 */
export async function tellNewDevice(tx: Tx, mail: MailQueue, arrival: Arrival): Promise<void> {
  const { tenantId, userId, userAgent, nowMs } = arrival
  const novelty = noveltyOf(arrival)
  if (novelty === 'known') return
  if (novelty !== 'told' && (arrival.isKindSeen ?? (await lookUpKind(tx, arrival)))) return
  const token = await issueSessionsEnd(tx, tenantId, userId, nowMs)
  const device = deviceLabel(userAgent)
  const at = new Date(nowMs).toISOString()
  const data = { at, token, ...(device !== null && device !== undefined && { device }) }
  await mail.queueMail(tx, { template: 'new-device', to: { userId }, data })
}

/** Whether a session of an account was opened by a kind of device of late, as a part of a statement. */
export const isKindSeen = ({
  tenantId,
  userId,
  userAgent,
  nowMs,
}: Pick<Arrival, 'tenantId' | 'userId' | 'userAgent' | 'nowMs'>): RawBuilder<boolean> => sql<boolean>`exists (
    select from session
    where tenant_id = ${tenantId} and user_id = ${userId}
      and created_at > ${new Date(nowMs - seenDays * 86_400_000)}
      and device_label is not distinct from ${deviceLabel(userAgent) ?? null}
  )`

async function lookUpKind(tx: Tx, arrival: Arrival): Promise<boolean> {
  const { rows } = await sql<{ is_seen: boolean }>`select ${isKindSeen(arrival)} as is_seen`.execute(tx)
  return rows[0]?.is_seen === true
}
