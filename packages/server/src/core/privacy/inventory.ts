import type { ColumnClass, Words } from '../../database/classification/terms.ts'
import { type AnyTableClass, classifiedTables, fateOf } from '../../database/classification.ts'

/** One column of the inventory. */
export interface InventoryColumn {
  readonly column: string
  /** `none`, or the category. */
  readonly personal: ColumnClass['personal']
  readonly exported: boolean
  /** What erasure does with it. */
  readonly erase: 'delete' | 'anonymise' | 'shred' | 'keep'
  /** Why it stays, where it is about a person. */
  readonly legal: string | null
}

/** One table that holds something about people. */
export interface InventoryTable {
  readonly table: string
  readonly title: Words
  readonly purpose: Words
  readonly retention: Words
  /** How rows are found to be about a person, by column. */
  readonly foundBy: readonly string[]
  readonly columns: readonly InventoryColumn[]
}

/** Every table with something about people, as it is classified. */
export function inventory(): readonly InventoryTable[] {
  return classifiedTables.filter(isAboutPeople).map((table) => ({
    table: table.name,
    title: table.title,
    purpose: { en: table.purpose.en, fr: table.purpose.fr },
    retention: { en: table.retention.en, fr: table.retention.fr },
    foundBy: table.links.map(linkText),
    columns: Object.entries(table.columns).map(([column, of]) => toColumn(table, column, of)),
  }))
}

/** Tables that hold nothing about a person. */
export const impersonalTables = (): readonly string[] =>
  classifiedTables.filter((table) => !isAboutPeople(table)).map(({ name }) => name)

const isAboutPeople = ({ columns }: AnyTableClass): boolean =>
  Object.values(columns).some(({ personal }) => personal !== 'none')

// Of several links the first is that of the person the row belongs to.
function eraseOf({ links: [first] }: AnyTableClass, column: ColumnClass): InventoryColumn['erase'] {
  return first === undefined ? 'keep' : fateOf(column, first.erase)
}

function toColumn(table: AnyTableClass, column: string, of: ColumnClass): InventoryColumn {
  const erase = eraseOf(table, of)
  const legal = erase === 'keep' && of.personal !== 'none' && of.erase === 'keep' ? of.legal : null
  return { column, personal: of.personal, exported: of.export !== false, erase, legal }
}

function linkText(link: AnyTableClass['links'][number]): string {
  const column = String(link.column)
  if (link.by === 'parent') return `${column} → ${link.parent}.${String(link.parentColumn)}`
  const place = link.by === 'email' && link.member !== undefined ? `${column}.${link.member}` : column
  return `${place} (${link.by})`
}
