import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inTenant } from '../../database/tenant.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { mailKeys, mailTenant, outboxOf, queueMail, token } from '../../testing/mail.ts'
import { createId } from '../ids.ts'
import { createMailQueue, type NewMail } from './outbox.ts'
import { openLetter } from './sealed-mail.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const reset = (to: NewMail['to']): NewMail => ({ template: 'reset-password', to, data: { token, minutes: 30 } })

async function createUser(tenantId: string, email: string): Promise<string> {
  const id = createId()
  await inTenant(database.worker, tenantId, (tx) =>
    tx
      .insertInto('user_account')
      .values({ tenant_id: tenantId, id, email, email_norm: email.toLowerCase(), locale: 'fr' })
      .execute(),
  )
  return id
}

describe('the outbox', () => {
  it('holds nothing of a change that was rolled back', async () => {
    const tenant = await mailTenant(database)
    const { queueMail: queue } = createMailQueue(mailKeys)
    const change = inTenant(database.app, tenant, async (tx) => {
      await queue(tx, reset({ address: 'ada@example.org' }))
      throw new Error('changed my mind')
    })
    await expect(change).rejects.toThrow('changed my mind')
    expect(await outboxOf(database, tenant)).toEqual([])
  })

  it('addresses a person as the account says, in the person’s language, whatever the case of the request was', async () => {
    const tenant = await mailTenant(database)
    const userId = await createUser(tenant, 'Ada@example.org')
    await queueMail(database, tenant, reset({ userId }))
    const [row] = await outboxOf(database, tenant)
    expect(row).toMatchObject({ user_id: userId, locale: 'fr', is_dropped: false })
    const letter = row && openLetter(mailKeys, row.sealed, { tenantId: tenant, id: row.id, template: row.template })
    expect(letter?.to).toBe('Ada@example.org')
  })

  it('shows neither address nor token to who reads the database, and no row opens in another’s place', async () => {
    const tenant = await mailTenant(database)
    await queueMail(database, tenant, reset({ address: 'ada@example.org' }))
    const rows = await outboxOf(database, tenant)
    const counted = await inTenant(database.worker, tenant, (tx) =>
      tx.selectFrom('mail_recipient').selectAll().execute(),
    )
    const stored = Buffer.from(JSON.stringify([rows, counted])).toString() + rows[0]?.sealed.toString('latin1')
    expect(stored).not.toMatch(/ada@|example\.org|0123456789abcdef/)
    const [row] = rows
    if (row === undefined) throw new Error('nothing was queued')
    const place = { tenantId: tenant, id: row.id, template: row.template }
    for (const moved of [{ id: createId() }, { tenantId: createId() }, { template: 'invitation' }]) {
      expect(() => openLetter(mailKeys, row.sealed, { ...place, ...moved })).toThrow('cannot be unsealed')
    }
  })

  it('goes with the person, and may be written but not read by who serves', async () => {
    const tenant = await mailTenant(database)
    const userId = await createUser(tenant, 'grace@example.org')
    await queueMail(database, tenant, reset({ userId }))
    const reading = inTenant(database.app, tenant, (tx) => tx.selectFrom('mail_outbox').select('sealed').execute())
    await expect(reading).rejects.toMatchObject({ code: '42501' })
    await inTenant(database.worker, tenant, (tx) => tx.deleteFrom('user_account').where('id', '=', userId).execute())
    expect(await outboxOf(database, tenant)).toEqual([])
  })

  it('refuses an address that could start a header or name a second recipient, and a token that could leave its link', async () => {
    const tenant = await mailTenant(database)
    for (const address of [
      'a@example.org\r\nBcc: b@example.org',
      'a@example.org,b@example.org',
      '<a@example.org>',
      'a b@x.fr',
    ]) {
      await expect(queueMail(database, tenant, reset({ address })), address).rejects.toThrow(RangeError)
    }
    for (const bad of ['short', `${token}#`, `${token}\r\n`, `${token}/../x`, `${token}"`]) {
      const mail: NewMail = { template: 'verify-email', to: { address: 'a@example.org' }, data: { token: bad } }
      await expect(queueMail(database, tenant, mail), bad).rejects.toThrow(RangeError)
    }
    expect(await outboxOf(database, tenant)).toEqual([])
  })
})

describe('class 43, mail bombing: the cap of a recipient', () => {
  const spread = ['ada@example.org', 'ADA@example.org', 'ada+1@example.org', 'Ada+two+3@EXAMPLE.org']

  it('lets 3 of 50 parallel requests send, however the address is written, and tells the requests nothing', async () => {
    const tenant = await mailTenant(database)
    const sent = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        queueMail(database, tenant, reset({ address: spread[index % spread.length] ?? '' })),
      ),
    )
    expect(sent.filter(Boolean)).toHaveLength(3)
    const rows = await outboxOf(database, tenant)
    expect(rows).toHaveLength(50)
    expect(rows.filter((row) => !row.is_dropped)).toHaveLength(3)
    expect(new Set(rows.map((row) => row.sealed.length)).size).toBe(1)
  })

  it('counts each kind, each recipient and each tenant for itself', async () => {
    const [one, two] = [await mailTenant(database), await mailTenant(database)]
    const send = (tenant: string, mail: NewMail) => queueMail(database, tenant, mail)
    for (let count = 0; count < 4; count += 1) await send(one, reset({ address: 'ada@example.org' }))
    expect(await send(one, reset({ address: 'ada@example.org' }))).toBe(false)
    expect(await send(one, reset({ address: 'grace@example.org' }))).toBe(true)
    expect(await send(two, reset({ address: 'ada@example.org' }))).toBe(true)
    const changed: NewMail = {
      template: 'password-changed',
      to: { address: 'ada@example.org' },
      data: { at: '2026-11-21T05:00:00Z' },
    }
    expect(await send(one, changed)).toBe(true)
  })

  it('holds in any hour and in any day, and ends when they are over', async () => {
    const tenant = await mailTenant(database)
    const age = (minutes: number) =>
      inTenant(database.worker, tenant, async (tx) => {
        const { rows } = await (await import('kysely')).sql<{ n: number }>`
          update mail_recipient set sent_at = array(select at - make_interval(mins => ${minutes}) from unnest(sent_at) at)
          returning cardinality(sent_at) as n`.execute(tx)
        return rows[0]?.n
      })
    const send = () => queueMail(database, tenant, reset({ address: 'ada@example.org' }))
    const burst = async () => [await send(), await send(), await send(), await send()].filter(Boolean).length
    expect(await burst()).toBe(3)
    await age(59)
    expect(await send()).toBe(false)
    await age(2)
    expect(await burst()).toBe(3)
    await age(61)
    expect(await send()).toBe(false)
    await age(23 * 60)
    expect(await burst()).toBe(3)
    expect(await age(0)).toBe(3)
  })

  it('class 21: does for nobody what it does for somebody, and counts it too', async () => {
    const tenant = await mailTenant(database)
    const userId = await createUser(tenant, 'ada@example.org')
    expect(await queueMail(database, tenant, reset({ nobodyAt: 'nobody@example.org' }))).toBe(false)
    expect(await queueMail(database, tenant, reset({ userId: createId() }))).toBe(false)
    expect(await queueMail(database, tenant, reset({ userId }))).toBe(true)
    const rows = await outboxOf(database, tenant)
    expect(rows.map((row) => row.is_dropped)).toEqual([true, true, false])
    expect(new Set(rows.map((row) => row.sealed.length)).size).toBe(1)
  })
})
