import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { insertUser } from '../core/identity/new-user.ts'
import { createId } from '../core/ids.ts'
import { inTenant } from '../database/tenant.ts'
import { idOf } from '../isolation/table-registry.ts'
import { createTenant } from '../modules/tenants/service.ts'
import { createTestDatabase, type TestDatabase } from '../testing/database.ts'
import { testPrivacy } from '../testing/privacy.ts'
import { retentionJobs } from './retention.ts'

let database: TestDatabase
let tenants: readonly string[]
beforeAll(async () => {
  database = await createTestDatabase()
  tenants = await Promise.all(['one', 'two'].map((slug) => createTenant(database.worker, { slug, name: slug })))
})
afterAll(() => database.close())

const dayMs = 86_400_000
const nowMs = Date.now()
const daysAgo = (days: number): Date => new Date(nowMs - days * dayMs)

function run(name: string): Promise<number> {
  const jobs = retentionJobs({
    worker: database.worker,
    eventRetentionMs: 30 * dayMs,
    contactRetentionMs: 365 * dayMs,
    privacy: testPrivacy,
    nowMs: () => nowMs,
  })
  const job = jobs.find((each) => each.name === name)
  if (job === undefined) throw new Error(`there is no job ${name}`)
  return job.run()
}

/** A UUIDv7 of an instant. */
const idAt = (at: Date): string => {
  const time = at.getTime().toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}${createId().slice(13)}`
}

it('deletes contact messages of more than a year ago in every tenant, and no other', async () => {
  for (const tenant_id of tenants) {
    await inTenant(database.worker, tenant_id, (tx) =>
      tx
        .insertInto('contact_message')
        .values(
          [366, 364.9, 0].map((days) => ({
            tenant_id,
            id: idAt(daysAgo(days)),
            name: String(days),
            email: 'ada@example.org',
            message: 'Hello',
            locale: 'en',
            created_at: daysAgo(days),
          })),
        )
        .execute(),
    )
  }
  expect(await run('contact-messages')).toBe(2)
  for (const tenant of tenants) {
    const left = await inTenant(database.worker, tenant, (tx) =>
      tx.selectFrom('contact_message').select('name').orderBy('id').execute(),
    )
    expect(left.map(({ name }) => name)).toEqual(['364.9', '0'])
  }
  expect(await run('contact-messages')).toBe(0)
})

it('forgets sessions a month after their end, with their tokens, and tokens a day after theirs', async () => {
  const [tenant_id = ''] = tenants
  const user_id = idOf('user')
  const session = (name: string, absolute: number, revoked?: number) => ({
    tenant_id,
    id: idOf(name),
    user_id,
    amr: ['pwd'],
    auth_time: daysAgo(60),
    idle_expires_at: daysAgo(absolute),
    absolute_expires_at: daysAgo(absolute),
    ...(revoked !== undefined && { revoked_at: daysAgo(revoked) }),
  })
  const hash = (name: string) => Buffer.from(name.padEnd(32, '.'))
  await inTenant(database.worker, tenant_id, async (tx) => {
    await tx
      .insertInto('user_account')
      .values({ tenant_id, id: user_id, email: 'ada@example.org', email_norm: 'ada@example.org' })
      .execute()
    await tx
      .insertInto('session')
      .values([
        session('over', 31),
        session('revoked', -1, 31),
        session('alive', -1),
        session('lately over', 29),
        session('lately revoked', -1, 29),
      ])
      .execute()
    await tx
      .insertInto('refresh_token')
      .values([
        { tenant_id, token_hash: hash('of over'), session_id: idOf('over'), expires_at: daysAgo(-1) },
        {
          tenant_id,
          token_hash: hash('used'),
          session_id: idOf('alive'),
          expires_at: daysAgo(-1),
          used_at: daysAgo(3),
        },
        { tenant_id, token_hash: hash('expired'), session_id: idOf('alive'), expires_at: daysAgo(1.1) },
      ])
      .execute()
    await tx
      .insertInto('one_time_token')
      .values([
        { tenant_id, token_hash: hash('old'), purpose: 'invitation', expires_at: daysAgo(1.1) },
        { tenant_id, token_hash: hash('new'), purpose: 'invitation', expires_at: daysAgo(0.9) },
      ])
      .execute()
  })
  expect(await run('sessions')).toBe(2)
  expect(await run('spent-tokens')).toBe(2)
  const left = await inTenant(database.worker, tenant_id, async (tx) => [
    (await tx.selectFrom('session').select('id').execute()).map(({ id }) => id).sort(),
    (await tx.selectFrom('refresh_token').select('token_hash').execute()).map((row) => row.token_hash),
    (await tx.selectFrom('one_time_token').select('token_hash').execute()).map((row) => row.token_hash),
  ])
  expect(left).toEqual([
    [idOf('alive'), idOf('lately over'), idOf('lately revoked')].sort(),
    [hash('used')],
    [hash('new')],
  ])
})

it('forgets recipients a day after their last mail, and mails that nobody came to send', async () => {
  const [tenant_id = ''] = tenants
  const mail = (name: string, expires_at: Date) => ({
    tenant_id,
    id: idOf(name),
    template: 'verify-email',
    locale: 'en',
    sealed: Buffer.from('x'),
    is_dropped: false,
    expires_at,
  })
  await inTenant(database.worker, tenant_id, async (tx) => {
    await tx
      .insertInto('mail_outbox')
      .values([mail('stale', daysAgo(1.1)), mail('late', daysAgo(0.5))])
      .execute()
    const recipient = (name: string, updated_at: Date) => ({
      tenant_id,
      recipient_hash: Buffer.from(name.padEnd(32, '.')),
      template: 'verify-email',
      updated_at,
    })
    await tx
      .insertInto('mail_recipient')
      .values([recipient('long ago', daysAgo(1.1)), recipient('today', daysAgo(0.9))])
      .execute()
  })
  expect(await run('stale-mail')).toBe(2)
})

it('forgets invitations ninety days after their end, and keeps those that are open', async () => {
  const [tenant_id = ''] = tenants
  const inviter = idOf('inviter')
  const invitation = (name: string, ends: object) => ({
    tenant_id,
    id: idOf(name),
    email: `${name}@example.org`,
    email_norm: `${name}@example.org`,
    locale: 'en',
    invited_by: inviter,
    token_hash: Buffer.from(name.padEnd(32, '.')),
    expires_at: daysAgo(1),
    ...ends,
  })
  await inTenant(database.worker, tenant_id, async (tx) => {
    const email = 'inviter@example.org'
    await tx.insertInto('user_account').values({ tenant_id, id: inviter, email, email_norm: email }).execute()
    await tx
      .insertInto('invitation')
      .values([
        invitation('accepted', { accepted_at: daysAgo(91) }),
        invitation('revoked', { revoked_at: daysAgo(91) }),
        invitation('over', { expires_at: daysAgo(91) }),
        invitation('lately', { accepted_at: daysAgo(89) }),
        invitation('open', { expires_at: new Date(nowMs + dayMs) }),
      ])
      .execute()
  })
  expect(await run('invitations')).toBe(3)
  const left = await inTenant(database.worker, tenant_id, (tx) =>
    tx.selectFrom('invitation').select('email').orderBy('email').execute(),
  )
  expect(left.map(({ email }) => email)).toEqual(['lately@example.org', 'open@example.org'])
})

it('forgets receipts and the days of security events', async () => {
  expect(await run('submission-receipts')).toBe(0)
  expect(await run('security-events')).toBe(0)
})

/** Accounts of the first tenant that were deleted so many days ago; null: not deleted. */
function accounts(deletedDaysAgo: readonly (number | null)[]): Promise<readonly string[]> {
  const tenantId = tenants[0] ?? ''
  return inTenant(database.worker, tenantId, async (tx) => {
    const ids: string[] = []
    for (const days of deletedDaysAgo) {
      const id = await insertUser(tx, { tenantId, email: `${createId()}@example.org`, locale: 'en' })
      if (id === undefined) throw new Error('the address is taken')
      const deleted_at = days === null ? null : daysAgo(days)
      await tx.updateTable('user_account').set({ deleted_at }).where('id', '=', id).execute()
      ids.push(id)
    }
    return ids
  })
}
const there = (ids: readonly string[]) =>
  inTenant(database.worker, tenants[0] ?? '', async (tx) => {
    const rows = await tx.selectFrom('user_account').select('id').where('id', 'in', ids).execute()
    return rows.map(({ id }) => ids.indexOf(id)).toSorted()
  })

it('erases accounts that were deleted more than thirty days ago, and no other', async () => {
  const ids = await accounts([30.1, 29.9, null])
  await run('deleted-accounts')
  expect(await there(ids)).toEqual([1, 2])
})

it('leaves an account alone that somebody restores at that moment', async () => {
  const ids = await accounts([31])
  let running: Promise<number> | undefined
  await inTenant(database.app, tenants[0] ?? '', async (tx) => {
    await tx.updateTable('user_account').set({ deleted_at: null }).where('id', 'in', ids).execute()
    running = run('deleted-accounts')
    await vi.waitFor(async () => {
      const waiting = await database.worker.query(
        "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      )
      expect(waiting.rowCount).toBe(1)
    })
  })
  await running
  expect(await there(ids)).toEqual([0])
})
