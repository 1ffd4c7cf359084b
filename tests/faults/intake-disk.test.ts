import pg from 'pg'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { Pool } from '../../packages/server/src/database/connect.ts'
import { until } from '../support/processes.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { canMount, mountSmallDisk, type SmallDisk } from '../support/small-disk.ts'
import { createTenantWithForm, type TenantWithForm, workerPool } from '../support/tenant-with-form.ts'
import { acknowledged, betrayals, readStored } from './intake-audit.ts'
import { type Load, startLoad, WITHOUT_LIMITS } from './intake-load.ts'

describe.runIf(canMount())('a disk that runs full under load', () => {
  let disk: SmallDisk
  let server: ServerProcess
  let pool: Pool
  let tenant: TenantWithForm
  let load: Load
  beforeEach(async () => {
    disk = mountSmallDisk(120)
    onTestFinished(disk.remove)
    server = await startServerProcess({
      dataDir: disk.directory,
      policies: WITHOUT_LIMITS,
      env: { REMPART_LOG_LEVEL: 'warn' },
    })
    onTestFinished(server.remove)
    pool = workerPool(server)
    onTestFinished(() => pool.end())
    tenant = await createTenantWithForm(pool)
    load = startLoad(server, tenant, { leadWriters: 16, messageWriters: 2 })
    await moreAnswers(50)
  })

  async function moreAnswers(count: number): Promise<void> {
    const goal = load.ledger.answered + count
    await until(() => load.ledger.answered >= goal)
  }

  /** Leaves most of a journal segment to write, so that what finds no room is a table: without a journal PostgreSQL ends. */
  async function roomInJournal(): Promise<void> {
    const segmentBytes = 16 * 1_048_576
    const written = async () =>
      (await pool.query('select (pg_walfile_name_offset(pg_current_wal_lsn())).file_offset as bytes')).rows[0]?.bytes
    await asOwner('create table journal_filler (text text)')
    await until(async () => {
      if (Number(await written()) < segmentBytes / 4) return true
      await asOwner("insert into journal_filler select repeat('x', 1000) from generate_series(1, 1000)")
      return false
    }, 30_000)
    await asOwner('drop table journal_filler')
  }

  async function expectNothingLost(): Promise<void> {
    await moreAnswers(50)
    await load.stop()
    expect(betrayals(await readStored(pool, tenant.id), acknowledged(load.ledger), load.ledger)).toEqual([])
    expect(load.ledger.surprises).toEqual([])
  }

  it('is told with 503 by a server that lives, stores nothing by halves, and is forgotten when there is room', async () => {
    const { pid } = server
    const postmaster = server.postmaster()
    await roomInJournal()
    disk.fill()
    // What PostgreSQL has written ahead of itself is used up first.
    await until(() => load.ledger.retries >= 50, 60_000)
    expect((await fetch(`${server.url}/health`)).status).toBe(200)
    const told = acknowledged(load.ledger)
    expect(betrayals(await readStored(pool, tenant.id), told, load.ledger)).toEqual([])

    disk.empty()
    await expectNothingLost()
    expect([server.pid, server.postmaster()]).toEqual([pid, postmaster])
  })

  it('and takes PostgreSQL down, for want of room in its journal, is survived without a restart of the server', async () => {
    const { pid } = server
    await asOwner('create table filler with (fillfactor = 10) as select n, 0 as value from generate_series(1, 300) n')
    disk.fill()
    const isDown = () => server.logs.some(({ msg }) => msg.startsWith('The embedded PostgreSQL is gone'))
    await until(async () => {
      await asOwner('update filler set value = value + 1').catch(() => {})
      return isDown()
    }, 60_000)
    expect((await fetch(`${server.url}/health`)).status).toBe(200)

    disk.empty()
    await server.untilReady(20_000)
    await expectNothingLost()
    expect(server.pid).toBe(pid)
  })

  async function asOwner(sql: string): Promise<void> {
    const client = new pg.Client(server.connection('rempart_owner'))
    client.on('error', () => {})
    await client.connect()
    await client.query(sql).finally(() => client.end().catch(() => {}))
  }
})
