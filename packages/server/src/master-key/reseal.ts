import { sql } from 'kysely'
import { currentHeader, type KeyRing, reseal } from '../core/credentials/sealing.ts'
import type { Pool } from '../database/connect.ts'
import { inTenant, type Tx } from '../database/tenant.ts'
import type { SealedColumn } from './sealed-columns.ts'

/** What became of the values of one column that were not under the current key. */
export interface Resealed {
  readonly rewrapped: number
  /** Under no key that is configured, or damaged. They stay as they are. */
  readonly unreadable: number
}

/** Rows of one transaction. */
const batchSize = 200

interface Row {
  readonly key: string
  readonly besides: string
  readonly sealed: Buffer
}

/**
 * Seals the values of a column anew that are not under the ring's current key, a batch in a transaction of its own. A value
 * that changes meanwhile is left to whoever changed it. Nothing is done twice: to go on after a break, begin again.
 *
 * @param worker - as rempart_worker.
 * @param onBatch - told how many values each batch looked at.
 */
export async function resealColumn(
  worker: Pool,
  tenantId: string,
  { column, ring }: { readonly column: SealedColumn; readonly ring: KeyRing },
  onBatch: (values: number) => void,
): Promise<Resealed> {
  let total: Resealed = { rewrapped: 0, unreadable: 0 }
  let after: string | undefined
  do {
    const from = after
    const batch = await inTenant(worker, tenantId, async (tx) => {
      const rows = await readRows(tx, tenantId, column, ring, from)
      const fresh = rows.flatMap((row) => resealed(row, ring, column.aad(tenantId, row.key, row.besides)))
      const rewrapped = fresh.length === 0 ? 0 : await writeRows(tx, tenantId, column, fresh)
      return { last: rows.at(-1)?.key, seen: rows.length, rewrapped, unreadable: rows.length - fresh.length }
    })
    after = batch.seen < batchSize ? undefined : batch.last
    total = { rewrapped: total.rewrapped + batch.rewrapped, unreadable: total.unreadable + batch.unreadable }
    onBatch(batch.seen)
  } while (after !== undefined)
  return total
}

/** How many values of a column are not under the ring's current key. */
export async function countOutdated(tx: Tx, tenantId: string, column: SealedColumn, ring: KeyRing): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from ${sql.table(column.table)} where ${outdated(tenantId, column, ring)}`.execute(tx)
  return rows[0]?.count ?? 0
}

const outdated = (tenantId: string, { sealed, condition = 'true' }: SealedColumn, ring: KeyRing) => sql`
  tenant_id = ${tenantId} and ${sql.raw(condition)} and ${sql.raw(sealed)} is not null
  and substring(${sql.raw(sealed)} from 1 for 5) <> ${currentHeader(ring)}`

async function readRows(
  tx: Tx,
  tenantId: string,
  column: SealedColumn,
  ring: KeyRing,
  after: string | undefined,
): Promise<readonly Row[]> {
  const { table, key, keyType, sealed, besides = "''" } = column
  const rest = after === undefined ? sql`true` : sql`${sql.raw(key)} > ${after}::text::${sql.raw(keyType)}`
  const { rows } = await sql<Row>`
    select ${sql.raw(key)}::text as key, ${sql.raw(besides)} as besides, ${sql.raw(sealed)} as sealed
    from ${sql.table(table)} where ${outdated(tenantId, column, ring)} and ${rest}
    order by ${sql.raw(key)} limit ${batchSize}`.execute(tx)
  return rows
}

interface Fresh {
  readonly key: string
  readonly from: Buffer
  readonly to: Buffer
}

function resealed({ key, sealed }: Row, ring: KeyRing, aad: readonly string[]): readonly Fresh[] {
  const to = reseal(ring, sealed, aad)
  return to === undefined ? [] : [{ key, from: sealed, to }]
}

async function writeRows(tx: Tx, tenantId: string, column: SealedColumn, fresh: readonly Fresh[]): Promise<number> {
  const { table, key, keyType, sealed, assignment } = column
  const { numAffectedRows = 0n } = await sql`
    update ${sql.table(table)} set ${sql.raw(assignment('v.fresh'))}
    from unnest(${fresh.map((each) => each.key)}::text[], ${fresh.map(({ from }) => from)}::bytea[],
      ${fresh.map(({ to }) => to)}::bytea[]) as v (row_key, found, fresh)
    where tenant_id = ${tenantId} and ${sql.raw(key)} = v.row_key::${sql.raw(keyType)} and ${sql.raw(sealed)} = v.found`.execute(
    tx,
  )
  return Number(numAffectedRows)
}
