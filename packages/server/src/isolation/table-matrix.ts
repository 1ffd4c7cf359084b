import { randomUUID } from 'node:crypto'
import pg from 'pg'
import type { Connection, Pool } from '../database/connect.ts'
import {
  type Attack,
  changingAttacks,
  firstAttack,
  type Outcome,
  readAll,
  readingAttacks,
  type Statement,
  type Target,
  touchesNothing,
} from './attacks.ts'
import { insertOf, type TableEntry, tableRegistry } from './table-registry.ts'

/** One attack of one role on one table, and whether isolation held. */
export interface Cell {
  readonly role: ServingRole
  readonly table: string
  readonly kind: Attack['kind']
  readonly attack: string
  /** What came back: `3 rows`, or the SQLSTATE of the refusal. */
  readonly outcome: string
  readonly holds: boolean
  /** False: the other tenant had no row here, so that only what others have in the database was attacked. */
  readonly isFilled: boolean
}

/** The roles that serve, and work for, tenants. */
export type ServingRole = 'rempart_app' | 'rempart_worker'

/** Two tenants, of which one attacks the other, and where their rows are. */
export interface Ground {
  readonly mine: string
  readonly theirs: string
  /**
   * Opens the transaction in which the rows of both are, when they are in none but this. Attacks then go back to a
   * savepoint each, and the transaction is rolled back. @returns the tables that could not be filled.
   */
  readonly fill?: (connection: Connection) => Promise<ReadonlySet<string>>
  /** Ends the attacks before the next table. */
  readonly signal?: AbortSignal
}

/**
 * Stores a row per table for two tenants and lets both serving roles attack each table from one of them.
 *
 * @param pools - on a database with the schema; whatever it holds stays, and two tenants come to it, for good.
 * @returns every cell, so that a report can be printed and an empty matrix noticed.
 */
export async function isolationMatrix(pools: { readonly app: Pool; readonly worker: Pool }): Promise<readonly Cell[]> {
  const [mine, theirs] = await seedTwoTenants(pools.worker)
  return attackAs({ rempart_app: pools.app, rempart_worker: pools.worker }, { mine, theirs })
}

/** Lets each role attack every table. @throws the database's error when it cannot be asked. */
export async function attackAs(pools: Readonly<Record<ServingRole, Pool>>, ground: Ground): Promise<readonly Cell[]> {
  const cells: Cell[] = []
  for (const role of ['rempart_app', 'rempart_worker'] as const) {
    const connection = await pools[role].connect()
    try {
      cells.push(...(await attackEveryTable(connection, role, ground)))
    } finally {
      connection.release(true)
    }
  }
  return cells
}

async function attackEveryTable(connection: Connection, role: ServingRole, ground: Ground): Promise<readonly Cell[]> {
  const cells: Cell[] = []
  const add = (target: Target, found: readonly Tried[]): void => {
    for (const { name, kind, outcome, holds } of found) {
      const { entry, isFilled } = target
      cells.push({ role, table: entry.table, kind, attack: name, outcome: describeOutcome(outcome), holds, isFilled })
    }
  }
  const bare: Target[] = []
  for (const entry of tableRegistry) bare.push(await describe(connection, entry, ground))
  for (const target of bare) add(target, await tryAll(connection, [firstAttack], target, 'transaction'))
  for (const target of bare) add(target, await readAfterwards(connection, target))
  const unfilled = await ground.fill?.(connection)
  for (const each of bare) {
    ground.signal?.throwIfAborted()
    const target = { ...each, isFilled: unfilled?.has(each.entry.table) !== true }
    const frame = ground.fill === undefined ? 'transaction' : 'savepoint'
    const read = await tryAll(connection, readingAttacks, target, frame)
    add(target, read)
    if (read.every(({ holds }) => holds)) add(target, await tryAll(connection, changingAttacks, target, frame))
  }
  if (ground.fill !== undefined) await connection.query('rollback')
  return cells
}

/** Stores a row of every table, or as many as others need of it, for two new tenants, each as itself. */
export async function seedTwoTenants(worker: Pool): Promise<readonly [string, string]> {
  const tenants = [randomUUID(), randomUUID()] as const
  for (const tenant of tenants) {
    await inTransaction(worker, tenant, async (connection) => {
      for (const entry of tableRegistry) {
        for (const { text, values } of seedsOf(entry, tenant)) await connection.query(text, values)
      }
      await connection.query('commit')
    })
  }
  return tenants
}

