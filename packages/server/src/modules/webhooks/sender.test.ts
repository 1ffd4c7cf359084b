import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createKeyRing } from '../../core/credentials/sealing.ts'
import { assignRole, insertUser } from '../../core/identity/new-user.ts'
import { createId } from '../../core/ids.ts'
import { keyLabels } from '../../core/secrets.ts'
import { queueWebhook } from '../../core/webhooks/queue.ts'
import { inTenant } from '../../database/tenant.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { mailSecret, mailTenant, outboxOf } from '../../testing/mail.ts'
import { startReceiver, type WebhookReceiver } from '../../testing/webhook-receiver.ts'
import { startTestWebhookSender, type TestWebhookSender } from '../../testing/webhook-sender.ts'
import { insertWebhook } from './queries.ts'
import { createSecret, sealSecret } from './secret.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const ring = createKeyRing({ current: mailSecret, previous: [] }, keyLabels.webhooks)

async function receiverThat(...answer: Parameters<typeof startReceiver>): Promise<WebhookReceiver> {
  const receiver = await startReceiver(...answer)
  closing.push(() => receiver.close())
  return receiver
}

function sender(options: Parameters<typeof startTestWebhookSender>[1] = {}): TestWebhookSender {
  const started = startTestWebhookSender(database, options)
  closing.push(() => started.stop())
  return started
}

/** A webhook of a tenant; its id. */
async function hook(tenantId: string, url: string): Promise<string> {
  const id = createId()
  const sealed_secret = sealSecret(ring, createSecret(), { tenantId, webhookId: id })
  const row = { tenant_id: tenantId, id, url, description: null, events: ['user.deleted'], include_data: false }
  await inTenant(database.app, tenantId, (tx) => insertWebhook(tx, { ...row, sealed_secret }))
  return id
}

const tell = (tenantId: string, count = 1) =>
  inTenant(database.app, tenantId, async (tx) => {
    const data = { resource: { type: 'user', id: createId() } }
    for (let sent = 0; sent < count; sent += 1) await queueWebhook(tx, tenantId, { type: 'user.deleted', data })
  })

const deliveries = (tenantId: string) =>
  inTenant(database.worker, tenantId, (tx) => tx.selectFrom('webhook_delivery').selectAll().orderBy('id').execute())
const attempts = (tenantId: string) =>
  inTenant(database.worker, tenantId, (tx) => tx.selectFrom('webhook_attempt').selectAll().orderBy('number').execute())
const webhook = (tenantId: string) =>
  inTenant(database.worker, tenantId, (tx) => tx.selectFrom('webhook').selectAll().executeTakeFirstOrThrow())

const settled = (tenantId: string, state: string) =>
  vi.waitFor(
    async () => {
      const rows = await deliveries(tenantId)
      expect(new Set(rows.map((row) => row.state))).toEqual(new Set([state]))
      return rows
    },
    { timeout: 20_000 },
  )

const statuses =
  (...each: readonly number[]) =>
  (_: unknown, response: ServerResponse, number: number): void =>
    void response.writeHead(each[number - 1] ?? each.at(-1) ?? 200).end()

const otherProtocol = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n'

