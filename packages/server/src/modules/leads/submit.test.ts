import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createId } from '../../core/ids.ts'
import { inTenant } from '../../database/tenant.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { DEMO_FORM } from '../forms/definition/demo.ts'
import type { FormDefinition } from '../forms/definition/schema.ts'
import { insertPublishedForm } from '../forms/seed-queries.ts'

let database: TestDatabase
let server: TestServer
let form: { id: string; slug: string }
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  server = await startTestServer(database, { policyFile: withoutLimits })
  form = await publish(DEMO_FORM)
})
afterEach(() => server.close())

const withoutLimits = {
  version: 1,
  policies: { 'leads.submit': { rules: { burst: 'off' } }, 'forms.view': { rules: { burst: 'off' } } },
}

async function publish(definition: FormDefinition, tenantId = server.tenant.id): Promise<{ id: string; slug: string }> {
  const made = { id: createId(), slug: `f-${createId()}` }
  await inTenant(database.worker, tenantId, (tx) =>
    insertPublishedForm(tx, { tenantId, ...made, name: 'Test', definition }),
  )
  return made
}

const protectedBy = (protection: FormDefinition['protection']): FormDefinition => ({
  ...DEMO_FORM,
  ...(protection && { protection }),
})

const answers = { fullName: 'Ada', projectType: 'website', details: 'A long enough text', consent: true }

const render = async (slug = form.slug) => (await server.app.inject({ url: `/api/v1/forms/public/${slug}` })).json()

/** A token that is old enough to be believed. */
async function ripeToken(slug = form.slug): Promise<string> {
  const { renderToken } = await render(slug)
  server.clock.nowMs += 2_000
  return renderToken
}

const post = (payload: object, options: { key?: string; formId?: string; headers?: Record<string, string> } = {}) =>
  server.app.inject({
    method: 'POST',
    url: `/api/v1/leads/forms/${options.formId ?? form.id}/submit`,
    payload,
    headers: { ...(options.key !== undefined && { 'idempotency-key': options.key }), ...options.headers },
  })

const submission = async () => ({ email: 'ada@example.org', data: answers, renderToken: await ripeToken() })

const leads = (tenantId = server.tenant.id) =>
  inTenant(database.worker, tenantId, (tx) => tx.selectFrom('lead').selectAll().orderBy('id').execute())

const used = async () =>
  (
    await inTenant(database.worker, server.tenant.id, (tx) =>
      tx.selectFrom('quota_usage').select('used').executeTakeFirst(),
    )
  )?.used ?? 0