/** The statements that store what a tenant has of a table. */
export function seedsOf({ table, row, seed, stored = 1 }: TableEntry, tenant: string) {
  return seed === undefined
    ? Array.from({ length: stored }, (_, variant) => insertOf(table, row(tenant, variant)))
    : [seed]
}

/** Runs `work` in a transaction of a tenant that is rolled back, unless `work` commits it. */
export async function inTransaction<T>(
  pool: Pool,
  tenant: string,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await pool.connect()
  try {
    await connection.query('begin')
    await setTenant(connection, tenant)
    return await work(connection)
  } finally {
    await connection.query('rollback')
    connection.release()
  }
}

/** From now on, and until the transaction ends, statements are a tenant's. */
export const setTenant = (connection: Connection, tenant: string): Promise<unknown> =>
  connection.query("select set_config('rempart.tenant_id', $1, true)", [tenant])

interface Tried extends Pick<Attack, 'name' | 'kind'> {
  readonly outcome: Outcome
  readonly holds: boolean
}

type Frame = 'transaction' | 'savepoint'
const frames: Readonly<Record<Frame, { readonly open: string; readonly close: string }>> = {
  transaction: { open: 'begin', close: 'rollback' },
  savepoint: { open: 'savepoint attack', close: 'rollback to savepoint attack' },
}

// Statements written in one turn travel together and are answered in order: a whole table costs one round trip.
function tryAll(
  connection: Connection,
  attacks: readonly Attack[],
  target: Target,
  frame: Frame,
): Promise<readonly Tried[]> {
  const { open, close } = frames[frame]
  return Promise.all(
    attacks.flatMap(({ name, kind, as, statement, holds }) => {
      const asked = statement(target)
      if (asked === undefined) return []
      const outcome = attempt(connection, { before: [open], tenant: as(target), statement: asked, after: [close] })
      return [outcome.then((found) => ({ name, kind, outcome: found, holds: holds(found, target) }))]
    }),
  )
}

function readAfterwards(connection: Connection, target: Target): Promise<readonly Tried[]> {
  return Promise.all(
    ['commit', 'rollback'].map(async (end) => {
      const sent = [connection.query('begin'), setTenant(connection, target.own), connection.query(end)]
      const answer = attempt(connection, { before: [], tenant: undefined, statement: readAll(target), after: [] })
      const [outcome] = await Promise.all([answer, ...sent])
      const name = `reads after ${end}, on the same connection`
      return { name, kind: 'without-tenant' as const, outcome, holds: touchesNothing(outcome) }
    }),
  )
}

async function attempt(
  connection: Connection,
  steps: {
    readonly before: readonly string[]
    readonly tenant: string | undefined
    readonly statement: Statement
    readonly after: readonly string[]
  },
): Promise<Outcome> {
  const sent: Promise<unknown>[] = steps.before.map((text) => connection.query(text))
  if (steps.tenant !== undefined) sent.push(setTenant(connection, steps.tenant))
  const outcome = outcomeOf(connection, steps.statement)
  sent.push(...steps.after.map((text) => connection.query(text)))
  await Promise.all(sent)
  return outcome
}

/** What the database says of itself (a lost connection, no memory, a time-out) is no refusal of an attack. */
const ownTrouble = /^(08|53|57|58|XX)/

async function outcomeOf(connection: Connection, { text, values }: Statement): Promise<Outcome> {
  try {
    const result = await connection.query<{ tenant?: string }>(text, values)
    return { tenants: result.rows.map((row) => row.tenant ?? '') }
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code === undefined || ownTrouble.test(error.code)) throw error
    return { code: error.code }
  }
}

function describeOutcome(outcome: Outcome): string {
  return 'code' in outcome ? outcome.code : `${outcome.tenants.length} rows`
}

async function describe(connection: Connection, entry: TableEntry, { mine, theirs }: Ground): Promise<Target> {
  const result = await connection.query<{ may_insert: boolean; updatable: string | null }>(
    `select has_table_privilege(c.oid, 'insert') as may_insert,
       (select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
          and a.attgenerated = '' and has_column_privilege(c.oid, a.attnum, 'update')
        order by a.attname = 'tenant_id', a.attnum desc limit 1) as updatable
     from pg_class c where c.oid = $1::regclass`,
    [`public.${entry.table}`],
  )
  const [found] = result.rows
  return {
    entry,
    own: mine,
    foreign: theirs,
    mayInsert: found?.may_insert ?? false,
    updatable: found?.updatable ?? undefined,
    isFilled: true,
  }
}
