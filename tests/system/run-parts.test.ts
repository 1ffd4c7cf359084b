import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { expect, it, onTestFinished } from 'vitest'
import { createMailQueue } from '../../packages/server/src/core/mail/outbox.ts'
import { createMailKeys } from '../../packages/server/src/core/mail/sealed-mail.ts'
import { mastersOf } from '../../packages/server/src/core/secrets.ts'
import { createPool } from '../../packages/server/src/database/connect.ts'
import { inTenant } from '../../packages/server/src/database/tenant.ts'
import { startSmtpSink } from '../../packages/server/src/testing/smtp-sink.ts'
import { until } from '../support/processes.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'

async function started(env: Readonly<Record<string, string>>): Promise<ServerProcess> {
  const server = await startServerProcess({ env })
  onTestFinished(() => server.remove())
  return server
}

async function query(server: ServerProcess, text: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client(server.connection('rempart_worker'))
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

/** Queues a mail as a serving process of the same installation does. */
async function queueMail(server: ServerProcess, tenant: string): Promise<void> {
  const secret = readFileSync(join(server.dataDir, 'secret.key'), 'utf8').trim()
  const { queueMail: queue } = createMailQueue(createMailKeys(mastersOf(secret)))
  const limits = { connectTimeoutMs: 5_000, statementTimeoutMs: 5_000, idleTimeoutMs: 5_000, maxLifetimeMs: 60_000 }
  const pool = createPool(server.connection('rempart_app'), { ...limits, size: 1, name: 'test' }, () => {})
  await inTenant(pool, tenant, (tx) =>
    queue(tx, {
      template: 'reset-password',
      to: { address: 'ada@example.org' },
      data: { token: 'a-token-of-more-than-16', minutes: 30 },
    }),
  )
  await pool.end()
}

/** Starts it again, on the same data, under settings of a `.env` file. */
async function restart(server: ServerProcess, settings: readonly string[]): Promise<void> {
  server.signal('SIGTERM')
  expect(await server.ended()).toMatchObject({ code: 0 })
  writeFileSync(join(dirname(server.dataDir), '.env'), settings.join('\n'))
  await server.start()
}

it('does what REMPART_RUN says: serves and leaves mail alone, or sends it and answers nothing but its health', async () => {
  const sink = await startSmtpSink()
  onTestFinished(() => sink.close())
  const server = await started({})
  const [demo] = await query(server, "select id from auth.list_tenants() where slug = 'demo'")
  const tenant = String(demo?.['id'])

  await restart(server, ['REMPART_RUN=api'])
  await queueMail(server, tenant)
  expect((await fetch(`${server.url}/api/v1/resources`)).status).toBe(200)
  expect(await query(server, "select from pg_stat_activity where application_name = 'rempart-jobs'")).toEqual([])

  await restart(server, [
    'REMPART_RUN=jobs',
    `REMPART_SMTP_URL=smtp://127.0.0.1:${sink.port}`,
    'REMPART_MAIL_FROM=no-reply@example.org',
    'REMPART_PUBLIC_URL=https://app.example.org',
  ])
  await sink.waitFor(1)
  expect(sink.received[0]?.parsed.text).toContain('https://app.example.org/account/reset#token=a-token-of-more-than-16')
  const statuses = await Promise.all(
    ['/health', '/api/v1/health/ready', '/api/v1/resources', '/docs', '/'].map(
      async (path) => (await fetch(`${server.url}${path}`)).status,
    ),
  )
  expect(statuses).toEqual([200, 200, 404, 404, 404])
  server.signal('SIGTERM')
  expect(await server.ended()).toMatchObject({ code: 0 })
  expect(JSON.stringify(server.logs)).not.toMatch(/ada@|a-token-of-more/)
}, 60_000)

it('says in production that mails reach nobody, and leaves at once when it is stopped', async () => {
  const server = await started({ NODE_ENV: 'production' })
  expect(server.logs.map(({ msg }) => msg)).toContainEqual(expect.stringContaining('REMPART_SMTP_URL is not set'))
  const queues = await query(server, "select name from pgboss.queue where name not like '\\_\\_%' order by name")
  expect(queues.map(({ name }) => name)).toEqual([
    'audit-addresses',
    'audit-heads',
    'contact-messages',
    'deleted-accounts',
    'invitations',
    'privacy-requests',
    'security-events',
    'sessions',
    'spent-tokens',
    'stale-mail',
    'submission-receipts',
    'webhook-deliveries',
  ])
  await until(async () => (await query(server, "select from pgboss.job where state = 'completed'")).length >= 6, 30_000)
  const beforeMs = performance.now()
  server.signal('SIGTERM')
  expect(await server.ended()).toMatchObject({ code: 0 })
  expect(performance.now() - beforeMs).toBeLessThan(5_000)
}, 60_000)
