import type { MailQueue } from '../../core/mail/outbox.ts'
import type { MailData } from '../../core/mail/templates.ts'
import type { Tx } from '../../database/tenant.ts'

/** From so many recovery codes on, their owner is asked to make others. */
const FEW = 3

/** Tells a person that what their account is protected with has changed. @param nowMs - Unix time in milliseconds. */
export async function tellChange(
  tx: Tx,
  mail: MailQueue,
  userId: string,
  change: MailData<'mfa-changed'>['change'],
  nowMs: number,
): Promise<void> {
  const at = new Date(nowMs).toISOString()
  await mail.queueMail(tx, { template: 'mfa-changed', to: { userId }, data: { change, at } })
}

/** Asks a person to make other recovery codes while there is one left to sign in with, or an app. */
export async function tellFewLeft(tx: Tx, mail: MailQueue, userId: string, left: number): Promise<void> {
  if (left > FEW) return
  await mail.queueMail(tx, { template: 'recovery-codes-low', to: { userId }, data: { left } })
}
