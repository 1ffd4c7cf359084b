import type { Context } from '../../core/context.ts'
import { ProblemError } from '../../core/problem.ts'
import { calendarDay } from '../../core/shapes/time-zone.ts'
import { toCsvRow } from './csv.ts'
import * as queries from './export-queries.ts'
import { toLead } from './lead-row.ts'
import type { LeadFilter } from './queries.ts'
import type { Lead, LeadExportQuery } from './schema.ts'

/** A file of leads that is written while it is read. */
export interface LeadExport {
  /** ASCII letters, digits, hyphens and a dot. */
  readonly filename: string
  readonly contentType: string
  /**
   * The file in order. Each page of leads is read when it is asked for, in a short transaction of its own, so the
   * memory it takes does not grow with the file. Ends with an error, never early, when the database goes away.
   */
  readonly pages: AsyncIterable<{ readonly text: string; readonly leads: number }>
}

/**
 * Exports the leads there are now, oldest first. The first page is read before this resolves, so that what can be
 * refused is refused before the file begins.
 *
 * CSV: one line per lead after a header. With `formId` each field of the form has a column, under its name (under
 * `data.<name>` when a column of the lead itself is called so); without, the answers stand in one column as JSON.
 *
 * @throws ProblemError `form-not-found`, also for a form of another tenant.
 */
export async function exportLeads(context: Context, query: LeadExportQuery): Promise<LeadExport> {
  const { format = 'csv', ...filter } = query
  const { slug, fields, range, first } = await context.inTenant(async (tx) => {
    const form = filter.formId === undefined ? undefined : await queries.findFormSlug(tx, filter.formId)
    if (filter.formId !== undefined && form === undefined) throw new ProblemError('form-not-found')
    const last = await queries.findLastLead(tx, filter)
    const whole = last === undefined ? undefined : { after: nil, last }
    return {
      slug: form?.slug ?? context.tenant.slug,
      fields: filter.formId === undefined ? undefined : await queries.listFieldNames(tx, filter.formId),
      range: whole,
      first: whole === undefined ? [] : await queries.readExportPage(tx, filter, whole),
    }
  })
  const day = calendarDay(context.clock.now(), context.tenant.timeZone)
  return {
    filename: `leads-${slug}-${day}.${format}`,
    contentType: contentTypes[format],
    pages: writePages(context, filter, range?.last, first, format === 'csv' ? csvWriter(fields) : jsonWriter()),
  }
}

/** Before every id. */
const nil = '00000000-0000-0000-0000-000000000000'

const contentTypes = {
  csv: 'text/csv; charset=utf-8; header=present',
  json: 'application/json; charset=utf-8',
} as const

type Row = Awaited<ReturnType<typeof queries.readExportPage>>[number]

interface Writer {
  readonly start: string
  readonly row: (lead: Lead) => string
  readonly end: string
}

async function* writePages(
  context: Context,
  filter: LeadFilter,
  last: string | undefined,
  first: readonly Row[],
  writer: Writer,
): AsyncGenerator<{ text: string; leads: number }> {
  yield { text: writer.start, leads: 0 }
  let rows = first
  let after = rows.at(-1)?.id
  while (after !== undefined) {
    yield { text: rows.map((row) => writer.row(toLead(row))).join(''), leads: rows.length }
    if (last === undefined || after === last) break
    const range = { after, last }
    rows = await context.inTenant((tx) => queries.readExportPage(tx, filter, range))
    after = rows.at(-1)?.id
  }
  yield { text: writer.end, leads: 0 }
}

const ownColumns = ['id', 'createdAt', 'status', 'formSlug', 'formVersion', 'email', 'score', 'outcome'] as const

/** Spreadsheets take a CSV file without it for text in the code page of the machine. */
const byteOrderMark = '\uFEFF'

function csvWriter(fields: readonly string[] | undefined): Writer {
  const own: readonly string[] = ownColumns
  const columns = fields?.map((name) => (own.includes(name) ? `data.${name}` : name)) ?? ['data']
  const answers = (data: Lead['data']): readonly unknown[] =>
    fields === undefined ? [data] : fields.map((name) => (Object.hasOwn(data, name) ? data[name] : undefined))
  return {
    start: byteOrderMark + toCsvRow([...ownColumns, ...columns]),
    row: (lead) => toCsvRow([...ownColumns.map((name) => lead[name]), ...answers(lead.data)]),
    end: '',
  }
}

function jsonWriter(): Writer {
  let separator = '\n'
  return {
    start: '[',
    row: (lead) => {
      const text = separator + JSON.stringify(lead)
      separator = ',\n'
      return text
    },
    end: '\n]\n',
  }
}
