import type { Context } from '../../core/context.ts'
import { createId } from '../../core/ids.ts'
import { ProblemError } from '../../core/problem.ts'
import { canonicalEmail } from '../../core/shapes/email.ts'
import { type Page, pageReply, pageRequest } from '../../core/shapes/pagination.ts'
import { monthPeriod } from '../../core/shapes/time-zone.ts'
import { createLargeTotals } from '../../core/tenant/large-totals.ts'
import type { Tx } from '../../database/tenant.ts'
import { toLead } from './lead-row.ts'
import * as queries from './queries.ts'
import type { Lead, LeadNote, LeadQuery, LeadQuota, LeadStatus } from './schema.ts'

const totals = createLargeTotals()

/** The leads of the tenant, newest first. */
export function listLeads(context: Context, query: LeadQuery): Promise<Page<Lead>> {
  const request = pageRequest(query)
  const { formId, status } = query
  // Leads are stored under the canonical form of their address.
  const email = query.email === undefined ? undefined : (canonicalEmail(query.email) ?? query.email)
  const filter = { formId, status, email }
  return context.callInTenant(async (tx) => {
    const { rows, total } = await totals.page(context.tenant.id, filter, {
      list: (isCounted) => queries.listLeads(tx, request, filter, isCounted),
      count: () => queries.countLeads(tx, filter),
    })
    return pageReply(rows, total, request, toLead)
  })
}

/** @throws ProblemError `lead-not-found`, also for a lead of another tenant. */
export async function readLead(context: Context, id: string): Promise<Lead> {
  return toLead(found(await context.readInTenant((handle) => queries.findLead(handle, id))))
}

/** @throws ProblemError `lead-not-found`. */
export function setLeadStatus(context: Context, id: string, status: LeadStatus): Promise<Lead> {
  const now = new Date(context.clock.now())
  return context.inTenant(async (tx) => {
    await queries.updateLeadStatus(tx, id, status, now)
    return toLead(found(await queries.findLead(tx, id)))
  })
}

/** Deletes a lead and its notes for good; the month's quota stays spent. @throws ProblemError `lead-not-found`. */
export async function deleteLead(context: Context, id: string): Promise<void> {
  if (!(await context.inTenant((tx) => queries.deleteLead(tx, id)))) throw new ProblemError('lead-not-found')
}

/** The notes on a lead, newest first. @throws ProblemError `lead-not-found`. */
export function listLeadNotes(
  context: Context,
  id: string,
  query: { readonly page?: number; readonly pageSize?: number; readonly cursor?: string },
): Promise<Page<LeadNote>> {
  const request = pageRequest(query)
  return context.inTenant(async (tx) => {
    const [lead, rows, total] = await Promise.all([
      queries.findLead(tx, id),
      queries.listNotes(tx, id, request),
      queries.countNotes(tx, id),
    ])
    found(lead)
    return pageReply(rows, total, request, toNote)
  })
}

/** Writes a note in the name of the actor. @throws ProblemError `lead-not-found`. */
export function addLeadNote(context: Context, leadId: string, body: string): Promise<LeadNote> {
  return context.inTenant(async (tx) => {
    const { actor } = context
    const author = await authorName(tx, context)
    const authorId = actor.kind === 'user' ? actor.id : null
    return toNote(found(await queries.insertNote(tx, { id: createId(), leadId, author, authorId, body: body.trim() })))
  })
}

/** How much of this month's quota of leads is spent, by the calendar of the tenant. */
export async function readLeadQuota(context: Context): Promise<LeadQuota> {
  const { tenant } = context
  const { period, endsAtMs } = monthPeriod(context.clock.now(), tenant.timeZone)
  const row = await context.readInTenant((handle) => queries.findQuota(handle, tenant.id, period))
  if (row === undefined) throw new Error('a tenant that is being served has no row')
  return {
    period,
    used: row.used ?? 0,
    limit: row.max_leads_per_month,
    resetsAt: new Date(endsAtMs).toISOString(),
  }
}

async function authorName(tx: Tx, { actor }: Context): Promise<string> {
  if (actor.kind === 'user') return (await queries.findPersonName(tx, actor.id))?.name ?? 'user'
  if (actor.kind !== 'api-key') return actor.kind
  return (await queries.findKeyName(tx, actor.id))?.name ?? 'api-key'
}

function found<T>(row: T | undefined): T {
  if (row === undefined) throw new ProblemError('lead-not-found')
  return row
}

function toNote(row: {
  readonly id: string
  readonly author: string
  readonly body: string
  readonly created_at: Date
}): LeadNote {
  return { id: row.id, author: row.author, body: row.body, createdAt: row.created_at.toISOString() }
}
