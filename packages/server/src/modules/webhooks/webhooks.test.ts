import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createPublicFetch } from '../../core/outbound/public-fetch.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { asTenant } from '../../testing/tenant-rows.ts'
import { startReceiver, verified, type WebhookReceiver } from '../../testing/webhook-receiver.ts'
import { startTestWebhookSender, type TestWebhookSender } from '../../testing/webhook-sender.ts'

let database: TestDatabase
let server: TestServer
let sender: TestWebhookSender
let owner: Readonly<Record<string, string>>
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  server = await startTestServer(database, {
    environment: { REMPART_ALLOW_PRIVATE_WEBHOOKS: 'on' },
    policyFile: { version: 1, policies: { general: { rules: { burst: 'off' } } } },
  })
  owner = await signedIn('owner')
  sender = startTestWebhookSender(database)
})
const closing: (() => unknown)[] = []
afterEach(async () => {
  await sender.stop()
  for (const close of closing.splice(0).reverse()) await close()
  await server.close()
})

async function signedIn(role: string, tenantId = server.tenant.id): Promise<Readonly<Record<string, string>>> {
  const person = await createPerson(server, { roles: [role], tenantId })
  const named = { 'x-tenant-id': tenantId }
  return { ...named, ...bearer((await signInOver(server, person, { headers: named })).accessToken) }
}

async function receiverThat(...answer: Parameters<typeof startReceiver>): Promise<WebhookReceiver> {
  const receiver = await startReceiver(...answer)
  closing.push(() => receiver.close())
  return receiver
}

const call = (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, payload?: object, headers = owner) =>
  server.app.inject({
    ...{ method, url: `/api/v1${url}`, headers: { ...headers }, remoteAddress: nextAddress() },
    ...(payload && { payload }),
  })

/** Makes a webhook. */
async function hook(
  url: string,
  events: readonly string[],
  more: object = {},
): Promise<{ id: string; secret: string }> {
  const made = await call('POST', '/webhooks', { url, events, ...more })
  expect(made.statusCode, made.body).toBe(201)
  return { id: made.json().webhook.id, secret: made.json().secret }
}

const contact = () =>
  server.app.inject({
    method: 'POST',
    url: '/api/v1/contact',
    headers: { 'x-tenant-id': server.tenant.id },
    remoteAddress: nextAddress(),
    payload: { name: 'Ada Lovelace', email: 'ada@example.org', message: 'Hello there' },
  })

const deliveriesOf = async (id: string) => (await call('GET', `/webhooks/${id}/deliveries`)).json().items
/** Waits until none is pending. */
const settledOf = (id: string) =>
  vi.waitFor(
    async () => {
      const items = await deliveriesOf(id)
      expect(items.filter(({ state }: { state: string }) => state === 'pending')).toEqual([])
      return items
    },
    { timeout: 10_000 },
  )

