import type { Context } from '../../core/context.ts'
import { createId } from '../../core/ids.ts'
import { ProblemError } from '../../core/problem.ts'
import { canonicalEmail } from '../../core/shapes/email.ts'
import { type Page, pageReply, pageRequest } from '../../core/shapes/pagination.ts'
import { createLargeTotals } from '../../core/tenant/large-totals.ts'
import { type Batcher, createBatcher } from '../../core/work/batcher.ts'
import { isRowFault, type Pool } from '../../database/connect.ts'
import * as queries from './queries.ts'
import type { ContactInput, ContactMessage, ContactQuery, ContactReceipt } from './schema.ts'

interface Arrival {
  readonly tenantId: string
  readonly row: queries.MessageRow
}

/** Where public messages enter the database, many in one commit. */
export type ContactIntake = Batcher<Arrival, true>

export function createContactIntake(pool: Pool, onBatch?: (rows: number) => void): ContactIntake {
  return createBatcher<Arrival, true>({
    laneOf: (arrival) => arrival.tenantId,
    store: async (arrivals) => {
      const groups = Map.groupBy(arrivals, (arrival) => arrival.tenantId)
      await queries.storeMessages(
        pool,
        [...groups].map(([tenant_id, rows]) => ({ tenant_id, rows: rows.map((each) => each.row) })),
      )
      return arrivals.map(() => true)
    },
    isRowFault,
    ...(onBatch && { onBatch }),
  })
}

/**
 * Stores one contact message, or counts and drops it when a trap field is filled. Both take the same way through the
 * same commit and give the same answer, so a bot cannot tell.
 */
export async function receiveMessage(
  context: Context,
  intake: ContactIntake,
  input: ContactInput,
): Promise<{ readonly receipt: ContactReceipt; readonly dropped: boolean }> {
  const dropped = isFilled(input.honeypot) || isFilled(input.website)
  const id = createId()
  const row: queries.MessageRow = {
    id,
    name: input.name.trim(),
    // The schema's `email` format is this very function, so the fallback is never reached.
    email: canonicalEmail(input.email) ?? input.email,
    subject: input.subject?.trim() ?? null,
    message: input.message.trim(),
    consent: input.consent ?? false,
    locale: context.locale,
    dropped,
  }
  await intake.add({ tenantId: context.tenant.id, row })
  return { receipt: { id, status: 'received' }, dropped }
}

const isFilled = (value: string | undefined): boolean => value !== undefined && value.trim() !== ''

const totals = createLargeTotals()

export function listMessages(context: Context, query: ContactQuery): Promise<Page<ContactMessage>> {
  const request = pageRequest(query)
  return context.callInTenant(async (tx) => {
    const { rows, total } = await totals.page(
      context.tenant.id,
      { status: query.status },
      {
        list: (isCounted) => queries.listMessages(tx, request, query.status, isCounted),
        count: () => queries.countMessages(tx, query.status),
      },
    )
    return pageReply(rows, total, request, toMessage)
  })
}

/** @throws ProblemError `message-not-found`, also for a message of another tenant. */
export async function readMessage(context: Context, id: string): Promise<ContactMessage> {
  return toMessage(found(await context.readInTenant((handle) => queries.findMessage(handle, id))))
}

/** @throws ProblemError `message-not-found` */
export async function setMessageStatus(
  context: Context,
  id: string,
  status: ContactMessage['status'],
): Promise<ContactMessage> {
  const now = new Date(context.clock.now())
  return toMessage(found(await context.inTenant((tx) => queries.updateMessageStatus(tx, id, status, now))))
}

/** Deletes for good. @throws ProblemError `message-not-found` */
export async function deleteMessage(context: Context, id: string): Promise<void> {
  if (!(await context.inTenant((tx) => queries.deleteMessage(tx, id)))) throw new ProblemError('message-not-found')
}

function found<T>(row: T | undefined): T {
  if (row === undefined) throw new ProblemError('message-not-found')
  return row
}

type Row = NonNullable<Awaited<ReturnType<typeof queries.findMessage>>>

function toMessage(row: Row): ContactMessage {
  return {
    id: row.id,
    name: row.name,
    email: row.email,
    subject: row.subject,
    message: row.message,
    consent: row.consent,
    // Both columns have a check constraint with exactly these values.
    locale: row.locale as ContactMessage['locale'],
    status: row.status as ContactMessage['status'],
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}
