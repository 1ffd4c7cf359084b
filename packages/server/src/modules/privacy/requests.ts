import { includesPermission } from '../../core/access/access.ts'
import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import { findAccountAt } from '../../core/identity/account-queries.ts'
import { accountAddress } from '../../core/identity/address.ts'
import { assertMayActOn } from '../../core/identity/holdings.ts'
import { assertOwnerRemains } from '../../core/identity/owners.ts'
import { createId } from '../../core/ids.ts'
import type { ErasureReceipt } from '../../core/privacy/receipt.ts'
import { type DataSubject, findSubject, subjectAt } from '../../core/privacy/subject.ts'
import { ProblemError } from '../../core/problem.ts'
import { type NumberedPage, numberedPageReply, pageRequest } from '../../core/shapes/pagination.ts'
import type { Tx } from '../../database/tenant.ts'
import { eraseSubject } from './erasure.ts'
import * as queries from './queries.ts'
import type { PrivacyAnswer, PrivacyRequest, PrivacyRequestInput, PrivacyRequestQuery } from './schema.ts'
import {
  assertMayHandle,
  type Export,
  exportSubject,
  forgetMails,
  orderOf,
  type PrivacyDependencies,
  personOf,
} from './service.ts'

type RequestRow = NonNullable<Awaited<ReturnType<typeof queries.findRequest>>>

/** The requests of whoever is signed in; with `privacy:read`, those of everybody. Newest first. */
export function listRequests(
  context: Context,
  { state, ...query }: PrivacyRequestQuery,
): Promise<NumberedPage<PrivacyRequest>> {
  const { id: tenantId } = context.tenant
  const request = pageRequest(query)
  const filter = { state, ...(!readsAll(context) && { userId: personOf(context).id }) }
  return context.inTenant(async (tx) => {
    const [rows, total] = await Promise.all([
      queries.listRequests(tx, tenantId, request, filter),
      queries.countRequests(tx, tenantId, filter),
    ])
    return numberedPageReply(rows, total, request, toRequest)
  })
}

/** @throws ProblemError `privacy-request-not-found`, also for one of somebody else without `privacy:read`. */
export function readRequest(context: Context, id: string): Promise<PrivacyRequest> {
  return context.inTenant(async (tx) => {
    const row = await queries.findRequest(tx, context.tenant.id, id)
    if (row === undefined) throw notFound()
    if (!readsAll(context) && row.user_id !== personOf(context).id) throw notFound()
    return toRequest(row)
  })
}

/**
 * Enters a request: one’s own, or, by staff who have checked who asks, one of an address.
 *
 * @throws ProblemError `permission-missing`; `invalid-content` for an address that could pass for another.
 */
export function openRequest(context: Context, input: PrivacyRequestInput): Promise<PrivacyRequest> {
  const { tenant, clock, locale } = context
  const person = personOf(context)
  if (input.email !== undefined) assertMayHandle(person)
  const address = input.email === undefined ? undefined : accountAddress(input.email, locale)
  return context.inTenant(async (tx) => {
    const account = address && (await findAccountAt(tx, tenant.id, address.norm))
    const row = await queries.insertRequest(tx, {
      ...{ tenantId: tenant.id, id: createId(), kind: input.kind, note: input.note?.trim() ?? null },
      userId: address === undefined ? person.id : (account?.id ?? null),
      email: address?.display ?? null,
      createdAt: new Date(clock.now()),
    })
    await appendAudit(tx, context, {
      action: 'privacy-request.received',
      resource: { type: 'privacy-request', id: row.id },
      changes: { kind: row.kind },
    })
    return toRequest(row)
  })
}

/** Closes a request. @throws ProblemError `privacy-request-not-found`; `privacy-request-closed`. */
export function closeRequest(context: Context, id: string, { state, answer }: PrivacyAnswer): Promise<PrivacyRequest> {
  return context.inTenant(async (tx) => {
    await requireOpen(tx, context, id)
    return answerAs(tx, context, id, state, answer?.trim() ?? null)
  })
}

/**
 * The data that a request for access asks for, which is done with it.
 *
 * @throws ProblemError `privacy-request-not-found`; `privacy-request-closed`; `privacy-request-kind`.
 */
