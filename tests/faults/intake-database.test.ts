import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { Pool } from '../../packages/server/src/database/connect.ts'
import type { Answer } from '../support/http-client.ts'
import { send, until } from '../support/processes.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { createTenantWithForm, type TenantWithForm, workerPool } from '../support/tenant-with-form.ts'
import { holdQuotas, holdTable } from './held-table.ts'
import { acknowledged, betrayals, readStored } from './intake-audit.ts'
import { type Load, newLead, startLoad, submission, type VisitorCall, visitor, WITHOUT_LIMITS } from './intake-load.ts'

const STATEMENT_TIMEOUT_MS = 1_000
const CONNECT_TIMEOUT_MS = 500

let server: ServerProcess
let pool: Pool
let tenant: TenantWithForm
beforeAll(async () => {
  server = await startServerProcess({
    policies: WITHOUT_LIMITS,
    env: {
      REMPART_LOG_LEVEL: 'warn',
      REMPART_DATABASE_STATEMENT_TIMEOUT: `${STATEMENT_TIMEOUT_MS}ms`,
      REMPART_DATABASE_CONNECT_TIMEOUT: `${CONNECT_TIMEOUT_MS}ms`,
    },
  })
})
afterAll(() => server.remove())
beforeEach(async () => {
  pool = workerPool(server)
  onTestFinished(() => pool.end())
  tenant = await createTenantWithForm(pool)
})

/** Ends the load, and holds what is stored against what was acknowledged. */
async function settle(load: Load): Promise<void> {
  await load.stop()
  expect(betrayals(await readStored(pool, tenant.id), acknowledged(load.ledger), load.ledger)).toEqual([])
  expect(load.ledger.surprises).toEqual([])
  expect(load.ledger.leads.filter(({ state }) => state !== 'stored')).toEqual([])
}

async function moreAnswers(load: Load, count: number): Promise<void> {
  const goal = load.ledger.answered + count
  await until(() => load.ledger.answered >= goal)
}

it('ending every database connection under load, again and again, loses and doubles nothing', async () => {
  const load = startLoad(server, tenant, { leadWriters: 64, messageWriters: 4 })
  for (let round = 0; round < 5; round += 1) {
    await moreAnswers(load, 100)
    for (const role of ['rempart_app', 'rempart_worker', 'rempart_lock'] as const) await endConnectionsOf(role)
  }
  await moreAnswers(load, 100)
  await settle(load)
  expect(load.ledger.retries).toBeGreaterThan(0)
})

it('kill -9 of one database process under load, as when memory runs out, loses and doubles nothing', async () => {
  const load = startLoad(server, tenant, { leadWriters: 64, messageWriters: 4 })
  const postmaster = server.postmaster()
  for (let round = 0; round < 3; round += 1) {
    await moreAnswers(load, 100)
    const [victim] = await connectionsOf('rempart_app')
    if (victim === undefined) throw new Error('the server has no connection')
    send(victim.pid, 'SIGKILL')
    await until(async () => (await connectionsOf('rempart_app').catch(() => [])).some(({ pid }) => pid !== victim.pid))
    await server.untilReady(5_000)
  }
  await moreAnswers(load, 100)
  await settle(load)
  expect(load.ledger.retries).toBeGreaterThan(0)
  expect(server.postmaster()).toBe(postmaster)
})

type Role = 'rempart_app' | 'rempart_worker' | 'rempart_lock'

const OTHERS = 'from pg_stat_activity where usename = current_user and pid <> pg_backend_pid()'

const endConnectionsOf = (role: Role) => asked(role, `select pg_terminate_backend(pid) ${OTHERS}`)
const connectionsOf = (role: Role) => asked(role, `select pid ${OTHERS}`)

async function asked(role: Role, sql: string): Promise<{ readonly pid: number }[]> {
  const client = new pg.Client(server.connection(role))
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query(sql)).rows
  } finally {
    client.end().catch(() => {})
  }
}

describe('a PostgreSQL that freezes', () => {
  it('for longer than any request waits leaves whoever got no answer one lead when he asks again', async () => {
    const load = startLoad(server, tenant, { leadWriters: 64, messageWriters: 4 })
    for (let round = 0; round < 2; round += 1) {
      await moreAnswers(load, 100)
      const frozen = server.postgresProcesses()
      for (const pid of frozen) send(pid, 'SIGSTOP')
      await delay(3_000)
      for (const pid of frozen) send(pid, 'SIGCONT')
      await server.untilReady(5_000)
    }
    await moreAnswers(load, 100)
    await settle(load)
    expect(load.ledger.retries).toBeGreaterThan(0)
  })
})

describe('a lock that somebody holds on', () => {
  /** Long enough for a connection and a statement, with room for a busy machine. */
  const IN_TIME_MS = STATEMENT_TIMEOUT_MS + CONNECT_TIMEOUT_MS + 1_500

  async function timed(calls: readonly VisitorCall[]) {
    const visitors = calls.map(() => visitor(server, tenant))
    onTestFinished(() => {
      for (const { close } of visitors) close()
    })
    const ask = async (call: VisitorCall, index: number) => {
      const startedMs = performance.now()
      const answer: Answer | string | undefined = await visitors[index]?.ask(call).catch(String)
      return { status: typeof answer === 'object' ? answer.status : answer, ms: performance.now() - startedMs }
    }
    const answers = await Promise.all(calls.map(ask))
    return {
      statuses: [...new Set(answers.map(({ status }) => status))],
      slowestMs: Math.max(...answers.map(({ ms }) => ms)),
    }
  }

  it('a tenant’s quota is told to every submission with 503 in time, however many wait, and stores none', async () => {
    const leads = Array.from({ length: 400 }, () => newLead(tenant.form))
    const quota = await holdQuotas(server)
    const answers = await timed(leads.map(submission))
    await quota.letGo()
    expect(answers.statuses).toEqual([503])
    expect(answers.slowestMs).toBeLessThan(IN_TIME_MS)
    expect((await readStored(pool, tenant.id)).leads).toEqual([])

    expect((await timed(leads.map(submission))).statuses).toEqual([201])
    expect((await readStored(pool, tenant.id)).used).toBe(400)
  })

  it('a table that takes every connection of the pool is told with 503 in time, and over when the lock is', async () => {
    const pages = Array.from({ length: 60 }, (_, index) => ({ path: `/api/v1/forms/public/page-${index}` }))
    const lead = newLead(tenant.form)
    const form = await holdTable(server, 'form')
    const answers = await timed([...pages, submission(lead)])
    expect(answers.statuses).toEqual([503])
    expect(answers.slowestMs).toBeLessThan(IN_TIME_MS)

    await form.letGo()
    expect((await timed(pages)).statuses).toEqual([404])
    expect((await timed([submission(lead)])).statuses).toEqual([201])
  })
})