describe('POST /leads/forms/:formId/submit', () => {
  it('stores the validated answers, scored, and answers 201', async () => {
    const reply = await post({ ...(await submission()), data: { ...answers, budget: 9000, phone: '06 12 34 56 78' } })
    expect(reply.statusCode).toBe(201)
    expect(reply.json()).toEqual({ id: expect.any(String), status: 'received', score: 35, outcome: 'standard' })
    expect(await leads()).toMatchObject([
      { id: reply.json().id, email: 'ada@example.org', form_version: 1, score: 35, data: { phone: '+33612345678' } },
    ])
    expect(await used()).toBe(1)
  })

  describe('idempotency', () => {
    it('stores one lead of forty equal requests at once, and answers all of them the same', async () => {
      const body = await submission()
      const replies = await Promise.all(Array.from({ length: 40 }, () => post(body, { key: 'one' })))
      expect(new Set(replies.map((reply) => reply.statusCode))).toEqual(new Set([201]))
      expect(new Set(replies.map((reply) => reply.body)).size).toBe(1)
      expect(replies.filter((reply) => reply.headers['idempotency-replayed'] === 'true')).toHaveLength(39)
      expect(await leads()).toHaveLength(1)
      expect(await used()).toBe(1)
    })

    it('answers a repeat after its form has expired, as it did before', async () => {
      const body = await submission()
      const first = await post(body, { key: 'late' })
      server.clock.nowMs += 7_200_000
      const again = await post(body, { key: 'late' })
      expect(again.statusCode).toBe(201)
      expect(again.body).toBe(first.body)
    })

    it('refuses a key that comes back with other content, without spending the new token', async () => {
      await post(await submission(), { key: 'k' })
      const other = { ...(await submission()), email: 'bob@example.org' }
      const refused = await post(other, { key: 'k' })
      expect(refused.statusCode).toBe(422)
      expect(refused.json().code).toBe('idempotency-key-reused')
      expect((await post(other, { key: 'k2' })).statusCode).toBe(201)
    })

    it('takes one key for two forms as two keys', async () => {
      const other = await publish(DEMO_FORM)
      await post(await submission(), { key: 'k' })
      const body = { ...(await submission()), renderToken: await ripeToken(other.slug) }
      expect((await post(body, { key: 'k', formId: other.id })).headers['idempotency-replayed']).toBeUndefined()
      expect(await leads()).toHaveLength(2)
    })

    it('does not spend the key on a refusal', async () => {
      const body = await submission()
      expect((await post({ ...body, data: {} }, { key: 'k' })).statusCode).toBe(422)
      expect((await post(body, { key: 'k' })).statusCode).toBe(201)
    })

    it.each(['', ' ', 'x'.repeat(256), 'é'])('refuses the key %j with 400', async (key) => {
      const reply = await post(await submission(), { key })
      expect([reply.statusCode, reply.json().code]).toEqual([400, 'idempotency-key-invalid'])
    })
  })

  describe('the render token', () => {
    it('is spent by the submission that stores a lead, also when two use it at once', async () => {
      const body = await submission()
      const statuses = (await Promise.all([post(body), post(body), post(body)])).map((reply) => reply.statusCode).sort()
      expect(statuses).toEqual([201, 400, 400])
      expect(await leads()).toHaveLength(1)
    })

    it('is not spent by a refusal nor by an evaluation', async () => {
      const body = await submission()
      expect((await post({ ...body, data: { fullName: 'x' } })).statusCode).toBe(422)
      const evaluated = await server.app.inject({
        method: 'POST',
        url: `/api/v1/forms/public/${form.slug}/evaluate`,
        payload: body,
      })
      expect(evaluated.json()).toMatchObject({ valid: true, errors: [], outcome: 'standard' })
      expect((await post(body)).statusCode).toBe(201)
    })

    it('refuses a submission within two seconds with 429, and lets the same token in afterwards', async () => {
      const { renderToken } = await render()
      const body = { email: 'ada@example.org', data: answers, renderToken }
      server.clock.nowMs += 1_999
      const refused = await post(body)
      expect(refused.statusCode).toBe(429)
      expect(refused.json().detail).toBe('Form submitted too quickly. Please take your time filling the form.')
      server.clock.nowMs += 1
      expect((await post(body)).statusCode).toBe(201)
    })

    it('refuses a form opened more than an hour ago with 400 form-expired', async () => {
      const body = await submission()
      server.clock.nowMs += 3_598_000
      expect((await post(body)).statusCode).toBe(201)
      const older = await submission()
      server.clock.nowMs += 3_598_001
      expect((await post(older)).json()).toMatchObject({ status: 400, code: 'form-expired' })
    })

    it('refuses a token of the future, of another form, of another tenant, altered or missing', async () => {
      const otherForm = await publish(DEMO_FORM)
      const good = await submission()
      const ofOther = await ripeToken(otherForm.slug)
      server.clock.nowMs -= 60_000
      const future = good.renderToken
      const refusedFuture = await post({ ...good, renderToken: future })
      server.clock.nowMs += 60_000
      const flipped =
        good.renderToken.slice(0, 10) + (good.renderToken[10] === 'A' ? 'B' : 'A') + good.renderToken.slice(11)
      const { renderToken: _, ...without } = good
      const replies = [
        refusedFuture,
        await post({ ...good, renderToken: ofOther }),
        await post({ ...good, renderToken: flipped }),
        await post({ ...good, renderToken: `${good.renderToken}A` }),
        await post({ ...good, renderToken: '' }),
        await post(without),
      ]
      expect(replies.map((reply) => [reply.statusCode, reply.json().code])).toEqual(
        replies.map(() => [400, 'render-token-invalid']),
      )
      expect(await leads()).toHaveLength(0)
    })
  })

  describe('formRenderedAt', () => {
    const at = (offsetMs: number) => new Date(server.clock.nowMs + offsetMs).toISOString()
    const legacy = (formRenderedAt: string) => ({ email: 'ada@example.org', data: answers, formRenderedAt })
    beforeEach(async () => {
      form = await publish(protectedBy({ renderToken: 'optional' }))
    })

    it.each([
      [-5_000, 201, undefined],
      [-500, 429, 'submitted-too-quickly'],
      [-3_600_001, 400, 'form-expired'],
      [60_000, 400, 'render-token-invalid'],
    ])('at %d ms from now answers %d', async (offsetMs, status, code) => {
      const reply = await post(legacy(at(offsetMs)))
      expect([reply.statusCode, reply.json().code]).toEqual([status, code])
    })

    it('that is no instant is refused with 400', async () => {
      expect((await post(legacy('yesterday'))).statusCode).toBe(400)
    })

    it('is never believed in place of a required token', async () => {
      form = await publish(DEMO_FORM)
      expect((await post(legacy(at(-5_000)))).json().code).toBe('render-token-invalid')
    })
  })

  describe('the trap fields', () => {
    const trapped = async () => {
      const { honeypot } = await render()
      const body = await submission()
      return [
        { ...body, honeypot: 'spam' },
        { ...body, website: 'https://spam.example' },
        { ...body, data: { ...answers, [honeypot.field]: 'spam' } },
      ]
    }

    it('drop silently: the answer of a stored lead, nothing stored, no quota used, the drop counted', async () => {
      for (const body of await trapped()) {
        const kept = await post(await submission())
        const dropped = await post({ ...body, renderToken: await ripeToken() })
        expect(dropped.statusCode).toBe(201)
        expect(Object.keys(dropped.json())).toEqual(Object.keys(kept.json()))
        expect(Object.keys(dropped.headers)).toEqual(Object.keys(kept.headers))
      }
      expect(await leads()).toHaveLength(3)
      expect(await used()).toBe(3)
      const counts = await inTenant(database.worker, server.tenant.id, (tx) =>
        tx
          .selectFrom('intake_day')
          .select(['outcome', 'count'])
          .where('source', '=', form.id)
          .orderBy('outcome')
          .execute(),
      )
      expect(counts).toEqual([{ outcome: 'dropped', count: 3 }])
    })

    it('keep a bot from telling by a repeat: same key, same answer; spent token, same refusal', async () => {
      const body = { ...(await submission()), honeypot: 'spam' }
      const first = await post(body, { key: 'bot' })
      const again = await post(body, { key: 'bot' })
      expect(again.body).toBe(first.body)
      expect((await post(body)).json().code).toBe('render-token-invalid')
      const counted = await inTenant(database.worker, server.tenant.id, (tx) =>
        tx.selectFrom('intake_day').select('count').where('source', '=', form.id).executeTakeFirst(),
      )
      expect(counted?.count).toBe(1)
    })

    it('tell a bot nothing by the shape of the answer, even when its answers would not be valid', async () => {
      const kept = await post(await submission())
      const dropped = await post({ ...(await submission()), data: { nonsense: true }, honeypot: 'spam' })
      expect(Object.keys(dropped.json())).toEqual(Object.keys(kept.json()))
    })

    it('are let through when empty', async () => {
      const { honeypot } = await render()
      const body = await submission()
      const reply = await post({ ...body, honeypot: ' ', website: '', data: { ...answers, [honeypot.field]: '' } })
      expect(reply.statusCode).toBe(201)
      expect(await leads()).toHaveLength(1)
    })

    it('answer 400 "Invalid form submission" where the form says reject', async () => {
      form = await publish(protectedBy({ honeypot: 'reject' }))
      for (const body of await trapped()) {
        const reply = await post(body)
        expect([reply.statusCode, reply.json().detail]).toEqual([400, 'Invalid form submission'])
      }
    })
  })

  describe('the monthly quota', () => {
    it('stores exactly fifty of 250 sent at once, and tells the public no figure', async () => {
      await server.close()
      server = await startTestServer(database, { policyFile: withoutLimits, tenant: { maxLeadsPerMonth: 50 } })
      form = await publish(protectedBy({ renderToken: 'optional' }))
      const replies = await Promise.all(
        Array.from({ length: 250 }, (_, index) => post({ email: `p${index}@example.org`, data: answers })),
      )
      const stored = replies.filter((reply) => reply.statusCode === 201)
      const refused = replies.filter((reply) => reply.statusCode === 429)
      expect([stored.length, refused.length]).toEqual([50, 200])
      expect(await leads()).toHaveLength(50)
      expect(await used()).toBe(50)
      for (const reply of refused) {
        expect(reply.json().detail).toBe('This form cannot take submissions at the moment.')
        expect(Object.keys(reply.headers).filter((name) => /ratelimit|retry-after/.test(name))).toEqual([])
      }
    })

    it('tells no bot that it fell into a trap: used up, it refuses a trapped submission as any other', async () => {
      await server.close()
      server = await startTestServer(database, { policyFile: withoutLimits, tenant: { maxLeadsPerMonth: 2 } })
      form = await publish(DEMO_FORM)
      const trap = async () => ({ ...(await submission()), honeypot: 'spam' })
      expect((await post(await submission())).statusCode).toBe(201)
      expect((await post(await trap(), { key: 'early' })).statusCode).toBe(201)
      expect((await post(await submission())).statusCode).toBe(201)
      const honest = await post(await submission(), { key: 'honest' })
      const body = await trap()
      const trapped = await post(body, { key: 'trapped' })
      expect([trapped.statusCode, honest.statusCode]).toEqual([429, 429])
      expect(Object.keys(trapped.headers)).toEqual(Object.keys(honest.headers))
      const told = ({ requestId: _, timestamp: __, instance: ___, ...rest }: Record<string, unknown>) => rest
      expect(told(trapped.json())).toEqual(told(honest.json()))
      // Like an honest one it has spent neither its key nor its token.
      expect((await post(body, { key: 'trapped' })).json()).toMatchObject({ code: honest.json().code })
      expect((await post(body)).json()).toMatchObject({ code: honest.json().code })
      // What was answered before is answered again.
      expect((await post(await trap(), { key: 'early' })).statusCode).toBe(201)
      expect([(await leads()).length, await used()]).toEqual([2, 2])
    })

    it('begins anew with the month of the tenant’s own time zone', async () => {
      await server.close()
      server = await startTestServer(database, {
        policyFile: withoutLimits,
        tenant: { maxLeadsPerMonth: 1, timeZone: 'Pacific/Kiritimati' },
      })
      form = await publish(protectedBy({ renderToken: 'optional' }))
      const body = { email: 'ada@example.org', data: answers }
      // Midnight of 1 February on Kiritimati (UTC+14) is 10:00 UTC on 31 January.
      server.clock.nowMs = Date.UTC(2027, 0, 31, 9, 59, 50)
      expect((await post(body)).statusCode).toBe(201)
      expect((await post(body)).statusCode).toBe(429)
      server.clock.nowMs = Date.UTC(2027, 0, 31, 10, 0, 1)
      expect((await post(body)).statusCode).toBe(201)
    })
  })

  describe('which form', () => {
    it('finds the tenant by the form’s id when nothing names one', async () => {
      const other = await server.createTenant()
      const foreign = await publish(protectedBy({ renderToken: 'optional' }), other.id)
      const reply = await post({ email: 'ada@example.org', data: answers }, { formId: foreign.id })
      expect(reply.statusCode).toBe(201)
      expect(await leads(other.id)).toHaveLength(1)
    })

    it('answers a form of another tenant than the one named exactly as an unknown form', async () => {
      const other = await server.createTenant()
      const foreign = await publish(protectedBy({ renderToken: 'optional' }), other.id)
      const body = { email: 'ada@example.org', data: answers }
      const headers = { 'x-tenant-id': server.tenant.slug, 'x-request-id': 'same' }
      const [forForeign, forUnknown] = [
        await post(body, { formId: foreign.id, headers }),
        await post(body, { formId: createId(), headers }),
      ]
      expect(forForeign.statusCode).toBe(404)
      expect(forForeign.body).toBe(forUnknown.body)
    })

    it('refuses answers that do not fit with a pointer to each, in the visitor’s language', async () => {
      const reply = await post(
        { ...(await submission()), data: { fullName: 'A', nothing: 1 } },
        { headers: { 'accept-language': 'fr' } },
      )
      expect(reply.statusCode).toBe(422)
      const pointers = reply.json().errors.map((error: { pointer: string }) => error.pointer)
      expect(pointers).toEqual([
        '/data/fullName',
        '/data/projectType',
        '/data/details',
        '/data/consent',
        '/data/nothing',
      ])
    })
  })

  it('writes the form and the lead to the log, and nothing of the answers', async () => {
    const { id } = (
      await post({ ...(await submission()), data: { ...answers, fullName: 'Zebulon Quixote' } }, { key: 'private-key' })
    ).json()
    await post({ ...(await submission()), honeypot: 'spam' })
    const log = server.logLines.join('')
    expect(log).toContain(id)
    expect(log).toContain(form.slug)
    expect(log).toContain('"reasonBlocked":"honeypot"')
    for (const secret of ['Zebulon', 'ada@example.org', 'long enough', 'private-key', '127.0.0.1'])
      expect(log).not.toContain(secret)
  })
})