describe('a webhook', () => {
  it('is told of what it asks for, signed so that the library of its receiver takes it, and of nothing else', async () => {
    const receiver = await receiverThat()
    const { id, secret } = await hook(`${receiver.url}/in`, ['contact.received'])
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect((await contact()).statusCode).toBe(201)
    await createPerson(server)
    await receiver.waitFor(1)
    const [delivery] = await settledOf(id)
    const [request] = receiver.received
    if (request === undefined) throw new Error('nothing came')
    const message = (await call('GET', '/contact/messages')).json().items[0]
    expect(verified(secret, request)).toEqual({
      type: 'contact.received',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      data: { resource: { type: 'contact-message', id: message.id }, locale: 'en' },
    })
    expect(request.headers).toMatchObject({ 'webhook-id': delivery.id, 'content-type': 'application/json' })
    expect(delivery).toMatchObject({ state: 'delivered', attempts: [{ number: 1, status: 204, error: null }] })
    expect(receiver.received).toHaveLength(1)
  })

  it('is told nothing personal unless it asks, and nothing that is gone when it is sent', async () => {
    const [plain, full] = [await receiverThat(), await receiverThat()]
    await hook(plain.url, ['contact.received', 'user.created'])
    const asking = await hook(full.url, ['contact.received', 'user.created'], { includeData: true })
    await contact()
    await createPerson(server, { email: 'grace@example.org' })
    await Promise.all([plain.waitFor(2), full.waitFor(2)])
    expect(JSON.stringify(plain.received)).not.toMatch(/ada@|Ada|Hello there|grace@/)
    const told = full.received.map((request) => verified(asking.secret, request)['data'])
    expect(told).toContainEqual(
      expect.objectContaining({
        personal: {
          name: 'Ada Lovelace',
          email: 'ada@example.org',
          subject: null,
          message: 'Hello there',
          consent: false,
        },
      }),
    )
    expect(told).toContainEqual(expect.objectContaining({ personal: { email: 'grace@example.org', name: null } }))
    const [message] = (await call('GET', '/contact/messages')).json().items
    await call('DELETE', `/contact/messages/${message.id}`)
    const [, first] = await settledOf(asking.id)
    await call('POST', `/webhooks/${asking.id}/deliveries/${first.id}/replay`)
    await full.waitFor(3)
    expect(full.received[2]?.body).toContain('"personal":null')
    const stored = await asTenant(server, 'select data::text from webhook_delivery', [])
    expect(JSON.stringify(stored)).not.toMatch(/ada@|grace@|Hello there/)
  })

  it('is signed with both secrets for a day after a rotation', async () => {
    const receiver = await receiverThat()
    const { id, secret } = await hook(receiver.url, ['user.created'])
    const rotated = await call('POST', `/webhooks/${id}/rotate-secret`)
    expect(rotated.headers['cache-control']).toBe('no-store')
    const fresh = rotated.json().secret
    expect(fresh).not.toBe(secret)
    await createPerson(server)
    await receiver.waitFor(1)
    const [request] = receiver.received
    if (request === undefined) throw new Error('nothing came')
    for (const each of [secret, fresh]) expect(verified(each, request)).toMatchObject({ type: 'user.created' })
    await asTenant(server, `update webhook set previous_until = now() - interval '1 second'`, [])
    await createPerson(server)
    await receiver.waitFor(2)
    const [, later] = receiver.received
    if (later === undefined) throw new Error('nothing came')
    expect(verified(fresh, later)).toMatchObject({ type: 'user.created' })
    expect(() => verified(secret, later)).toThrow('No matching signature')
  })

  it('lets nobody pass off a delivery that was changed, moved in time or signed by another', async () => {
    const receiver = await receiverThat()
    const { secret } = await hook(receiver.url, ['user.created'])
    const other = await hook(receiver.url, ['user.deleted'])
    await createPerson(server)
    await receiver.waitFor(1)
    const [request] = receiver.received
    if (request === undefined) throw new Error('nothing came')
    const withHeaders = (headers: Record<string, string>) => ({
      ...request,
      headers: { ...request.headers, ...headers },
    })
    const old = String(Number(request.headers['webhook-timestamp']) - 301)
    expect(verified(secret, request)).toBeDefined()
    expect(() => verified(secret, { ...request, body: request.body.replace('user.created', 'user.deleted') })).toThrow()
    expect(() => verified(secret, withHeaders({ 'webhook-id': other.id }))).toThrow('No matching signature')
    expect(() => verified(secret, withHeaders({ 'webhook-timestamp': old }))).toThrow('too old')
    expect(() => verified(other.secret, request)).toThrow('No matching signature')
  })

  it('is told of entries of the audit log under their names, with what changed', async () => {
    const receiver = await receiverThat()
    const { secret } = await hook(receiver.url, ['user.deactivated', 'api-key.created', 'session.replayed'])
    const person = await createPerson(server)
    await call('POST', `/users/${person.id}/deactivate`)
    await call('POST', '/api-keys', { name: 'site', scopes: ['contact:read'] })
    await receiver.waitFor(2)
    const told = receiver.received.map((request) => verified(secret, request))
    expect(told).toContainEqual(
      expect.objectContaining({
        type: 'user.deactivated',
        data: {
          resource: { type: 'user', id: person.id },
          ...{ outcome: 'done', changes: {}, actor: { kind: 'user', id: expect.any(String) } },
        },
      }),
    )
    expect(told.find(({ type }) => type === 'api-key.created')).toMatchObject({
      data: { changes: { scopes: ['contact:read'] } },
    })
    expect(JSON.stringify(receiver.received)).not.toContain('rmp_live_')
  })

  it('is told of nothing while it is switched off, and of what waited once it is on again', async () => {
    let isUp = false
    const receiver = await receiverThat((_, response) => void response.writeHead(isUp ? 200 : 503).end())
    await sender.stop()
    sender = startTestWebhookSender(database, { pace: { pauses: [1, 1, 60_000] } })
    const { id } = await hook(receiver.url, ['user.created'])
    await createPerson(server)
    await receiver.waitFor(3)
    await vi.waitFor(async () => expect((await deliveriesOf(id))[0].attempts).toHaveLength(3))
    const off = await call('PATCH', `/webhooks/${id}`, { isEnabled: false })
    expect(off.json()).toMatchObject({ isEnabled: false, disabledReason: 'staff' })
    await createPerson(server)
    expect((await call('POST', `/webhooks/${id}/test`)).json().code).toBe('webhook-switched-off')
    isUp = true
    await asTenant(server, 'update webhook_delivery set next_attempt_at = now()', [])
    await sender.look()
    expect(receiver.received).toHaveLength(3)
    const on = await call('PATCH', `/webhooks/${id}`, { isEnabled: true })
    expect(on.json()).toMatchObject({ isEnabled: true, disabledReason: null, failingSince: null })
    await receiver.waitFor(4)
    expect(await settledOf(id)).toMatchObject([{ state: 'delivered' }])
  })

  it('can be tried, and told again under the same webhook-id what it was told', async () => {
    const receiver = await receiverThat()
    const { id, secret } = await hook(receiver.url, ['user.deleted'])
    const tried = await call('POST', `/webhooks/${id}/test`)
    expect(tried.statusCode).toBe(202)
    const { deliveryId } = tried.json()
    await receiver.waitFor(1)
    await settledOf(id)
    expect((await call('POST', `/webhooks/${id}/deliveries/${deliveryId}/replay`)).statusCode).toBe(202)
    await receiver.waitFor(2)
    const [delivery] = await settledOf(id)
    expect(receiver.received.map((each) => verified(secret, each)['type'])).toEqual(['webhook.test', 'webhook.test'])
    expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual([deliveryId, deliveryId])
    expect(delivery.attempts.map(({ number }: { number: number }) => number)).toEqual([2, 1])
  })

  it('is one of ten at most, also when twelve are made at once', async () => {
    const make = () => call('POST', '/webhooks', { url: 'https://hooks.example.org/', events: ['user.created'] })
    const statuses = (await Promise.all(Array.from({ length: 12 }, make))).map(({ statusCode }) => statusCode)
    expect(statuses.filter((status) => status === 201)).toHaveLength(10)
    expect(statuses.filter((status) => status === 409)).toHaveLength(2)
  })

  it('goes with everything that was sent to it', async () => {
    const receiver = await receiverThat()
    const { id } = await hook(receiver.url, ['user.created'])
    await createPerson(server)
    await receiver.waitFor(1)
    await settledOf(id)
    expect((await call('DELETE', `/webhooks/${id}`)).statusCode).toBe(204)
    expect((await call('GET', `/webhooks/${id}`)).json().code).toBe('webhook-not-found')
    for (const table of ['webhook', 'webhook_delivery', 'webhook_attempt']) {
      expect(await asTenant(server, `select 1 as one from ${table}`, [])).toEqual([])
    }
  })
})

