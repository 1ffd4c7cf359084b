import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { insertOf, type TableEntry } from './table-registry.ts'

/** What a statement did: the tenants of the rows it touched, or the SQLSTATE it was refused with. */
export type Outcome = { readonly tenants: readonly string[] } | { readonly code: string }

/** One table, seen by one role of one tenant. */
export interface Target {
  readonly entry: TableEntry
  readonly own: string
  readonly foreign: string
  readonly mayInsert: boolean
  /** A column the role may update; undefined when there is none. */
  readonly updatable: string | undefined
  /** Whether both tenants have a row here; otherwise there is only what other tenants have. */
  readonly isFilled: boolean
}

/** What the attacks are sorted into, as columns of a report. */
export const attackKinds = ['read', 'lock', 'update', 'delete', 'insert', 'truncate', 'without-tenant'] as const

/** A statement that must do nothing to another tenant. */
export interface Attack {
  readonly name: string
  readonly kind: (typeof attackKinds)[number]
  /** The tenant of the transaction; `undefined` leaves the setting alone. */
  readonly as: (target: Target) => string | undefined
  /** Undefined where it makes no sense: a role that may not insert, say. */
  readonly statement: (target: Target) => Statement | undefined
  readonly holds: (outcome: Outcome, target: Target) => boolean
}

export interface Statement {
  readonly text: string
  readonly values?: unknown[]
}

export const touchesNothing = (outcome: Outcome): boolean => 'tenants' in outcome && outcome.tenants.length === 0
const isForbidden = (outcome: Outcome): boolean => 'code' in outcome && outcome.code === '42501'
const neverRows = (outcome: Outcome): boolean => 'code' in outcome || outcome.tenants.length === 0
const nothingOrForbidden = (outcome: Outcome): boolean => touchesNothing(outcome) || isForbidden(outcome)
const onlyOwn = (outcome: Outcome, { own, isFilled }: Target): boolean =>
  'tenants' in outcome && (outcome.tenants.length > 0 || !isFilled) && outcome.tenants.every((tenant) => tenant === own)

const own = (target: Target) => target.own
/** A variant that is not stored. */
const fresh = ({ entry }: Target): number => entry.stored ?? 1
const nobody = () => ''
const quoted = pg.escapeIdentifier
const tenantOf = ({ entry }: Target) => quoted(entry.tenantColumn)
// A handful of rows is enough to see a leak, and a table that leaks may have millions.
const some = 'limit 50'

/** Every row that can be seen, as far as a leak needs. */
export const readAll = (target: Target): Statement => ({
  text: `select ${tenantOf(target)} as tenant from ${quoted(target.entry.table)} ${some}`,
})
const readForeign = (target: Target) => ({
  text: `select ${tenantOf(target)} as tenant from ${quoted(target.entry.table)} where ${tenantOf(target)} = $1 ${some}`,
  values: [target.foreign],
})

/** What comes first on a connection, before any transaction had a tenant. */
export const firstAttack: Attack = {
  name: 'reads on a connection that never had a tenant',
  kind: 'without-tenant',
  as: () => undefined,
  statement: readAll,
  holds: neverRows,
}

/** Those that only read. A table that leaks to one of them is spared the rest. */
export const readingAttacks: readonly Attack[] = [
  {
    name: 'reads its own rows, and no others, without a condition',
    kind: 'read',
    as: own,
    statement: readAll,
    holds: onlyOwn,
  },
  { name: 'reads another tenant by name', kind: 'read', as: own, statement: readForeign, holds: touchesNothing },
  { name: 'reads with an empty tenant', kind: 'without-tenant', as: nobody, statement: readAll, holds: touchesNothing },
  {
    name: 'reads with a tenant that is no UUID',
    kind: 'without-tenant',
    as: () => 'garbage',
    statement: readAll,
    holds: neverRows,
  },
  {
    name: 'reads with a wildcard for a tenant',
    kind: 'without-tenant',
    as: () => '%',
    statement: readAll,
    holds: neverRows,
  },
  {
    name: 'reads as a tenant that does not exist',
    kind: 'without-tenant',
    as: () => randomUUID(),
    statement: readAll,
    holds: touchesNothing,
  },
]

