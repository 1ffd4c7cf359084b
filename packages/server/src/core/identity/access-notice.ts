import type { Tx } from '../../database/tenant.ts'
import type { MailQueue } from '../mail/outbox.ts'
import type { MailData } from '../mail/templates.ts'

/** Tells a person of another way to act in their name, or one less. @param nowMs - Unix time in milliseconds. */
export async function tellAccess(
  tx: Tx,
  mail: MailQueue,
  userId: string,
  change: MailData<'access-changed'>['change'],
  nowMs: number,
): Promise<void> {
  const at = new Date(nowMs).toISOString()
  await mail.queueMail(tx, { template: 'access-changed', to: { userId }, data: { change, at } })
}