describe('who may', () => {
  it('has nobody told what they may not read themselves (class 38)', async () => {
    const receiver = await receiverThat()
    const permissions = ['webhooks:read', 'webhooks:write', 'users:read']
    expect((await call('POST', '/roles', { code: 'integrator', name: 'Integrator', permissions })).statusCode).toBe(201)
    const integrator = await signedIn('integrator')
    const as = (method: 'POST' | 'PATCH', url: string, payload: object) => call(method, url, payload, integrator)
    const wanted = { url: receiver.url, events: ['contact.received', 'user.created'] }
    for (const event of ['lead.submitted', 'contact.received', 'gate.registered']) {
      const refused = await as('POST', '/webhooks', { url: receiver.url, events: [event], includeData: true })
      expect([event, refused.statusCode, refused.json().code]).toEqual([event, 403, 'beyond-own-rights'])
    }
    expect((await as('POST', '/webhooks', { ...wanted, events: ['user.created'], includeData: true })).statusCode).toBe(
      201,
    )
    const own = (await as('POST', '/webhooks', wanted)).json().webhook.id
    expect((await as('PATCH', `/webhooks/${own}`, { includeData: true })).json().code).toBe('beyond-own-rights')
    // Somebody else's, which may be told: it is neither turned elsewhere nor switched on again.
    const { id } = await hook(receiver.url, ['contact.received'], { includeData: true })
    for (const change of [{ url: `${receiver.url}/mine` }, { events: ['lead.submitted'] }, { isEnabled: true }]) {
      expect((await as('PATCH', `/webhooks/${id}`, change)).json().code).toBe('beyond-own-rights')
    }
    expect((await call('GET', `/webhooks/${id}`)).json()).toMatchObject({
      url: receiver.url,
      events: ['contact.received'],
    })
    for (const change of [{ description: 'x' }, { isEnabled: false }, { includeData: false }]) {
      expect((await as('PATCH', `/webhooks/${id}`, change)).statusCode).toBe(200)
    }
  })

  it('has nobody told beyond the end of their role (class 38)', async () => {
    const receiver = await receiverThat()
    const person = await createPerson(server, { roles: ['admin'] })
    const expiresAt = new Date(Date.now() + 3_600_000)
    await asTenant(server, 'update role_assignment set expires_at = $1 where user_id = $2', [expiresAt, person.id])
    const passing = bearer((await signInOver(server, person)).accessToken)
    const wanted = { url: receiver.url, events: ['contact.received'] }
    const refused = await call('POST', '/webhooks', { ...wanted, includeData: true }, passing)
    expect([refused.statusCode, refused.json().code]).toEqual([403, 'beyond-own-rights'])
    expect((await call('POST', '/webhooks', wanted, passing)).statusCode).toBe(201)
  })

  it('is told nothing personal of events that it does not ask for any more', async () => {
    const receiver = await receiverThat()
    const { id, secret } = await hook(receiver.url, ['contact.received'])
    await contact()
    await receiver.waitFor(1)
    const [delivery] = await settledOf(id)
    const change = { events: ['user.created'], includeData: true }
    expect((await call('PATCH', `/webhooks/${id}`, change)).statusCode).toBe(200)
    expect((await call('POST', `/webhooks/${id}/deliveries/${delivery.id}/replay`)).statusCode).toBe(202)
    await receiver.waitFor(2)
    const [, replayed] = receiver.received
    if (replayed === undefined) throw new Error('nothing came again')
    expect(verified(secret, replayed)['data']).not.toHaveProperty('personal')
  })

  it('is whom a role lets, with a fresh proof; and never an API key', async () => {
    const input = { url: 'https://hooks.example.org/', events: ['user.created'] }
    for (const role of ['editor', 'viewer']) {
      const headers = await signedIn(role)
      expect((await call('GET', '/webhooks', undefined, headers)).statusCode, role).toBe(403)
      expect((await call('POST', '/webhooks', input, headers)).statusCode, role).toBe(403)
    }
    const key = { 'x-api-key': await server.apiKey(['leads:read']) }
    expect((await call('POST', '/webhooks', input, key)).statusCode).toBe(403)
    server.clock.nowMs += 11 * 60_000
    const stale = await call('POST', '/webhooks', input)
    expect([stale.statusCode, stale.json().code]).toEqual([401, 'step-up-required'])
  })

  it('sees and replays what is of the own tenant alone', async () => {
    const receiver = await receiverThat()
    const { id } = await hook(receiver.url, ['user.created'])
    const mine = await hook(receiver.url, ['user.deleted'])
    await createPerson(server)
    await receiver.waitFor(1)
    const [delivery] = await settledOf(id)
    const stranger = await signedIn('owner', (await server.createTenant()).id)
    for (const [method, url] of [
      ['GET', `/webhooks/${id}`],
      ['GET', `/webhooks/${id}/deliveries`],
      ['POST', `/webhooks/${id}/test`],
      ['POST', `/webhooks/${id}/rotate-secret`],
      ['POST', `/webhooks/${id}/deliveries/${delivery.id}/replay`],
      ['DELETE', `/webhooks/${id}`],
    ] as const) {
      const answer = await call(method, url, undefined, stranger)
      expect([answer.statusCode, answer.json().code], url).toEqual([404, 'webhook-not-found'])
    }
    // Nor through another webhook of one's own.
    const crossed = await call('POST', `/webhooks/${mine.id}/deliveries/${delivery.id}/replay`)
    expect([crossed.statusCode, crossed.json().code]).toEqual([404, 'webhook-delivery-not-found'])
    await sender.look()
    expect(receiver.received).toHaveLength(1)
  })

  it('is told no secret twice: not by an answer, the audit log, a log line or a metric', async () => {
    const receiver = await receiverThat()
    const path = '/T0KEN-in-the-path'
    const { id, secret } = await hook(`${receiver.url}${path}?key=ALSO-SECRET`, ['user.created'])
    const fresh = (await call('POST', `/webhooks/${id}/rotate-secret`)).json().secret
    await call('PATCH', `/webhooks/${id}`, { description: 'CRM' })
    await createPerson(server)
    await receiver.waitFor(1)
    const answers = [await call('GET', `/webhooks/${id}`), await call('GET', '/webhooks'), await call('GET', '/audit')]
    const stored = JSON.stringify(await asTenant(server, 'select w::text from webhook w', []))
    const seen = [
      ...answers.map(({ body }) => body),
      ...[stored, server.logLines.join(), sender.logLines.join(), await sender.registry.metrics()],
    ].join('\n')
    for (const each of [secret, fresh]) expect(seen).not.toContain(each.slice(6))
    // The address is for those who may read webhooks; a log is read by others.
    const audit = answers[2]?.body ?? ''
    expect(audit).toContain('webhook.secret-rotated')
    for (const text of [audit, server.logLines.join(), sender.logLines.join(), await sender.registry.metrics()]) {
      expect(text).not.toMatch(/T0KEN|ALSO-SECRET/)
    }
  })
})

describe('class 39: where a webhook may lead', () => {
  it('is judged when it is made and when it is changed', async () => {
    const { id } = await hook('https://hooks.example.org/', ['user.created'])
    for (const url of ['https://10.0.0.1/', 'http://hooks.example.org/', 'https://[::ffff:169.254.169.254]/']) {
      const made = await call('POST', '/webhooks', { url, events: ['user.created'] })
      expect([made.statusCode, made.json().errors?.[0]?.pointer], url).toEqual([422, '/url'])
      expect((await call('PATCH', `/webhooks/${id}`, { url })).statusCode, url).toBe(422)
    }
  })

  it('is not this machine where that is not allowed, nor for one that was made while it was', async () => {
    const receiver = await receiverThat()
    const { id } = await hook(receiver.url, ['user.created'])
    await sender.stop()
    sender = startTestWebhookSender(database, { fetchPublic: createPublicFetch({ allowLoopback: false }) })
    await createPerson(server)
    const [delivery] = await settledOf(id)
    expect(delivery).toMatchObject({
      state: 'failed',
      attempts: expect.arrayContaining([expect.objectContaining({ error: 'address' })]),
    })
    expect(receiver.received).toEqual([])
  })
})
