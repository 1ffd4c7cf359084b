import type { DB } from '../tables.generated.ts'

/** A sentence or a name in both languages of the product. */
export interface Words {
  readonly en: string
  readonly fr: string
}

/**
 * What kind of personal data a column holds.
 * - `identity`: who somebody is: name, address, identifiers elsewhere
 * - `credential`: what proves it: hashes, sealed secrets, public keys
 * - `device`: where and with what they come: address, User-Agent
 * - `activity`: what they did and when
 * - `content`: what they wrote, or what was written about them
 * - `pseudonym`: an id or keyed hash that names nobody without something else
 */
export type Category = 'identity' | 'credential' | 'device' | 'activity' | 'content' | 'pseudonym'

/** What a column becomes where its row stays: `{id}` is the id of the row, and `now` a timestamp. */
export type Replacement = string | boolean | null

/** Values that only the server can read; the export opens them. */
export type Sealed = 'session-client' | 'audit-personal' | 'audit-client'

/** A column that says nothing about a person. It is exported where a row makes no sense without it. */
export interface PlainColumn {
  readonly personal: 'none'
  readonly export: false | Words
  /** Where the row stays and the column would tell what is over. */
  readonly replacement?: Replacement
}

interface PersonalColumn {
  readonly personal: Category
  /** The words it is exported under; false: it is not, because `withheld`. */
  readonly export: false | Words
  readonly sealed?: Sealed
}

/** A column about a person, and what erasure does with it. */
export type ColumnClass =
  | PlainColumn
  /** The row goes. */
  | (PersonalColumn & { readonly erase: 'delete' })
  /** The row may stay, and holds this instead. */
  | (PersonalColumn & { readonly erase: 'anonymise'; readonly replacement: Replacement })
  /** The key that makes it readable is destroyed. */
  | (PersonalColumn & { readonly erase: 'shred' })
  /** It stays, for this reason in law. */
  | (PersonalColumn & { readonly erase: 'keep'; readonly legal: string })

/** What a request does with the rows that a link finds. */
export type RowFate = 'delete' | 'anonymise' | 'shred' | 'keep'

/** How rows are found to be about a person. */
export type Match<T extends keyof DB = keyof DB> =
  /** The column holds the id of an account, behind the prefix if there is one. */
  | { readonly by: 'account'; readonly column: Column<T>; readonly prefix?: string }
  /** The column holds an address, in any case. Matched only where the person has proved that it is theirs. */
  | { readonly by: 'email'; readonly column: Column<T>; readonly member?: string }
  /** The column holds the keyed hash that mails of an address are counted under. `unless`: a column that names an account. */
  | { readonly by: 'recipient'; readonly column: Column<T>; readonly unless?: Column<T> }
  /** The column holds what `parentColumn` of a row of the parent does, which in turn is about the person. */
  | ParentMatch<T>

type ParentMatch<T extends keyof DB> = {
  [Parent in keyof DB]: {
    readonly by: 'parent'
    readonly column: Column<T>
    readonly parent: Parent
    readonly parentColumn: Column<Parent>
  }
}[keyof DB]

/** One way in which rows are about a person. */
export type Link<T extends keyof DB = keyof DB> = Match<T> & {
  /** What erasure does with them. */
  readonly erase: RowFate
  /** What anonymising does, which leaves what statistics need. */
  readonly anonymise: RowFate
  /** Whether they are the person's to read: rows of others that merely name them are not. */
  readonly export: boolean
}

export type Column<T extends keyof DB> = keyof DB[T] & string

/** How long something is kept, and the job that sees to it where it is not a person who decides. */
export interface Retention extends Words {
  /** Name of a job of `jobs/retention.ts`. */
  readonly job?: string
}

/** What a table is for, whom its rows are about, and each of its columns. */
export interface TableClass<T extends keyof DB = keyof DB> {
  readonly title: Words
  readonly purpose: Words
  readonly retention: Retention
  /** None: the rows are about nobody. */
  readonly links: readonly Link<T>[]
  /** Every column of the table: one that is missing, or that the table lacks, does not compile. */
  readonly columns: { readonly [C in Column<T>]: ColumnClass }
}

/** Classes for some tables. */
export type TableClasses<T extends keyof DB> = { readonly [K in T]: TableClass<K> }

/** A column about nobody. */
export const plain: PlainColumn = { personal: 'none', export: false }

/** A column about nobody that an export shows. */
export const shown = (en: string, fr: string): PlainColumn => ({ personal: 'none', export: { en, fr } })

/** A column about a person that goes with its row, exported under these words. */
export const exported = (personal: Category, en: string, fr: string) =>
  ({ personal, export: { en, fr }, erase: 'delete' }) as const

/** A column about a person that goes with its row, and that an export leaves out: secrets and their hashes. */
export const withheld = (personal: Category) => ({ personal, export: false, erase: 'delete' }) as const

/** An id that names nobody by itself, and stays where the row does. */
export const pseudonym = (legal: string) => ({ personal: 'pseudonym', export: false, erase: 'keep', legal }) as const

/** Rows that belong to an account and go with it. */
export const ofAccount = <C extends string>(column: C) =>
  ({ by: 'account', column, erase: 'delete', anonymise: 'delete', export: true }) as const

/** Rows that were sent with an address: erasure deletes them, anonymising empties them. */
export const sentFrom = <C extends string>(column: C) =>
  ({ by: 'email', column, erase: 'delete', anonymise: 'anonymise', export: true }) as const

export const instant = { created: shown('Made', 'Créé le'), updated: shown('Changed', 'Modifié le') } as const

/** The address of somebody of whom nothing is left: unique, and nobody's. */
export const NOBODY = 'erased-{id}@erased.invalid'

export const withAccount: Retention = {
  en: 'As long as the account.',
  fr: 'Aussi longtemps que le compte.',
}
export const untilStaffDeletes: Retention = {
  en: 'Until staff delete it, or the person asks for it.',
  fr: 'Jusqu’à suppression par le personnel, ou à la demande de la personne.',
}
export const withTenant: Retention = { en: 'As long as the tenant.', fr: 'Aussi longtemps que le locataire.' }
