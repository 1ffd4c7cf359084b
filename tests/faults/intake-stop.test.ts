import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { Pool } from '../../packages/server/src/database/connect.ts'
import { isRunning, until } from '../support/processes.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { createTenantWithForm, type TenantWithForm, workerPool } from '../support/tenant-with-form.ts'
import { holdQuotas } from './held-table.ts'
import { acknowledged, betrayals, readStored } from './intake-audit.ts'
import { newLead, startLoad, submission, visitor, WITHOUT_LIMITS } from './intake-load.ts'

let server: ServerProcess
let pool: Pool
let tenant: TenantWithForm
beforeAll(async () => {
  server = await startServerProcess({ policies: WITHOUT_LIMITS })
})
afterAll(() => server.remove())
beforeEach(async () => {
  pool = workerPool(server)
  onTestFinished(() => pool.end())
  tenant = await createTenantWithForm(pool)
})

/** Leads whose requests are all in the server, which cannot answer any before the quota is let go. */
async function leadsInFlight(count: number) {
  const quota = await holdQuotas(server)
  const leads = Array.from({ length: count }, () => newLead(tenant.form))
  const visitors = leads.map(() => visitor(server, tenant))
  onTestFinished(() => {
    for (const { close } of visitors) close()
  })
  const answers = Promise.all(
    leads.map(async (lead, index) => await visitors[index]?.ask(submission(lead)).catch(String)),
  )
  await quota.untilWanted()
  // Whatever was sent before a probe has been read by the time the second probe after it is answered.
  for (let probe = 0; probe < 3; probe += 1) await fetch(`${server.url}/health`)
  return { leads, answers, letGo: quota.letGo }
}

describe('SIGTERM', () => {
  it('answers everything that had arrived, is not ready meanwhile, and leaves with code 0 and no PostgreSQL', async () => {
    const { answers, letGo } = await leadsInFlight(64)
    const postgres = server.postgresProcesses()
    // Begun before the signal: a new connection is not let in at all.
    const probe = connect(Number(new URL(server.url).port), '127.0.0.1')
    probe.write('GET /health/ready HTTP/1.1\r\nHost: localhost\r\n')
    await fetch(`${server.url}/health`)

    server.signal('SIGTERM')
    await until(() => server.logs.some(({ msg }) => msg.startsWith('stopping')))
    probe.write('\r\n')
    const [chunk] = await Promise.race([once(probe, 'data'), once(probe, 'close')])
    expect(String(chunk)).toMatch(/^HTTP\/1.1 503 /)
    expect(await fetch(`${server.url}/health/ready`).catch(() => 'refused')).toBe('refused')
    probe.destroy()

    // Their clients keep the connections open, and must not hold the process up.
    await letGo()
    expect(await server.ended(5_000)).toEqual({ code: 0, signal: null })
    expect(new Set((await answers).map((answer) => (typeof answer === 'object' ? answer.status : answer)))).toEqual(
      new Set([201]),
    )
    expect(postgres.filter(isRunning)).toEqual([])

    await server.start()
    expect((await readStored(pool, tenant.id)).leads).toHaveLength(64)
  })

  it('at any moment under load stores nothing that it does not acknowledge', { timeout: 60_000 }, async () => {
    const load = startLoad(server, tenant, { leadWriters: 64, messageWriters: 4 })
    for (let round = 0; round < 4; round += 1) {
      const goal = load.ledger.answered + 200
      await until(() => load.ledger.answered >= goal)
      await delay(Math.random() * 20)
      server.signal('SIGTERM')
      expect(await server.ended()).toEqual({ code: 0, signal: null })
      await server.start()
    }
    await load.stop()
    const told = acknowledged(load.ledger)
    expect(betrayals(await readStored(pool, tenant.id), told, load.ledger)).toEqual([])
    expect(load.ledger.surprises).toEqual([])
    expect(load.ledger.leads.filter(({ isReplay }) => isReplay)).toEqual([])
  })
})

it('a second SIGINT leaves at once with code 1, loses nothing acknowledged, and takes PostgreSQL along', async () => {
  const load = startLoad(server, tenant, { leadWriters: 16 })
  await until(() => load.ledger.answered >= 100)
  const quota = await holdQuotas(server)
  await quota.untilWanted()
  const postgres = server.postgresProcesses()

  server.signal('SIGINT')
  await until(() => server.logs.some(({ msg, signal }) => msg.startsWith('stopping') && signal === 'SIGINT'))
  server.signal('SIGINT')
  expect(await server.ended(2_000)).toEqual({ code: 1, signal: null })
  await until(() => !postgres.some(isRunning))
  await quota.letGo()

  await server.start()
  await load.stop()
  expect(betrayals(await readStored(pool, tenant.id), acknowledged(load.ledger), load.ledger)).toEqual([])
  expect(load.ledger.surprises).toEqual([])
})
