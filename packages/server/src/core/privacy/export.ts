import { sql } from 'kysely'
import type { ColumnClass, Words } from '../../database/classification/terms.ts'
import { type AnyTableClass, classifiedTables } from '../../database/classification.ts'
import type { Tx } from '../../database/tenant.ts'
import { createOpener, type ExportRings, type Opener, type Row } from './openers.ts'
import { type DataSubject, rowsOf } from './subject.ts'

/** A value that an export shows. */
export interface ExportedValue {
  readonly name: string
  readonly label: Words
  /** JSON: text, number, boolean, null, or a list or object of them. Instants in RFC 3339. */
  readonly value: unknown
}

/** What one table holds about a person. */
export interface ExportSection {
  readonly table: string
  readonly title: Words
  readonly purpose: Words
  readonly retention: Words
  readonly rows: readonly (readonly ExportedValue[])[]
  /** There were more rows than one export takes: these are the newest. */
  readonly isCut: boolean
}

/** Rows of one table in one export. Who has more asks again for a part of them. */
const mostRows = 20_000

/** Everything that the database holds about a person and that is theirs to read, in the order of the classification. */
export async function collectExport(
  tx: Tx,
  subject: DataSubject,
  rings: ExportRings,
): Promise<readonly ExportSection[]> {
  const sections: ExportSection[] = []
  for (const table of classifiedTables) {
    const links = table.links.filter((link) => link.export)
    const found = rowsOf(subject, links)
    if (found === undefined) continue
    const { rows } = await sql<Row>`
      select * from ${sql.table(table.name)} where ${found} ${orderOf(table)} limit ${mostRows + 1}`.execute(tx)
    if (rows.length > 0) sections.push(await toSection(tx, subject, rings, table, rows))
  }
  return sections
}

function orderOf({ columns }: AnyTableClass) {
  const column = ['at', 'created_at', 'day'].find((name) => name in columns)
  return column === undefined ? sql`` : sql`order by ${sql.ref(column)} desc`
}

async function toSection(
  tx: Tx,
  subject: DataSubject,
  rings: ExportRings,
  table: AnyTableClass,
  rows: readonly Row[],
): Promise<ExportSection> {
  const shown = rows.slice(0, mostRows)
  const open = await createOpener(tx, subject, rings, shown)
  const { name, title, purpose, retention, columns } = table
  return {
    ...{ table: name, title, purpose, retention: { en: retention.en, fr: retention.fr } },
    rows: shown.map((row) => Object.entries(columns).flatMap(([column, of]) => exportedValue(column, of, row, open))),
    isCut: rows.length > mostRows,
  }
}

function exportedValue(column: string, of: ColumnClass, row: Row, open: Opener): readonly ExportedValue[] {
  if (of.export === false) return []
  const stored = row[column]
  const value =
    of.personal !== 'none' && of.sealed !== undefined && Buffer.isBuffer(stored)
      ? open(of.sealed, stored, row)
      : plainOf(stored)
  return [{ name: nameOf(column), label: of.export, value }]
}

/** What is personal of an export is text, numbers and JSON; bytes are secrets, which none shows. */
function plainOf(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString()
  return Buffer.isBuffer(value) || value === undefined ? null : value
}

/** As the API names members: `last_used_at` is `lastUsedAt`, and what was sealed is read. */
const nameOf = (column: string): string =>
  column.replace(/_sealed$/, '').replaceAll(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase())
