import { type RawBuilder, type SqlBool, sql } from 'kysely'
import { type AnyTableClass, classifiedTables } from '../../database/classification.ts'
import type { Tx } from '../../database/tenant.ts'
import { findAccountAt } from '../identity/account-queries.ts'
import { type MailKeys, recipientHashes } from '../mail/sealed-mail.ts'

/** Whom personal data is about. */
export interface DataSubject {
  readonly tenantId: string
  /** Null for somebody without an account. */
  readonly userId: string | null
  /** In lower case, and only where it is known to be theirs; null: rows are found by account alone. */
  readonly emailNorm: string | null
  /** What mails to that address are counted under, or were under a former master secret; none where the address is unknown. */
  readonly recipients: readonly Buffer[]
  /** As others may have been told it. */
  readonly name: string | null
}

/** Somebody who is known by an address that is theirs. */
export const subjectAt = (
  keys: MailKeys,
  { tenantId, userId, email, name }: { tenantId: string; userId: string | null; email: string; name: string | null },
): DataSubject => ({
  tenantId,
  userId,
  emailNorm: email.toLowerCase(),
  recipients: recipientHashes(keys, tenantId, email),
  name,
})

/**
 * The person an account belongs to. The address counts as theirs once it was proved, and while no other account has it:
 * what others sent from an address must be neither read nor erased by whoever merely typed it.
 *
 * @param lock - until the transaction ends, `erase`: nobody opens a session for them, or erases them, meanwhile; `read`:
 *   nobody erases them.
 * @returns undefined when there is no such account, or nothing is left of it.
 */
export async function findSubject(
  tx: Tx,
  keys: MailKeys,
  { tenantId, userId }: { readonly tenantId: string; readonly userId: string },
  lock: 'read' | 'erase',
): Promise<DataSubject | undefined> {
  const row = await tx
    .selectFrom('user_account')
    .select(['id', 'email', 'name', 'email_verified_at'])
    .where('tenant_id', '=', tenantId)
    .where('id', '=', userId)
    .where('erased_at', 'is', null)
    .$call((query) => (lock === 'erase' ? query.forUpdate() : query.forKeyShare()))
    .executeTakeFirst()
  if (row === undefined) return undefined
  const known = { tenantId, userId: row.id, email: row.email, name: row.name }
  const isTheirs = row.email_verified_at !== null && !(await isHeldByAnother(tx, tenantId, row.id, row.email))
  return isTheirs
    ? subjectAt(keys, known)
    : { tenantId, userId: row.id, emailNorm: null, recipients: [], name: row.name }
}

async function isHeldByAnother(tx: Tx, tenantId: string, userId: string, email: string): Promise<boolean> {
  const holder = await findAccountAt(tx, tenantId, email.toLowerCase())
  return holder !== undefined && holder.id !== userId
}

type Link = AnyTableClass['links'][number]
type Condition = RawBuilder<SqlBool>

/** Which rows of a table the links find; undefined: none of them can find any. */
export function rowsOf(subject: DataSubject, links: readonly Link[]): Condition | undefined {
  const found = links.flatMap((link) => conditionOf(subject, link) ?? [])
  return found.length === 0
    ? undefined
    : sql<SqlBool>`tenant_id = ${subject.tenantId} and (${sql.join(found, sql` or `)})`
}

function conditionOf(subject: DataSubject, link: Link): Condition | undefined {
  switch (link.by) {
    case 'account':
      return ofAccount(subject, link)
    case 'email':
      return atAddress(subject, link)
    case 'recipient':
      return toRecipient(subject, link)
    case 'parent':
      return ofParent(subject, link)
  }
}

type By<Kind extends Link['by']> = Extract<Link, { readonly by: Kind }>

const ofAccount = ({ userId }: DataSubject, { column, prefix = '' }: By<'account'>): Condition | undefined =>
  userId === null ? undefined : sql`${sql.ref(column)} = ${`${prefix}${userId}`}`

function atAddress({ emailNorm }: DataSubject, { column, member }: By<'email'>): Condition | undefined {
  if (emailNorm === null) return undefined
  const address = member === undefined ? sql.ref(column) : sql`${sql.ref(column)} ->> ${sql.lit(member)}`
  return sql`lower(${address}) = ${emailNorm}`
}

function toRecipient({ recipients }: DataSubject, { column, unless }: By<'recipient'>): Condition | undefined {
  if (recipients.length === 0) return undefined
  const isNobodys = unless === undefined ? sql`` : sql` and ${sql.ref(unless)} is null`
  return sql`${sql.ref(column)} in (${sql.join(recipients)})${isNobodys}`
}

function ofParent(subject: DataSubject, { column, parent, parentColumn }: By<'parent'>): Condition | undefined {
  const rows = rowsOf(subject, classOf(parent).links)
  return rows && sql`${sql.ref(column)} in (select ${sql.ref(parentColumn)} from ${sql.table(parent)} where ${rows})`
}

/** @throws Error for a table that is not classified, which the compiler does not let happen. */
export function classOf(name: string): AnyTableClass {
  const found = classifiedTables.find((table) => table.name === name)
  if (found === undefined) throw new Error(`${name} is not classified`)
  return found
}
