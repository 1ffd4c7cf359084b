import { sql } from 'kysely'
import { partOf } from '../../core/shapes/page-part.ts'
import type { PageRequest } from '../../core/shapes/pagination.ts'
import { preparedRead } from '../../database/prepared-read.ts'
import type { Tx } from '../../database/tenant.ts'

/** Which leads; a member that is absent narrows nothing. */
export interface LeadFilter {
  readonly formId?: string | undefined
  readonly status?: string | undefined
  readonly email?: string | undefined
}

/** The leads a filter admits. */
export function filterLeads(tx: Tx, filter: LeadFilter) {
  let query = tx.selectFrom('lead as l')
  if (filter.formId !== undefined) query = query.where('l.form_id', '=', filter.formId)
  if (filter.status !== undefined) query = query.where('l.status', '=', filter.status)
  if (filter.email !== undefined) query = query.where('l.email', '=', filter.email)
  return query
}

const ownColumns = [
  'l.id',
  'l.form_id',
  'l.form_version',
  'l.email',
  'l.data',
  'l.score',
  'l.outcome',
  'l.status',
  'l.created_at',
  'l.updated_at',
] as const

/** What a lead is shown with. */
export const leadColumns = [...ownColumns, 'f.slug as form_slug'] as const

/** In the order of the list: read from the index that the page is read from, whose pages are at hand then. */
const totalOf = (tx: Tx, filter: LeadFilter) =>
  tx
    .selectFrom(filterLeads(tx, filter).select('l.id').orderBy('l.id', 'desc').as('all'))
    .select((e) => e.fn.countAll<number>().as('count'))

/**
 * The page is cut before its forms are joined: joined first, all leads of a form would be read and sorted.
 *
 * @param isCounted - whether each row says how many there are of all pages.
 */
export function listLeads(tx: Tx, request: PageRequest, filter: LeadFilter, isCounted: boolean) {
  const part = partOf(filterLeads(tx, filter).select(ownColumns), 'l.id', request)
  return (
    tx
      .with(
        (cte) => cte('l').materialized(),
        () => part,
      )
      // Each form once, where a join would look it up for each of its leads.
      .with(
        (cte) => cte('f').materialized(),
        (handle) =>
          handle
            .selectFrom('form')
            .select(['id', 'slug'])
            .where((e) => e('id', '=', e.fn.any(sql<string[]>`array(select form_id from l)`))),
      )
      .selectFrom('l')
      .innerJoin('f', 'f.id', 'l.form_id')
      .select(leadColumns)
      .$if(isCounted, (query) => query.select(totalOf(tx, filter).as('total')))
      .orderBy('l.id', 'desc')
      .execute()
  )
}

export async function countLeads(tx: Tx, filter: LeadFilter): Promise<number> {
  return (await totalOf(tx, filter).executeTakeFirstOrThrow()).count
}

export const findLead = preparedRead((handle, id: string) =>
  handle
    .selectFrom('lead as l')
    .innerJoin('form as f', (join) => join.onRef('f.tenant_id', '=', 'l.tenant_id').onRef('f.id', '=', 'l.form_id'))
    .select(leadColumns)
    .where('l.id', '=', id),
)

export async function updateLeadStatus(tx: Tx, id: string, status: string, now: Date): Promise<void> {
  await tx.updateTable('lead').set({ status, updated_at: now }).where('id', '=', id).execute()
}

/** Its notes go with it. */
export async function deleteLead(tx: Tx, id: string): Promise<boolean> {
  const result = await tx.deleteFrom('lead').where('id', '=', id).executeTakeFirst()
  return result.numDeletedRows > 0n
}

const noteColumns = ['id', 'author', 'body', 'created_at'] as const

/** @returns undefined when there is no such lead. */
export function insertNote(
  tx: Tx,
  note: {
    readonly id: string
    readonly leadId: string
    readonly author: string
    readonly authorId: string | null
    readonly body: string
  },
) {
  return tx
    .insertInto('lead_note')
    .columns(['tenant_id', 'lead_id', 'id', 'author', 'author_id', 'body'])
    .expression((e) =>
      e
        .selectFrom('lead')
        .select(['tenant_id', 'id as lead_id'])
        .select((s) => [
          s.cast<string>(s.val(note.id), 'uuid').as('id'),
          s.cast<string>(s.val(note.author), 'text').as('author'),
          s.cast<string | null>(s.val(note.authorId), 'uuid').as('author_id'),
          s.cast<string>(s.val(note.body), 'text').as('body'),
        ])
        .where('id', '=', note.leadId),
    )
    .returning(noteColumns)
    .executeTakeFirst()
}

export function listNotes(tx: Tx, leadId: string, request: PageRequest) {
  const list = tx.selectFrom('lead_note').select(noteColumns).where('lead_id', '=', leadId)
  return partOf(list, 'id', request).execute()
}

export async function countNotes(tx: Tx, leadId: string): Promise<number> {
  const row = await tx
    .selectFrom('lead_note')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('lead_id', '=', leadId)
    .executeTakeFirstOrThrow()
  return row.count
}

export function findKeyName(tx: Tx, keyId: string) {
  return tx.selectFrom('api_key').select('name').where('id', '=', keyId).executeTakeFirst()
}

export function findPersonName(tx: Tx, userId: string) {
  return tx.selectFrom('user_account').select('name').where('id', '=', userId).executeTakeFirst()
}

/** @param period - `YYYY-MM`. */
export const findQuota = preparedRead((handle, tenantId: string, period: string) =>
  handle
    .selectFrom('tenant as t')
    .leftJoin('quota_usage as q', (join) =>
      join.onRef('q.tenant_id', '=', 't.id').on('q.quota', '=', 'leads').on('q.period', '=', period),
    )
    .select(['t.max_leads_per_month', 'q.used'])
    .where('t.id', '=', tenantId),
)