describe('a delivery', () => {
  it('is queued with what it tells of, and not when that is rolled back', async () => {
    const tenant = await mailTenant(database)
    await hook(tenant, 'https://hooks.example.org/')
    const change = inTenant(database.app, tenant, async (tx) => {
      await queueWebhook(tx, tenant, { type: 'user.deleted', data: { resource: null } })
      throw new Error('changed my mind')
    })
    await expect(change).rejects.toThrow('changed my mind')
    expect(await deliveries(tenant)).toEqual([])
    // Nobody queues for a tenant that is not theirs.
    const foreign = inTenant(database.app, await mailTenant(database), (tx) =>
      queueWebhook(tx, tenant, { type: 'user.deleted', data: { resource: null } }),
    )
    await foreign
    expect(await deliveries(tenant)).toEqual([])
  })

  it('is tried again until it is taken, at every attempt under one webhook-id', async () => {
    const tenant = await mailTenant(database)
    const receiver = await receiverThat(statuses(500, 302, 404, 200))
    await hook(tenant, receiver.url)
    const { registry } = sender()
    await tell(tenant)
    const [delivery] = await settled(tenant, 'delivered')
    expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual(Array(4).fill(delivery?.id))
    expect((await attempts(tenant)).map(({ status }) => status)).toEqual([500, 302, 404, 200])
    expect((await webhook(tenant)).failing_since).toBeNull()
    const metrics = await registry.metrics()
    expect(metrics).toContain('rempart_webhook_attempts_total{type="user.deleted",outcome="retried"} 3')
    expect(metrics).toContain('rempart_webhook_attempts_total{type="user.deleted",outcome="delivered"} 1')
  })

  it('follows no redirect', async () => {
    const tenant = await mailTenant(database)
    const inside = await receiverThat()
    const receiver = await receiverThat((_, response) => void response.writeHead(307, { location: inside.url }).end())
    await hook(tenant, receiver.url)
    sender()
    await tell(tenant)
    await settled(tenant, 'failed')
    expect([receiver.received.length, inside.received.length]).toEqual([4, 0])
  })

  it('is given up when the schedule ends, with nothing kept of what the receiver said', async () => {
    const tenant = await mailTenant(database)
    const receiver = await receiverThat(
      (_, response) => void response.writeHead(500, { 'x-secret': 'S3CRET' }).end('S3CRET'.repeat(1000)),
    )
    await hook(tenant, receiver.url)
    const { logLines } = sender()
    await tell(tenant)
    await settled(tenant, 'failed')
    expect(await attempts(tenant)).toHaveLength(4)
    const kept = JSON.stringify([await deliveries(tenant), await attempts(tenant), logLines])
    expect(kept).not.toContain('S3CRET')
    expect((await webhook(tenant)).is_enabled).toBe(true)
  })

  it('waits as long as the receiver asks for', async () => {
    const tenant = await mailTenant(database)
    const receiver = await receiverThat((_, response) => void response.writeHead(429, { 'retry-after': '600' }).end())
    await hook(tenant, receiver.url)
    sender()
    await tell(tenant)
    await vi.waitFor(async () => expect(await attempts(tenant)).toHaveLength(1))
    const [delivery] = await deliveries(tenant)
    const waitMs = (delivery?.next_attempt_at.getTime() ?? 0) - Date.now()
    expect(waitMs).toBeGreaterThan(590_000)
    expect(waitMs).toBeLessThan(721_000)
  })

  it.each([
    ['connection', ({ socket }: ServerResponse): void => void socket?.destroy()],
    ['timeout', (): void => {}],
    ['answer', ({ socket }: ServerResponse): void => void socket?.end('HTTP/1.1 999 Odd\r\n\r\n')],
    ['answer', ({ socket }: ServerResponse): void => void socket?.write(otherProtocol)],
    ['answer', ({ socket }: ServerResponse): void => void socket?.end('this is not HTTP\r\n\r\n')],
  ] as const)('that meets %s is told by that class, and the sender goes on', async (error, behave) => {
    const tenant = await mailTenant(database)
    const receiver = await receiverThat((_, response) => behave(response))
    await hook(tenant, receiver.url)
    sender({ pace: { pauses: [] } })
    await tell(tenant)
    await settled(tenant, 'failed')
    expect(await attempts(tenant)).toMatchObject([{ status: null, error }])
  })
})

