import type { MailQueue } from '../../core/mail/outbox.ts'
import type { Tx } from '../../database/tenant.ts'

/** Tells a person what happened to a passkey of theirs. @param nowMs - Unix time in milliseconds. */
export async function tell(
  tx: Tx,
  mail: MailQueue,
  userId: string,
  change: 'passkey-added' | 'passkey-removed' | 'passkey-suspected',
  nowMs: number,
): Promise<void> {
  const at = new Date(nowMs).toISOString()
  await mail.queueMail(tx, { template: 'mfa-changed', to: { userId }, data: { change, at } })
}
