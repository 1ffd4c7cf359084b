import { sql } from 'kysely'
import { partOf } from '../../core/shapes/page-part.ts'
import type { PageRequest } from '../../core/shapes/pagination.ts'
import { preparedRead } from '../../database/prepared-read.ts'
import type { Tx } from '../../database/tenant.ts'

const columns = [
  'id',
  'slug',
  'name',
  'capacity',
  'is_public',
  'registered',
  'waitlisted',
  'created_at',
  'updated_at',
] as const

/** What staff decide of a gate. */
export interface GateSettings {
  readonly slug: string
  readonly name: string
  readonly capacity: number
  readonly is_public: boolean
}

export function listGates(tx: Tx, { page, pageSize }: PageRequest) {
  return tx
    .selectFrom('gate')
    .select(columns)
    .orderBy('id', 'desc')
    .offset((page - 1) * pageSize)
    .limit(pageSize)
    .execute()
}

export async function countGates(tx: Tx): Promise<number> {
  const row = await tx
    .selectFrom('gate')
    .select((e) => e.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return row.count
}

export const findGate = preparedRead((handle, slug: string) =>
  handle.selectFrom('gate').select(columns).where('slug', '=', slug),
)

/** Holds the gate until the transaction ends: meanwhile nobody registers. */
export function lockGate(tx: Tx, slug: string) {
  return tx.selectFrom('gate').select(columns).where('slug', '=', slug).forUpdate().executeTakeFirst()
}

export function insertGate(tx: Tx, row: GateSettings & { readonly tenant_id: string; readonly id: string }) {
  return tx.insertInto('gate').values(row).returning(columns).executeTakeFirstOrThrow()
}

export function updateGate(tx: Tx, id: string, changes: Partial<GateSettings>, now: Date) {
  return tx
    .updateTable('gate')
    .set({ ...changes, updated_at: now })
    .where('id', '=', id)
    .returning(columns)
    .executeTakeFirstOrThrow()
}

/** Its registrations go with it. */
export async function deleteGate(tx: Tx, slug: string): Promise<boolean> {
  const result = await tx.deleteFrom('gate').where('slug', '=', slug).executeTakeFirst()
  return result.numDeletedRows > 0n
}

/** Gives places to the first that wait. The gate is locked. */
export async function promoteWaiting(tx: Tx, gateId: string, places: number, now: Date): Promise<void> {
  await tx
    .updateTable('gate_registration')
    .set({ status: 'registered', registered_at: now })
    .where('id', 'in', (e) =>
      e
        .selectFrom('gate_registration')
        .select('id')
        .where('gate_id', '=', gateId)
        .where('status', '=', 'waitlisted')
        .orderBy('place')
        .limit(places),
    )
    .execute()
}

/** Counts the registrations of a gate anew. The gate is locked. */
export function recountGate(tx: Tx, gateId: string) {
  const counted = (status: string) =>
    sql<number>`(select count(*) from gate_registration r where r.gate_id = ${gateId} and r.status = ${status})`
  return tx
    .updateTable('gate')
    .set({ registered: counted('registered'), waitlisted: counted('waitlisted') })
    .where('id', '=', gateId)
    .returning(columns)
    .executeTakeFirstOrThrow()
}

/** Which registrations of a gate; a member that is absent narrows nothing. */
export interface RegistrationFilter {
  readonly status?: string | undefined
  /** In its canonical form; case does not count. */
  readonly email?: string | undefined
}

function filterRegistrations(tx: Tx, gateId: string, { status, email }: RegistrationFilter) {
  let query = tx.selectFrom('gate_registration as r').where('r.gate_id', '=', gateId)
  if (status !== undefined) query = query.where('r.status', '=', status)
  if (email !== undefined)
    query = query.where(sql`lower(r.email collate "C")`, '=', sql<string>`lower(${email}::text collate "C")`)
  return query
}

/**
 * A page of registrations, newest first, one row more than asked for when there is a next page. `position` tells those
 * that wait where they stand, from 1.
 *
 * The waiting list is read once for the page, from its end up to the earliest place the page shows: what came last, which
 * staff look at first, costs the length of the page however many wait.
 */
export function listRegistrations(tx: Tx, gateId: string, request: PageRequest, filter: RegistrationFilter) {
  const rows = filterRegistrations(tx, gateId, filter).select([
    'r.id',
    'r.email',
    'r.name',
    'r.data',
    'r.status',
    'r.place',
    'r.created_at',
    'r.registered_at',
  ])
  return tx
    .with('page', () => partOf(rows, 'r.id', request))
    .with('waiting', (query) =>
      query
        .selectFrom('gate_registration as w')
        .where('w.gate_id', '=', gateId)
        .where('w.status', '=', 'waitlisted')
        .where('w.place', '>=', (e) =>
          e
            .selectFrom('page as p')
            .where('p.status', '=', 'waitlisted')
            .select((p) => p.fn.min('p.place').as('place')),
        )
        .select('w.place')
        .select((e) =>
          e.fn
            .agg<number>('row_number')
            .over((over) => over.orderBy('w.place', 'desc'))
            .as('from_end'),
        ),
    )
    .selectFrom('page as p')
    .leftJoin('waiting as w', (join) => join.onRef('w.place', '=', 'p.place'))
    .select(['p.id', 'p.email', 'p.name', 'p.data', 'p.status', 'p.created_at', 'p.registered_at'])
    .select((e) => [
      sql<number | null>`(${e
        .selectFrom('gate as g')
        .where('g.id', '=', gateId)
        .select('g.waitlisted')}) - w.from_end + 1`.as('position'),
    ])
    .orderBy('p.id', 'desc')
    .execute()
}

export async function countRegistrations(tx: Tx, gateId: string, filter: RegistrationFilter): Promise<number> {
  const row = await filterRegistrations(tx, gateId, filter)
    .select((e) => e.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return row.count
}

export async function deleteRegistration(tx: Tx, gateId: string, id: string): Promise<boolean> {
  const result = await tx
    .deleteFrom('gate_registration')
    .where('gate_id', '=', gateId)
    .where('id', '=', id)
    .executeTakeFirst()
  return result.numDeletedRows > 0n
}
