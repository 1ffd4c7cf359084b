import { type RawBuilder, sql } from 'kysely'
import type { Replacement, RowFate } from '../../database/classification/terms.ts'
import { type AnyTableClass, classifiedTables, replacementOf } from '../../database/classification.ts'
import type { DB } from '../../database/tables.generated.ts'
import type { Tx } from '../../database/tenant.ts'
import { classOf, type DataSubject, rowsOf } from './subject.ts'

/** `erase`: nothing of the person stays but what the law asks for. `anonymise`: what statistics need stays, of nobody. */
export type Erasure = 'erase' | 'anonymise'

/** What was done in one table. Tables of which no row was concerned are left out. */
export interface ErasedTable {
  readonly table: string
  readonly deleted: number
  readonly anonymised: number
}

/**
 * Erases what every table holds about a person, as the classification says, in the caller's transaction. What is
 * readable by a key alone stays until the caller has destroyed that key.
 *
 * @param except - a table that is left alone.
 */
export async function eraseRows(
  tx: Tx,
  subject: DataSubject,
  mode: Erasure,
  except?: keyof DB,
): Promise<readonly ErasedTable[]> {
  const done: ErasedTable[] = []
  for (const table of inOrder.filter(({ name }) => name !== except)) {
    const deleted = await deleteRows(tx, subject, table, mode)
    const anonymised = await anonymiseRows(tx, subject, table, mode)
    if (deleted + anonymised > 0) done.push({ table: table.name, deleted, anonymised })
  }
  return done.toSorted((one, other) => (one.table < other.table ? -1 : 1))
}

async function deleteRows(tx: Tx, subject: DataSubject, table: AnyTableClass, mode: Erasure): Promise<number> {
  const rows = rowsOf(subject, linksWith(table, mode, 'delete'))
  if (rows === undefined) return 0
  const { numAffectedRows } = await sql`delete from ${sql.table(table.name)} where ${rows}`.execute(tx)
  return Number(numAffectedRows ?? 0)
}

async function anonymiseRows(tx: Tx, subject: DataSubject, table: AnyTableClass, mode: Erasure): Promise<number> {
  const rows = rowsOf(subject, linksWith(table, mode, 'anonymise'))
  if (rows === undefined) return 0
  const { numAffectedRows } =
    await sql`update ${sql.table(table.name)} set ${sql.join(replacements(table))} where ${rows}`.execute(tx)
  return Number(numAffectedRows ?? 0)
}

const linksWith = ({ links }: AnyTableClass, mode: Erasure, fate: RowFate) =>
  links.filter((link) => link[mode] === fate)

const replacements = ({ columns }: AnyTableClass): readonly RawBuilder<unknown>[] =>
  Object.entries(columns).flatMap(([name, column]) => {
    const replacement = replacementOf(column)
    return replacement === undefined ? [] : [sql`${sql.ref(name)} = ${replacementValue(replacement)}`]
  })

const replacementValue = (replacement: Replacement): RawBuilder<unknown> =>
  typeof replacement === 'string' && replacement.includes('{id}')
    ? sql`replace(${replacement}, '{id}', id::text)`
    : sql`${replacement}`

/** Rows that are found by those of a parent go before the parent, and the account itself goes last. */
const inOrder: readonly AnyTableClass[] = classifiedTables
  .filter(({ links }) => links.length > 0)
  .map((table) => ({ table, depth: table.name === 'user_account' ? -1 : depthOf(table) }))
  .toSorted((one, other) => other.depth - one.depth)
  .map(({ table }) => table)

function depthOf({ links }: AnyTableClass): number {
  const parents = links.flatMap((link) => (link.by === 'parent' ? [1 + depthOf(classOf(link.parent))] : []))
  return Math.max(0, ...parents)
}
