import { accounts } from './classification/accounts.ts'
import { operations } from './classification/operations.ts'
import { rights } from './classification/rights.ts'
import { submissions } from './classification/submissions.ts'
import { tenancy } from './classification/tenancy.ts'
import type { ColumnClass, Replacement, RowFate, TableClass, TableClasses } from './classification/terms.ts'
import type { DB } from './tables.generated.ts'

/**
 * Every column of the database: whether it is about a person, what for, how long, whether an export shows it, and what
 * erasure does with it. The inventory, the export and erasure itself are made from this table and from nothing else.
 *
 * A new table: add its entry to the file of its area in `classification/`, with the words of `terms.ts`; until then this
 * does not compile, and `classification.test.ts` fails on a real database. Ask of each table whose rows these are (`links`:
 * an account, an address, or the row of a parent), and of each column what is left of a person when it stays. Then run
 * `npm run generate`, which writes `docs/reference/personal-data.md`.
 */
export const classification: TableClasses<keyof DB> = {
  ...accounts,
  ...rights,
  ...submissions,
  ...operations,
  ...tenancy,
}

/** A table without the type of its own columns, for what goes over all of them. */
export interface AnyTableClass extends Omit<TableClass, 'columns'> {
  readonly name: keyof DB
  readonly columns: Readonly<Record<string, ColumnClass>>
}

/** The tables in the order they are classified in. */
export const classifiedTables: readonly AnyTableClass[] = Object.entries(classification).map(([name, table]) => ({
  ...table,
  // The keys of the record above are those of DB, and the columns of each are text to what reads them here.
  name: name as keyof DB,
  links: table.links as AnyTableClass['links'],
}))

/** Schemas besides `public` whose tables hold nothing about a person, each with the reason. */
export const otherSchemas: Readonly<Record<string, string>> = {
  auth: 'functions alone',
  rempart_guard: 'counters under keyed hashes, forgotten when their window is over',
  security_event_days: 'the days of security_event, which is classified',
  pgboss: 'periodic jobs: their names and turns, no data',
}

/** What erasure does with a column where the link says so of its row. */
export function fateOf(column: ColumnClass, row: RowFate): RowFate {
  if (row === 'delete' || row === 'keep') return row
  if (column.personal === 'none') return column.replacement === undefined ? 'keep' : 'anonymise'
  if (row === 'anonymise') return column.erase === 'anonymise' ? 'anonymise' : 'keep'
  return column.erase === 'shred' ? 'shred' : 'keep'
}

/** What a column holds where its row stays and is nobody's; undefined: what it held. */
export function replacementOf(column: ColumnClass): Replacement | undefined {
  if (column.personal === 'none') return column.replacement
  return column.erase === 'anonymise' ? column.replacement : undefined
}