describe('a receiver', () => {
  it('that is slow holds up neither others nor more than its few connections', async () => {
    const [slow, fast] = [await mailTenant(database), await mailTenant(database)]
    const held: ServerResponse[] = []
    const slowReceiver = await receiverThat((_, response) => void held.push(response))
    const fastReceiver = await receiverThat()
    await hook(slow, slowReceiver.url)
    await hook(fast, fastReceiver.url)
    await tell(slow, 30)
    sender()
    await slowReceiver.waitFor(5)
    await tell(fast, 30)
    await fastReceiver.waitFor(30)
    expect(slowReceiver.received).toHaveLength(5)
    // One that fails is tried one at a time.
    for (const response of held.splice(0)) response.writeHead(500).end()
    await vi.waitFor(async () => expect(await attempts(slow)).toHaveLength(5))
    await slowReceiver.waitFor(6)
    await fastReceiver.waitFor(30)
    expect(held).toHaveLength(1)
  })

  it('that answers 410 is told nothing more; log and owners are', async () => {
    const tenant = await mailTenant(database)
    const userId = await inTenant(database.worker, tenant, async (tx) => {
      const id = await insertUser(tx, {
        tenantId: tenant,
        email: 'ada@example.org',
        locale: 'fr',
        emailVerifiedAt: new Date(),
      })
      if (id === undefined) throw new Error('the address is taken')
      await assignRole(tx, { tenantId: tenant, userId: id, roleCode: 'owner', grantedBy: 'operator:cli' })
      return id
    })
    const receiver = await receiverThat(statuses(410))
    const id = await hook(tenant, `${receiver.url}/T0KEN`)
    sender()
    await tell(tenant)
    await settled(tenant, 'failed')
    await tell(tenant)
    expect(await webhook(tenant)).toMatchObject({ is_enabled: false, disabled_reason: 'gone' })
    expect(await deliveries(tenant)).toHaveLength(1)
    expect(receiver.received).toHaveLength(1)
    expect(await outboxOf(database, tenant)).toMatchObject([{ template: 'webhook-disabled', user_id: userId }])
    const entries = await inTenant(database.worker, tenant, (tx) => tx.selectFrom('audit_event').selectAll().execute())
    expect(entries).toMatchObject([
      { actor_kind: 'system', actor_id: 'webhooks', action: 'webhook.disabled', resource_id: id },
    ])
    expect(JSON.stringify(entries)).not.toContain('T0KEN')
  })

  it('that took nothing for five days is told nothing more once a delivery is given up', async () => {
    const tenant = await mailTenant(database)
    const receiver = await receiverThat(statuses(500))
    await hook(tenant, receiver.url)
    sender({ pace: { pauses: [] } })
    const age = (interval: string) =>
      database.worker
        .connect()
        .then((connection) => connection.release())
        .then(() =>
          inTenant(database.worker, tenant, async (tx) => {
            const { sql } = await import('kysely')
            await sql`update webhook set failing_since = now() - ${interval}::interval`.execute(tx)
          }),
        )
    await tell(tenant)
    await settled(tenant, 'failed')
    expect((await webhook(tenant)).failing_since).not.toBeNull()
    await age('4 days 23 hours')
    await tell(tenant)
    await vi.waitFor(async () => expect(await attempts(tenant)).toHaveLength(2))
    expect((await webhook(tenant)).is_enabled).toBe(true)
    await age('5 days')
    await tell(tenant)
    await vi.waitFor(async () => expect(await webhook(tenant)).toMatchObject({ disabled_reason: 'failing' }))
  })
})

describe('processes', () => {
  it('share the work: each delivery is made by one of them', async () => {
    const tenant = await mailTenant(database)
    const receiver = await receiverThat()
    await hook(tenant, receiver.url)
    const senders = [sender(), sender(), sender()]
    await tell(tenant, 60)
    await settled(tenant, 'delivered')
    await Promise.all(senders.map((each) => each.look()))
    expect(receiver.received).toHaveLength(60)
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(60)
  })

  it('that stop break off what a receiver holds, and give it back uncounted', async () => {
    const tenant = await mailTenant(database)
    const receiver = await receiverThat((_, response, number) => {
      if (number > 1) response.writeHead(200).end()
    })
    await hook(tenant, receiver.url)
    const first = startTestWebhookSender(database, { pace: { stopMs: 50 } })
    await tell(tenant)
    await receiver.waitFor(1)
    await first.stop()
    expect(await deliveries(tenant)).toMatchObject([{ state: 'pending', attempts: 0, tries: 0 }])
    sender()
    await settled(tenant, 'delivered')
    expect(receiver.received).toHaveLength(2)
  })

  it('that are killed in the middle lose nothing: another makes the delivery, under its webhook-id', async () => {
    const tenant = await mailTenant(database)
    const receiver = await receiverThat((_, response, number) => {
      if (number > 1) response.writeHead(200).end()
    })
    await hook(tenant, receiver.url)
    const target = database.target('rempart_worker') as unknown as Record<'host' | 'port' | 'database', string>
    const program = join(import.meta.dirname, '../../testing/webhook-sender-process.ts')
    const child: ChildProcess = spawn(
      process.execPath,
      ['--conditions=rempart-source', program, target.host, String(target.port), target.database],
      { stdio: 'ignore' },
    )
    closing.push(() => child.kill('SIGKILL'))
    await tell(tenant)
    await receiver.waitFor(1)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await deliveries(tenant)).toMatchObject([{ state: 'pending', attempts: 1 }])
    sender()
    await settled(tenant, 'delivered')
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect(receiver.received).toHaveLength(2)
  })
})
