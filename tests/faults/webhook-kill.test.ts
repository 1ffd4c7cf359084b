import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createPasswordHasher } from '../../packages/server/src/core/credentials/password-hasher.ts'
import { assignRole, insertUser } from '../../packages/server/src/core/identity/new-user.ts'
import type { Pool } from '../../packages/server/src/database/connect.ts'
import { inTenant } from '../../packages/server/src/database/tenant.ts'
import { startReceiver, verified, type WebhookReceiver } from '../../packages/server/src/testing/webhook-receiver.ts'
import { until } from '../support/processes.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { createTenantWithForm, type TenantWithForm, workerPool } from '../support/tenant-with-form.ts'

/*
 * A lead that is acknowledged, and a server that is killed before the webhook's receiver has been told of it: between the
 * commit and the delivery nothing but the database remembers.
 */

const closing: (() => unknown)[] = []
let server: ServerProcess
let pool: Pool
let tenant: TenantWithForm
beforeEach(async () => {
  server = await startServerProcess({
    env: { REMPART_ALLOW_PRIVATE_WEBHOOKS: 'on', REMPART_PASSWORD_CHECK_HIBP: 'off' },
    policies: { 'leads.submit': { rules: { burst: 'off' } } },
  })
  closing.push(server.remove)
  pool = workerPool(server)
  closing.push(() => pool.end())
  tenant = await createTenantWithForm(pool)
}, 60_000)
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** Starts a receiver that says nothing until it is told to. */
async function silentReceiver(): Promise<WebhookReceiver & { speak(): void }> {
  let speaks = false
  const receiver = await startReceiver((_request, response) => {
    if (speaks) response.writeHead(204).end()
  })
  closing.push(() => receiver.close())
  const speak = (): void => {
    speaks = true
  }
  return { ...receiver, speak }
}

async function post(path: string, body: object, fields: Readonly<Record<string, string>> = {}) {
  const response = await fetch(`${server.url}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-tenant-id': tenant.slug, ...fields },
    body: JSON.stringify(body),
  })
  const answer: unknown = await response.json()
  expect(response.ok, JSON.stringify(answer)).toBe(true)
  return answer as Readonly<Record<string, unknown>>
}

/** Makes a webhook for leads, as an owner. @returns its secret. */
async function hook(url: string): Promise<string> {
  const owner = { email: 'owner@example.org', password: 'nine amber anchors' }
  const passwordHash = await createPasswordHasher().hash(owner.password)
  await inTenant(pool, tenant.id, async (tx) => {
    const made = { tenantId: tenant.id, email: owner.email, locale: 'en', emailVerifiedAt: new Date() } as const
    const userId = (await insertUser(tx, { ...made, passwordHash })) ?? ''
    await assignRole(tx, { tenantId: tenant.id, userId, roleCode: 'owner', grantedBy: 'operator:cli' })
  })
  const { access_token: token } = await post('/auth/login', owner)
  const { secret } = await post(
    '/webhooks',
    { url, events: ['lead.submitted'] },
    { authorization: `Bearer ${String(token)}` },
  )
  return String(secret)
}

const submit = async (email = 'ada@example.org') =>
  (await post(`/leads/forms/${tenant.form.id}/submit`, { email, data: { who: 'Ada' } }))['id']

const deliveries = () =>
  inTenant(pool, tenant.id, (tx) => tx.selectFrom('webhook_delivery').select(['id', 'state', 'data']).execute())

/** Ends the lease of the process that is dead, which is over a minute later by itself. */
const endLease = () =>
  inTenant(pool, tenant.id, (tx) =>
    tx.updateTable('webhook_delivery').set({ next_attempt_at: new Date() }).where('state', '=', 'pending').execute(),
  )

async function killAndRestart(): Promise<void> {
  server.signal('SIGKILL')
  expect((await server.ended()).signal).toBe('SIGKILL')
  await server.start()
}

describe('an event of a lead that was acknowledged', () => {
  it('arrives, under its first id and signed, when the server is killed while the receiver has it and says nothing', async () => {
    const receiver = await silentReceiver()
    const secret = await hook(receiver.url)
    const id = await submit()
    await receiver.waitFor(1)
    await killAndRestart()
    expect(await deliveries()).toMatchObject([{ state: 'pending', data: { resource: { type: 'lead', id } } }])
    receiver.speak()
    await endLease()
    await receiver.waitFor(2)
    await until(async () => (await deliveries()).every(({ state }) => state === 'delivered'), 20_000)
    const [first, second, ...more] = receiver.received
    if (first === undefined || second === undefined) throw new Error('fewer than two came')
    expect(more).toEqual([])
    expect(second.headers['webhook-id']).toBe(first.headers['webhook-id'])
    for (const request of [first, second]) {
      expect(verified(secret, request)).toMatchObject({
        type: 'lead.submitted',
        data: { resource: { type: 'lead', id }, formId: tenant.form.id },
      })
    }
  }, 90_000)

  it('arrives when the server is killed the moment it has acknowledged it', async () => {
    const receiver = await startReceiver()
    closing.push(() => receiver.close())
    const secret = await hook(receiver.url)
    const acknowledged: unknown[] = []
    for (let round = 0; round < 2; round += 1) {
      acknowledged.push(await submit(`ada-${round}@example.org`))
      await killAndRestart()
      await endLease()
    }
    await until(async () => (await deliveries()).every(({ state }) => state === 'delivered'), 30_000)
    const told = new Map(receiver.received.map((request) => [request.headers['webhook-id'], verified(secret, request)]))
    const leads = [...told.values()].map((message) => Object(message['data']).resource.id)
    // One id for each lead, however often it came.
    expect(leads.toSorted()).toEqual(acknowledged.map(String).toSorted())
  }, 120_000)
})
