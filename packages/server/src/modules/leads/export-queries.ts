import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'
import { filterLeads, type LeadFilter, leadColumns } from './queries.ts'

/** A page of an export has this many leads at most, and fewer when their answers are long. */
const mostLeads = 250
/** As stored, compressed: some megabytes at worst once they are read. */
const mostBytes = 262_144

/** The oldest leads after `after`, up to `last`, oldest first; one at least while there is one. */
export function readExportPage(tx: Tx, filter: LeadFilter, range: { readonly after: string; readonly last: string }) {
  const leads = filterLeads(tx, filter)
    .innerJoin('form as f', (join) => join.onRef('f.tenant_id', '=', 'l.tenant_id').onRef('f.id', '=', 'l.form_id'))
    .select(leadColumns)
    .select(
      sql<
        number | null
      >`sum(pg_column_size(l.data)) over (order by l.id rows between unbounded preceding and 1 preceding)`.as(
        'bytes_before',
      ),
    )
    .where('l.id', '>', range.after)
    .where('l.id', '<=', range.last)
    .orderBy('l.id')
    .limit(mostLeads)
  return tx
    .selectFrom(leads.as('page'))
    .selectAll()
    .where((e) => e.or([e('bytes_before', 'is', null), e('bytes_before', '<', mostBytes)]))
    .orderBy('id')
    .execute()
}

/** The newest lead of now: what arrives later belongs to the next export. */
export async function findLastLead(tx: Tx, filter: LeadFilter): Promise<string | undefined> {
  const row = await filterLeads(tx, filter).select('l.id').orderBy('l.id', 'desc').limit(1).executeTakeFirst()
  return row?.id
}

export function findFormSlug(tx: Tx, formId: string) {
  return tx.selectFrom('form').select('slug').where('id', '=', formId).executeTakeFirst()
}

/** The field names of every version of a form that was ever published: the newest version's in its order, then others. */
export async function listFieldNames(tx: Tx, formId: string): Promise<readonly string[]> {
  const { rows } = await sql<{ name: string }>`
    select name from (
      select distinct on (field.value ->> 'name') field.value ->> 'name' as name, v.version, field.ordinality
      from form_version v cross join jsonb_array_elements(v.definition -> 'fields') with ordinality as field
      where v.form_id = ${formId} and v.published_at is not null
      order by field.value ->> 'name', v.version desc
    ) as latest order by version desc, ordinality`.execute(tx)
  return rows.map((row) => row.name)
}
