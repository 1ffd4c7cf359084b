import { sql } from 'kysely'
import type { Pool } from '../../database/connect.ts'
import type { Tx } from '../../database/tenant.ts'
import type { Locale } from '../locale.ts'

/** Where a mail to a person goes, and the tenant of the transaction. */
export interface Addressee {
  readonly tenantId: string
  /** Null, as are the others, for a person who is gone, or when none was named. */
  readonly userId: string | null
  readonly email: string | null
  readonly locale: Locale | null
}

/** Looks a person up. One statement, which takes as long for nobody as for somebody. */
export async function findAddressee(tx: Tx, userId: string | undefined): Promise<Addressee> {
  const found = await sql<Addressee>`
    select current_setting('rempart.tenant_id') as "tenantId", u.id as "userId", u.email, u.locale
    from (select ${userId ?? null}::uuid as id) wanted
    left join user_account u on u.tenant_id = current_setting('rempart.tenant_id')::uuid and u.id = wanted.id
      and u.deleted_at is null and u.erased_at is null`.execute(tx)
  const [row] = found.rows
  if (row === undefined) throw new Error('the transaction has no tenant')
  return row
}

export interface NewMail {
  readonly id: string
  readonly template: string
  readonly locale: Locale
  readonly userId: string | null
  readonly recipientHash: Buffer
  readonly sealed: Buffer
  readonly isDecoy: boolean
  /** Whose address it is, is looked up by the sender. */
  readonly awaitsHolder: boolean
  readonly perHour: number
  readonly perDay: number
  readonly lifetimeMs: number
}

/** Counts and stores a mail. Whether it will be sent. */
export async function insertMail(tx: Tx, mail: NewMail): Promise<boolean> {
  const { rows } = await sql<{ sent: boolean }>`
    select queue_mail(${mail.id}, ${mail.template}, ${mail.locale}, ${mail.userId}, ${mail.recipientHash}, ${mail.sealed},
      ${mail.isDecoy}, ${mail.awaitsHolder}, ${mail.perHour}, ${mail.perDay}, ${mail.lifetimeMs}) as sent`.execute(tx)
  return rows[0]?.sent ?? false
}

export interface TenantWithMail {
  readonly id: string
  readonly name: string
  readonly is_active: boolean
}

/** Tenants that have mail due, who has waited longest first. @param pool - as rempart_worker. */
export async function listTenantsWithMail(pool: Pool, limit: number): Promise<readonly TenantWithMail[]> {
  return (await pool.query<TenantWithMail>('select * from auth.tenants_with_mail($1)', [limit])).rows
}

/** A mail that this process is to send. */
export interface DueMail {
  readonly tenant_id: string
  readonly id: string
  readonly template: string
  readonly locale: Locale
  readonly sealed: Buffer
  readonly is_dropped: boolean
  /** Whose address it is has not been looked up yet. */
  readonly awaits_holder: boolean
  /** This one included. */
  readonly attempts: number
  readonly expires_at: Date
  readonly created_at: Date
}

/**
 * Takes mails that are due: until the lease is over no other process takes them, and afterwards any may. Rows that
 * another process is just taking are passed over.
 */
export async function claimMails(tx: Tx, limit: number, leaseMs: number): Promise<readonly DueMail[]> {
  const { rows } = await sql<DueMail>`
    update mail_outbox o
    set attempts = o.attempts + 1, next_attempt_at = now() + make_interval(secs => ${leaseMs / 1000})
    from (
      select m.tenant_id, m.id from mail_outbox m where m.next_attempt_at <= now()
      order by m.next_attempt_at limit ${limit} for update skip locked
    ) due
    where o.tenant_id = due.tenant_id and o.id = due.id
    returning o.tenant_id, o.id, o.template, o.locale, o.sealed, o.is_dropped, o.awaits_holder, o.attempts, o.expires_at, o.created_at`.execute(
    tx,
  )
  return rows
}

/** Forgets a mail: it was delivered, or never will be. */
export async function deleteMail(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('mail_outbox').where('id', '=', id).execute()
}

/** Puts a mail back. @param isCounted - false gives the attempt back: it was never made. */
export async function postponeMail(tx: Tx, id: string, delayMs: number, isCounted: boolean): Promise<void> {
  await sql`
    update mail_outbox set next_attempt_at = now() + make_interval(secs => ${delayMs / 1000}),
      attempts = attempts - ${isCounted ? 0 : 1}::int
    where id = ${id}`.execute(tx)
}

/** Forgets recipients who were sent nothing for a day, and mails that nobody came to send. Returns how many. */
export async function deleteStaleMail(tx: Tx, nowMs: number): Promise<number> {
  const recipients = await tx
    .deleteFrom('mail_recipient')
    .where('updated_at', '<', new Date(nowMs - 86_400_000))
    .executeTakeFirst()
  const mails = await tx
    .deleteFrom('mail_outbox')
    .where('expires_at', '<', new Date(nowMs - 86_400_000))
    .executeTakeFirst()
  return Number(recipients.numDeletedRows + mails.numDeletedRows)
}
