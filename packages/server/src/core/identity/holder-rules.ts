import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'
import { parseOpaqueToken } from '../credentials/opaque-token.ts'
import type { AskedMail, HolderRule, HolderRules } from '../mail/holder.ts'
import type { AddressHolder } from '../mail/holder-queries.ts'
import type { MailQueue } from '../mail/outbox.ts'
import type { MailData } from '../mail/templates.ts'
import { insertOneTimeToken, peekOneTimeToken, withdrawOneTimeTokens } from './one-time-tokens.ts'

/**
 * What becomes of the mails that anybody may ask for by an address: who has it is looked up after the answer, which cannot
 * depend on it, in the time it takes as little as in what it says.
 */
export function createHolderRules(mail: MailQueue): HolderRules {
  /** A link for an address that is free; for one that somebody has, word to them, and the link is nobody's. */
  const unlessTaken: HolderRule = async (tx, { besides }, holder) => {
    if (holder === undefined || holder.id === besides) return 'address'
    await mail.queueMail(tx, { template: 'account-exists', to: { userId: holder.id }, data: {} })
    return 'nobody'
  }
  /** Nobody, too, once the link is called off: by a newer one, another password, or the erasure of whoever asked. */
  const unlessCalledOff: HolderRule = async (tx, asked, holder) => {
    // Sealed with its template by `queueMail`.
    const { token } = asked.data as MailData<'change-email'>
    const parsed = parseOpaqueToken('emailChange', token)
    const isGood = parsed && (await peekOneTimeToken(tx, asked.tenantId, parsed.hash, 'change-email'))
    return isGood === undefined ? 'nobody' : unlessTaken(tx, asked, holder)
  }
  return { 'verify-email': unlessTaken, 'change-email': unlessCalledOff, 'reset-password': giveResetLink }
}

/** Makes the link good that the mail is to hold, and every earlier one worth nothing. */
async function giveResetLink(
  tx: Tx,
  asked: AskedMail,
  holder: AddressHolder | undefined,
): Promise<'holder' | 'nobody'> {
  if (holder === undefined || !holder.is_active) return 'nobody'
  const { tenantId, askedAt } = asked
  // Sealed with its template by `queueMail`.
  const { token, minutes } = asked.data as MailData<'reset-password'>
  const parsed = parseOpaqueToken('passwordReset', token)
  if (parsed === undefined) return 'nobody'
  const expiresAt = new Date(askedAt.getTime() + minutes * 60_000)
  if (await isOutdated(tx, tenantId, holder.id, { askedAt, expiresAt })) return 'nobody'
  await withdrawOneTimeTokens(tx, tenantId, holder.id, ['reset-password'])
  await insertOneTimeToken(tx, {
    tenantId,
    hash: parsed.hash,
    purpose: 'reset-password',
    userId: holder.id,
    data: {},
    expiresAt,
  })
  return 'holder'
}

/** Whether the password was changed after a link was asked for, or a later one is good already: mails may wait for hours. */
async function isOutdated(
  tx: Tx,
  tenantId: string,
  userId: string,
  { askedAt, expiresAt }: { readonly askedAt: Date; readonly expiresAt: Date },
): Promise<boolean> {
  // An instant of ours has no microseconds.
  const { rows } = await sql<{ is_outdated: boolean }>`
    select exists (
      select from password_credential p
      where p.tenant_id = ${tenantId} and p.user_id = ${userId} and date_trunc('milliseconds', p.changed_at) > ${askedAt}
    ) or exists (
      select from one_time_token o
      where o.tenant_id = ${tenantId} and o.user_id = ${userId} and o.purpose = 'reset-password' and o.expires_at > ${expiresAt}
    ) as is_outdated`.execute(tx)
  return rows[0]?.is_outdated === true
}
