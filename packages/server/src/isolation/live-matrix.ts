import { randomUUID } from 'node:crypto'
import type { Connection, Pool } from '../database/connect.ts'
import { attackAs, type Cell, inTransaction, type ServingRole, seedsOf, setTenant } from './table-matrix.ts'
import { insertOf, type TableEntry, tableRegistry } from './table-registry.ts'

/**
 * Attacks every table of a database that serves, as both serving roles, and leaves it as it was.
 *
 * Two tenants are made for it, suspended from the start, so that they answer nothing. Their rows are in a transaction
 * that is never committed, so that nothing of them is left whatever becomes of this process; the two tenants themselves
 * are taken away at the end, or by the next proof.
 *
 * @param signal - ends the attacks early; the tenants are taken away all the same.
 * @throws the database's error when it cannot be asked, or the signal's reason.
 */
export async function proveTables(
  pools: Readonly<Record<ServingRole, Pool>>,
  signal?: AbortSignal,
): Promise<readonly Cell[]> {
  const worker = pools.rempart_worker
  await removeLeftovers(worker)
  // As the server does when it starts: without a partition of today a security event has nowhere to be.
  await worker.query('select make_security_event_days()')
  const [mine, theirs] = [randomUUID(), randomUUID()]
  try {
    const stored = new Set<string>()
    for (const tenant of [mine, theirs]) for (const table of await storeTenant(worker, tenant)) stored.add(table)
    return await attackAs(pools, {
      mine,
      theirs,
      fill: (connection) => fill(connection, [theirs, mine], stored),
      ...(signal && { signal }),
    })
  } finally {
    for (const tenant of [mine, theirs]) await removeTenant(worker, tenant)
  }
}

const slugPrefix = 'rempart-proof-'
/** The only table whose rows the worker alone may store, and may take away again. */
const storedByWorker = 'tenant_domain'

/** @returns the tables that have a committed row of the tenant. */
async function storeTenant(worker: Pool, tenant: string): Promise<readonly string[]> {
  const own = { id: tenant, slug: `${slugPrefix}${tenant}`, name: 'rempart prove isolation', is_active: false }
  await inTransaction(worker, tenant, async (connection) => {
    const { text, values } = insertOf('tenant', own)
    await connection.query(text, values)
    for (const seed of tableRegistry.filter(({ table }) => table === storedByWorker).flatMap((e) => seedsOf(e, tenant)))
      await connection.query(seed.text, seed.values)
    await connection.query('commit')
  })
  return ['tenant', storedByWorker]
}

async function removeTenant(worker: Pool, tenant: string): Promise<void> {
  await inTransaction(worker, tenant, async (connection) => {
    await connection.query(`delete from ${storedByWorker} where tenant_id = $1`, [tenant])
    await connection.query('delete from tenant where id = $1', [tenant])
    await connection.query('commit')
  })
}

/** Takes away what a proof left that was killed. One that is under way is younger. */
async function removeLeftovers(worker: Pool): Promise<void> {
  const { rows } = await worker.query<{ id: string; slug: string; is_active: boolean }>(
    'select id, slug, is_active from auth.list_tenants()',
  )
  for (const { id } of rows.filter(({ slug, is_active }) => slug.startsWith(slugPrefix) && !is_active)) {
    const isOld = await inTransaction(worker, id, async (connection) => {
      const found = await connection.query(
        "select from tenant where id = $1 and slug = $2 and created_at < now() - interval '1 hour'",
        [id, `${slugPrefix}${id}`],
      )
      return found.rowCount === 1
    })
    if (isOld) await removeTenant(worker, id)
  }
}

/**
 * Begins the transaction that holds the rows of both tenants. What a role may not insert is missing from it.
 *
 * @returns the tables without a row.
 */
async function fill(
  connection: Connection,
  tenants: readonly string[],
  stored: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const empty = new Set<string>()
  await connection.query('begin')
  // A proof holds nobody up: what another transaction has locked is not waited for.
  await connection.query("set local lock_timeout = '2s'")
  for (const tenant of tenants) {
    await setTenant(connection, tenant)
    for (const entry of tableRegistry) {
      if (!stored.has(entry.table) && !(await stores(connection, entry, tenant))) empty.add(entry.table)
    }
  }
  return empty
}

async function stores(connection: Connection, entry: TableEntry, tenant: string): Promise<boolean> {
  for (const { text, values } of seedsOf(entry, tenant)) {
    await connection.query('savepoint fill')
    try {
      await connection.query(text, values)
    } catch {
      await connection.query('rollback to savepoint fill')
      return false
    }
  }
  return true
}
