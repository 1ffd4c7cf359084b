import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { inTenant } from '../../database/tenant.ts'
import { asOwner, createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import {
  carrierTo,
  mailKeys,
  mailSecret,
  mailTenant,
  outboxOf,
  queueMail,
  startTestSender,
} from '../../testing/mail.ts'
import { startSmtpSink } from '../../testing/smtp-sink.ts'
import { createOpaqueToken } from '../credentials/opaque-token.ts'
import { insertUser } from '../identity/new-user.ts'
import { insertOneTimeToken } from '../identity/one-time-tokens.ts'
import { eraseRows } from '../privacy/erase.ts'
import { findSubject } from '../privacy/subject.ts'
import type { NewMail } from './outbox.ts'
import { createMailKeys } from './sealed-mail.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const reset = (email: string, token = createOpaqueToken('passwordReset').token): NewMail => ({
  template: 'reset-password',
  to: { holderOf: email },
  data: { token, minutes: 30 },
})
async function createUser(tenantId: string, email: string): Promise<string> {
  const user = { tenantId, email, locale: 'fr', emailVerifiedAt: new Date() } as const
  const id = await inTenant(database.worker, tenantId, (tx) => insertUser(tx, user))
  if (id === undefined) throw new Error('the address is taken')
  return id
}
const linksOf = (tenantId: string, userId: string) =>
  inTenant(database.worker, tenantId, (tx) =>
    tx.selectFrom('one_time_token').select(['token_hash', 'expires_at']).where('user_id', '=', userId).execute(),
  )
async function sinkThat(behaviour: Parameters<typeof startSmtpSink>[0] = {}) {
  const sink = await startSmtpSink(behaviour)
  closing.push(() => sink.close())
  return sink
}
function senderTo(port: number, options: Partial<Parameters<typeof startTestSender>[1]> = {}) {
  const sender = startTestSender(database, { carrier: carrierTo(port), ...options })
  closing.push(() => sender.stop())
  return sender
}