/** Those that would change or hold something, in a transaction that is rolled back. */
export const changingAttacks: readonly Attack[] = [
  {
    name: 'locks another tenant’s rows',
    kind: 'lock',
    as: own,
    statement: (target) => ({ ...readForeign(target), text: `${readForeign(target).text} for update` }),
    holds: nothingOrForbidden,
  },
  { name: 'updates without a condition', kind: 'update', as: own, statement: (t) => touch(t), holds: onlyOwn },
  {
    name: 'updates another tenant by name',
    kind: 'update',
    as: own,
    statement: (target) => touch(target, target.foreign),
    holds: touchesNothing,
  },
  {
    name: 'gives its rows to another tenant',
    kind: 'update',
    as: own,
    statement: (target) => ({
      text: `update ${quoted(target.entry.table)} set ${tenantOf(target)} = $1 where ${tenantOf(target)} = $2`,
      values: [target.foreign, target.own],
    }),
    // Without a row to give, nothing is given.
    holds: (outcome, { isFilled }) => isForbidden(outcome) || (!isFilled && touchesNothing(outcome)),
  },
  {
    name: 'deletes another tenant by name',
    kind: 'delete',
    as: own,
    statement: (target) => ({
      text: `delete from ${quoted(target.entry.table)} where ${tenantOf(target)} = $1 returning ${tenantOf(target)} as tenant`,
      values: [target.foreign],
    }),
    holds: nothingOrForbidden,
  },
  {
    name: 'inserts its own row',
    kind: 'insert',
    as: own,
    // The one row of a tenant's own is there already.
    statement: (target) =>
      target.mayInsert && target.entry.tenantColumn === 'tenant_id' && target.entry.isSingle !== true
        ? insert(target, target.own, fresh(target))
        : undefined,
    holds: (outcome) => 'tenants' in outcome,
  },
  {
    name: 'inserts for another tenant',
    kind: 'insert',
    as: own,
    statement: (target) => insert(target, target.foreign, fresh(target)),
    holds: isForbidden,
  },
  {
    name: 'asks by a conflict whether another tenant has a row',
    kind: 'insert',
    as: own,
    statement: (target) => {
      const { text, values } = insert(target, target.foreign, 0)
      return { text: `${text} on conflict do nothing`, values }
    },
    holds: isForbidden,
  },
  {
    name: 'truncates',
    kind: 'truncate',
    as: own,
    statement: ({ entry }) => ({ text: `truncate ${quoted(entry.table)}` }),
    holds: isForbidden,
  },
  {
    name: 'updates with an empty tenant',
    kind: 'without-tenant',
    as: nobody,
    statement: (target) => touch(target),
    holds: touchesNothing,
  },
  {
    name: 'inserts with an empty tenant',
    kind: 'without-tenant',
    as: nobody,
    statement: (target) => insert(target, target.own, fresh(target)),
    holds: isForbidden,
  },
]

/** A statement that changes nothing and tells whose rows it would have changed; none when the role may not update. */
function touch(target: Target, tenant?: string): { text: string; values: unknown[] } | undefined {
  const { entry, updatable } = target
  if (updatable === undefined) return undefined
  const column = quoted(updatable)
  return {
    text: `update ${quoted(entry.table)} set ${column} = ${column}${tenant === undefined ? '' : ` where ${tenantOf(target)} = $1`} returning ${tenantOf(target)} as tenant`,
    values: tenant === undefined ? [] : [tenant],
  }
}

function insert(target: Target, tenant: string, variant: number): { text: string; values: unknown[] } {
  return insertOf(target.entry.table, target.entry.row(tenant, variant))
}