export function exportRequested(context: Context, dependencies: PrivacyDependencies, id: string): Promise<Export> {
  return context.inTenant(async (tx) => {
    const subject = await subjectOf(tx, context, dependencies, id, 'read')
    await requireOpen(tx, context, id, 'access')
    const exported = await exportSubject(tx, context, dependencies, subject, id)
    await answerAs(tx, context, id, 'done', null)
    return exported
  })
}

/**
 * Erases whom a request for erasure is about, and closes it.
 *
 * @throws ProblemError as {@link exportRequested}; `last-owner`; `beyond-own-rights`.
 */
export async function eraseRequested(
  context: Context,
  dependencies: PrivacyDependencies,
  id: string,
): Promise<ErasureReceipt> {
  const { receipt, subject } = await context.inTenant(async (tx) => {
    const subject = await subjectOf(tx, context, dependencies, id, 'erase')
    await requireOpen(tx, context, id, 'erasure')
    if (subject.userId !== null) await assertMayActOn(tx, context, subject.userId)
    const order = { ...orderOf(context), requestId: id }
    return { subject, receipt: await eraseSubject(tx, dependencies, subject, 'erase', order) }
  })
  await forgetMails(context, dependencies, subject)
  return receipt
}

/**
 * Whom a request is about: locked before the request is, as whoever erases themselves does. An address that staff entered
 * is believed to be theirs, and takes what was sent with it along.
 */
async function subjectOf(
  tx: Tx,
  { tenant }: Context,
  { mailKeys }: PrivacyDependencies,
  id: string,
  lock: 'read' | 'erase',
): Promise<DataSubject> {
  const tenantId = tenant.id
  const request = await queries.findRequest(tx, tenantId, id)
  if (request === undefined) throw notFound()
  const { user_id, email } = request
  const userId = user_id ?? (email && (await findAccountAt(tx, tenantId, email.toLowerCase()))?.id) ?? null
  if (userId !== null && lock === 'erase') await assertOwnerRemains(tx, tenantId, userId)
  const account = userId === null ? undefined : await findSubject(tx, mailKeys, { tenantId, userId }, lock)
  if (email !== null) {
    return subjectAt(mailKeys, { tenantId, userId: account?.userId ?? null, email, name: account?.name ?? null })
  }
  if (account === undefined)
    throw new ProblemError(request.state === 'open' ? 'user-not-found' : 'privacy-request-closed')
  return account
}

async function answerAs(
  tx: Tx,
  context: Context,
  id: string,
  state: 'done' | 'refused',
  answer: string | null,
): Promise<PrivacyRequest> {
  const { handledBy, nowMs } = orderOf(context)
  const row = await queries.answerRequest(tx, context.tenant.id, id, {
    ...{ state, answer, handledBy, handledAt: new Date(nowMs) },
  })
  if (row === undefined) throw notFound()
  await appendAudit(tx, context, {
    action: 'privacy-request.answered',
    resource: { type: 'privacy-request', id },
    changes: { kind: row.kind, state },
  })
  return toRequest(row)
}

async function requireOpen(tx: Tx, { tenant }: Context, id: string, kind?: string): Promise<void> {
  const row = await queries.lockRequest(tx, tenant.id, id)
  if (row === undefined) throw notFound()
  if (row.state !== 'open') throw new ProblemError('privacy-request-closed')
  if (kind !== undefined && row.kind !== kind) throw new ProblemError('privacy-request-kind')
}

const notFound = () => new ProblemError('privacy-request-not-found')

const readsAll = (context: Context): boolean => includesPermission(personOf(context).permissions, 'privacy:read')

function toRequest(row: RequestRow): PrivacyRequest {
  return {
    id: row.id,
    // The columns have check constraints with exactly these values, and a receipt is stored by `eraseSubject` alone.
    kind: row.kind as PrivacyRequest['kind'],
    state: row.state as PrivacyRequest['state'],
    userId: row.user_id,
    email: row.email,
    note: row.note,
    answer: row.answer,
    handledBy: row.handled_by,
    receipt: row.receipt as PrivacyRequest['receipt'],
    createdAt: row.created_at.toISOString(),
    dueAt: row.due_at.toISOString(),
    handledAt: row.handled_at?.toISOString() ?? null,
  }
}
