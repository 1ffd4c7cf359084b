import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { Pool } from '../../packages/server/src/database/connect.ts'
import { until } from '../support/processes.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { createTenantWithForm, type TenantWithForm, workerPool } from '../support/tenant-with-form.ts'
import { holdQuotas } from './held-table.ts'
import { acknowledged, betrayals, readStored } from './intake-audit.ts'
import { type Lead, type Ledger, newLead, submission, visitor, WITHOUT_LIMITS } from './intake-load.ts'

const LEADS = 64

let server: ServerProcess
let pool: Pool
let tenant: TenantWithForm
beforeAll(async () => {
  server = await startServerProcess({ policies: WITHOUT_LIMITS, env: { REMPART_LOG_LEVEL: 'warn' } })
})
afterAll(() => server.remove())
beforeEach(async () => {
  pool = workerPool(server)
  onTestFinished(() => pool.end())
  tenant = await createTenantWithForm(pool)
})

describe('a visitor who is cut off', () => {
  it('in the middle of his request has sent nothing', async () => {
    const leads = newLeads()
    await Promise.all(leads.map((lead, index) => cutOff(bytesOf(lead).subarray(0, cutFor(lead, index)))))
    await allRead()
    expect((await readStored(pool, tenant.id)).leads).toEqual([])
    await expectOneEach(leads)
    expect(leads.filter(({ isReplay }) => isReplay)).toEqual([])
  })

  it('right after his request has sent a whole lead or none, and one when he asks again', async () => {
    const leads = newLeads()
    await Promise.all(leads.map((lead) => cutOff(bytesOf(lead))))
    await expectOneEach(leads)
  })

  it('while his lead is being stored has sent a whole one, and is told its id when he asks again', async () => {
    const leads = newLeads()
    const quotas = await holdQuotas(server)
    const sockets = leads.map((lead) => {
      const socket = connect(port(), '127.0.0.1').on('error', () => {})
      socket.write(bytesOf(lead))
      return socket
    })
    await quotas.untilWanted()
    await allRead()
    for (const socket of sockets) socket.resetAndDestroy()
    await allRead()
    await quotas.letGo()
    await until(async () => (await readStored(pool, tenant.id)).leads.length === LEADS)
    await expectOneEach(leads)
    expect(leads.filter(({ isReplay }) => isReplay)).toHaveLength(LEADS)
  })
})

const newLeads = (): Lead[] => Array.from({ length: LEADS }, () => newLead(tenant.form))

const port = (): number => Number(new URL(server.url).port)

function bytesOf(lead: Lead): Buffer {
  const { path, headers, json } = submission(lead)
  const body = JSON.stringify(json)
  const fields = {
    host: 'localhost',
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'x-tenant-id': tenant.id,
    ...headers,
  }
  const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${head.join('')}\r\n${body}`)
}

/** From the first byte to the last but one, spread over the leads. */
const cutFor = (lead: Lead, index: number): number => 1 + Math.floor(((bytesOf(lead).length - 2) * index) / (LEADS - 1))

/** Sends the bytes and resets the connection. */
function cutOff(bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port(), '127.0.0.1')
    socket.once('close', () => resolve()).on('error', () => {})
    socket.write(bytes, () => socket.resetAndDestroy())
  })
}

/** What arrived before a probe has been read when the second one after it is answered. */
async function allRead(): Promise<void> {
  for (let probe = 0; probe < 3; probe += 1) await fetch(`${server.url}/health`)
}

/** Sends every lead again, and finds each stored once and whole. */
async function expectOneEach(leads: Lead[]): Promise<void> {
  const again = visitor(server, tenant)
  onTestFinished(again.close)
  for (const lead of leads) {
    const answer = await again.ask(submission(lead))
    expect(answer.status).toBe(201)
    lead.id = String(answer.json()['id'])
    lead.isReplay = answer.headers['idempotency-replayed'] === 'true'
    lead.state = 'stored'
  }
  const ledger: Ledger = { leads, messages: [], surprises: [], answered: leads.length, retries: 0 }
  const stored = await readStored(pool, tenant.id)
  expect(betrayals(stored, acknowledged(ledger), ledger)).toEqual([])
  expect(stored.leads).toHaveLength(LEADS)
  expect(server.logs.filter(({ level }) => level === 'error')).toEqual([])
}