describe('a mail that was asked for by an address', () => {
  it('goes to the stored address of whoever has it, in their language, with a link that is good from the request on', async () => {
    const [tenant, sink] = [await mailTenant(database), await sinkThat()]
    const userId = await createUser(tenant, 'Ada@example.org')
    await queueMail(database, tenant, reset('ADA@example.org'))
    const [asked] = await outboxOf(database, tenant)
    expect(asked).toMatchObject({ user_id: null, awaits_holder: true })
    expect(await linksOf(tenant, userId)).toEqual([])
    await senderTo(sink.port).look()
    await sink.waitFor(1)
    expect(sink.received[0]).toMatchObject({ recipients: ['Ada@example.org'] })
    expect(sink.received[0]?.parsed.subject).toBe('Choisissez un nouveau mot de passe')
    const [link] = await linksOf(tenant, userId)
    expect(link?.expires_at.getTime()).toBe((asked?.created_at.getTime() ?? 0) + 30 * 60_000)
    expect(await outboxOf(database, tenant)).toEqual([])
  })

  it('is settled once, and still sent, when the process that looked its holder up is killed', async () => {
    const tenant = await mailTenant(database)
    const userId = await createUser(tenant, 'grace@example.org')
    const { token, hash } = createOpaqueToken('passwordReset')
    const killed = Promise.withResolvers<void>()
    let child: ChildProcess | undefined
    const sink = await sinkThat({
      async beforeAnswer() {
        if (sink.received.length > 1 || child === undefined) return
        child.kill('SIGKILL')
        await once(child, 'exit')
        killed.resolve()
      },
    })
    await queueMail(database, tenant, reset('grace@example.org', token))
    const target = database.target('rempart_worker')
    if (!('host' in target)) throw new Error('the test database is on a socket')
    const program = join(import.meta.dirname, '../../testing/mail-sender-process.ts')
    child = spawn(
      process.execPath,
      ['--conditions=rempart-source', program, target.host, String(target.port), target.database, String(sink.port)],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    )
    closing.push(() => child?.kill('SIGKILL'))
    await killed.promise
    expect(await outboxOf(database, tenant)).toMatchObject([{ awaits_holder: false, user_id: userId }])

    senderTo(sink.port, { pace: { lookMs: 100 } })
    await sink.waitFor(2)
    await expect.poll(() => outboxOf(database, tenant)).toEqual([])
    expect(sink.received[1]?.parsed.text).toContain(token)
    expect((await linksOf(tenant, userId)).map(({ token_hash }) => token_hash)).toEqual([hash])
  }, 60_000)

  it('is settled by one of the processes that look at once', async () => {
    const [tenant, sink] = [await mailTenant(database), await sinkThat()]
    const userId = await createUser(tenant, 'joan@example.org')
    await queueMail(database, tenant, reset('joan@example.org'))
    await Promise.all(Array.from({ length: 3 }, () => senderTo(sink.port).look()))
    await sink.waitFor(1)
    expect(sink.received).toHaveLength(1)
    expect(await linksOf(tenant, userId)).toHaveLength(1)
  })

  it('class 25: makes no link good that was asked for before the password was changed', async () => {
    const [tenant, sink] = [await mailTenant(database), await sinkThat()]
    const userId = await createUser(tenant, 'hedy@example.org')
    await queueMail(database, tenant, reset('hedy@example.org'))
    await inTenant(database.worker, tenant, (tx) =>
      tx
        .insertInto('password_credential')
        .values({ tenant_id: tenant, user_id: userId, hash: 'h'.repeat(20), changed_at: new Date(Date.now() + 1_000) })
        .execute(),
    )
    await senderTo(sink.port).look()
    expect(await linksOf(tenant, userId)).toEqual([])
    expect(await outboxOf(database, tenant)).toEqual([])
  })

  it('class 25: leaves the link good that was asked for last, in whatever order they are looked at', async () => {
    const [tenant, sink] = [await mailTenant(database), await sinkThat()]
    const userId = await createUser(tenant, 'rita@example.org')
    const [first, last] = [createOpaqueToken('passwordReset'), createOpaqueToken('passwordReset')]
    await queueMail(database, tenant, reset('rita@example.org', last.token))
    const early = senderTo(sink.port)
    await early.look()
    await sink.waitFor(1)
    // Else it would have the other one before that is made the older.
    await early.stop()
    await queueMail(database, tenant, reset('rita@example.org', first.token))
    await asOwner(
      database.target('rempart_owner'),
      "alter table mail_outbox no force row level security; update mail_outbox set created_at = created_at - interval '1 minute'; alter table mail_outbox force row level security",
    )
    await senderTo(sink.port).look()
    expect(await outboxOf(database, tenant)).toEqual([])
    expect((await linksOf(tenant, userId)).map(({ token_hash }) => token_hash)).toEqual([last.hash])
  })

  it('goes to nobody when nobody has the address, whatever the tenant next door has', async () => {
    const [tenant, other, sink] = [await mailTenant(database), await mailTenant(database), await sinkThat()]
    await createUser(other, 'mary@example.org')
    await queueMail(database, tenant, reset('mary@example.org'))
    await senderTo(sink.port).look()
    expect(await outboxOf(database, tenant)).toEqual([])
    expect(sink.received).toEqual([])
  })

  it('goes to nobody when its link to another address was called off meanwhile', async () => {
    const [tenant, sink] = [await mailTenant(database), await sinkThat()]
    const userId = await createUser(tenant, 'edith@example.org')
    const links = [createOpaqueToken('emailChange'), createOpaqueToken('emailChange')] as const
    for (const [index, { token }] of links.entries()) {
      const to = { holderOf: `edith-${index}@example.net`, besides: userId }
      await queueMail(database, tenant, { template: 'change-email', to, data: { token, present: 'edith@example.org' } })
    }
    await inTenant(database.worker, tenant, (tx) =>
      insertOneTimeToken(tx, {
        ...{ tenantId: tenant, hash: links[1].hash, purpose: 'change-email', userId, data: {} },
        expiresAt: new Date(Date.now() + 60_000),
      }),
    )
    await senderTo(sink.port).look()
    expect(await outboxOf(database, tenant)).toEqual([])
    expect(sink.received.map(({ recipients }) => recipients)).toEqual([['edith-1@example.net']])
  })

  it('goes to nobody when no rule says who gets one of its kind', async () => {
    const [tenant, sink] = [await mailTenant(database), await sinkThat()]
    await createUser(tenant, 'rosa@example.org')
    await queueMail(database, tenant, reset('rosa@example.org'))
    await senderTo(sink.port, { holderRules: {} }).look()
    expect(await outboxOf(database, tenant)).toEqual([])
    expect(sink.received).toEqual([])
  })

  it.each([
    { since: 'no other secret', keys: mailKeys },
    {
      since: 'the master secret was changed',
      keys: createMailKeys({ current: Buffer.alloc(32, 'next'), previous: [mailSecret] }),
    },
  ])('is erased with whoever has the address, before anybody knows that it is theirs ($since)', async ({ keys }) => {
    const tenant = await mailTenant(database)
    const userId = await createUser(tenant, 'alan@example.org')
    await queueMail(database, tenant, reset('alan@example.org'))
    await inTenant(database.worker, tenant, async (tx) => {
      const subject = await findSubject(tx, keys, { tenantId: tenant, userId }, 'erase')
      if (subject === undefined) throw new Error('there is such a person')
      await eraseRows(tx, subject, 'erase')
    })
    expect(await outboxOf(database, tenant)).toEqual([])
  })
})
