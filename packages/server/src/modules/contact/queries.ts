import { partOf } from '../../core/shapes/page-part.ts'
import type { PageRequest } from '../../core/shapes/pagination.ts'
import type { Pool } from '../../database/connect.ts'
import { preparedRead } from '../../database/prepared-read.ts'
import type { Tx } from '../../database/tenant.ts'

/** One message on its way into the table, as `receive_contact_messages` takes it. */
export interface MessageRow {
  readonly id: string
  readonly name: string
  readonly email: string
  readonly subject: string | null
  readonly message: string
  readonly consent: boolean
  readonly locale: 'en' | 'fr'
  /** Counted and thrown away. */
  readonly dropped: boolean
}

/** Stores a batch of messages, each group as its tenant, in one transaction. */
export async function storeMessages(
  pool: Pool,
  groups: readonly { readonly tenant_id: string; readonly rows: readonly MessageRow[] }[],
): Promise<void> {
  await pool.query({
    name: 'receive-contact-messages',
    text: 'select receive_contact_messages($1::jsonb)',
    values: [JSON.stringify(groups)],
  })
}

const columns = [
  'id',
  'name',
  'email',
  'subject',
  'message',
  'consent',
  'locale',
  'status',
  'created_at',
  'updated_at',
] as const

/** Those of a status, or all. */
const filterMessages = (tx: Tx, status: string | undefined) => {
  const all = tx.selectFrom('contact_message')
  return status === undefined ? all : all.where('status', '=', status)
}

/** In the order of the list: read from the index that the page is read from, whose pages are at hand then. */
const totalOf = (tx: Tx, status: string | undefined) =>
  tx
    .selectFrom(filterMessages(tx, status).select('id').orderBy('id', 'desc').as('all'))
    .select((e) => e.fn.countAll<number>().as('count'))

/** @param isCounted - whether each row says how many there are of all pages. */
export function listMessages(tx: Tx, request: PageRequest, status: string | undefined, isCounted: boolean) {
  const part = partOf(filterMessages(tx, status).select(columns), 'id', request)
  return part.$if(isCounted, (query) => query.select(totalOf(tx, status).as('total'))).execute()
}

export async function countMessages(tx: Tx, status: string | undefined): Promise<number> {
  return (await totalOf(tx, status).executeTakeFirstOrThrow()).count
}

export const findMessage = preparedRead((handle, id: string) =>
  handle.selectFrom('contact_message').select(columns).where('id', '=', id),
)

export function updateMessageStatus(tx: Tx, id: string, status: string, now: Date) {
  return tx
    .updateTable('contact_message')
    .set({ status, updated_at: now })
    .where('id', '=', id)
    .returning(columns)
    .executeTakeFirst()
}

export async function deleteMessage(tx: Tx, id: string): Promise<boolean> {
  const result = await tx.deleteFrom('contact_message').where('id', '=', id).executeTakeFirst()
  return result.numDeletedRows > 0n
}
