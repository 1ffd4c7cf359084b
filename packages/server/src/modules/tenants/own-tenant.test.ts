import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { asTenant } from '../../testing/tenant-rows.ts'
import { purgeMessages } from '../contact/retention.ts'
import { addTenantDomain, changeTenant, removeTenantDomain } from './service.ts'

// Two servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 })

/** A name server of one answer per name, over UDP, as the DNS speaks. */
async function startNameServer() {
  const records = new Map<string, string[]>()
  const socket = createSocket('udp4', (query, from) => {
    const labels: string[] = []
    let at = 12
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.subarray(at + 1, at + 1 + length).toString())
      at += length + 1
    }
    const question = query.subarray(12, at + 5)
    const answers = (records.get(labels.join('.').toLowerCase()) ?? []).map((text) => {
      const data = Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])
      const head = Buffer.alloc(12)
      head.writeUInt16BE(0xc00c, 0)
      head.writeUInt16BE(16, 2)
      head.writeUInt16BE(1, 4)
      head.writeUInt16BE(data.length, 10)
      return Buffer.concat([head, data])
    })
    const head = Buffer.alloc(12)
    query.copy(head, 0, 0, 2)
    head.writeUInt16BE(answers.length > 0 ? 0x8180 : 0x8183, 2)
    head.writeUInt16BE(1, 4)
    head.writeUInt16BE(answers.length, 6)
    socket.send(Buffer.concat([head, question, ...answers]), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { records, address: `127.0.0.1:${socket.address().port}`, close: () => socket.close() }
}

let database: TestDatabase
let dns: Awaited<ReturnType<typeof startNameServer>>
let server: TestServer
/** Another process on the same database. */
let second: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  dns = await startNameServer()
  const environment = { REMPART_DNS_SERVERS: dns.address, REMPART_REGISTRATION: 'open' }
  const policyFile = { version: 1, policies: { general: { rules: { burst: 'off' } } } }
  server = await startTestServer(database, { environment, policyFile })
  second = await startTestServer(database, {
    environment: { ...environment, REMPART_DEFAULT_TENANT: server.tenant.slug },
  })
})
afterAll(async () => {
  await Promise.all([server.close(), second.close()])
  await database.close()
  dns.close()
})

interface Staff {
  readonly tenantId: string
  readonly token: string
}

async function ownerOf(tenantId: string): Promise<Staff> {
  const owner = await createPerson(server, { tenantId, roles: ['owner'] })
  const { accessToken: token } = await signInOver(server, owner, { headers: { 'x-tenant-id': tenantId } })
  return { tenantId, token }
}

const newOwner = async (): Promise<Staff> => ownerOf((await server.createTenant()).id)

const call = async (staff: Staff, method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, payload?: object) => {
  const answer = await server.app.inject({
    method,
    url: `/api/v1/tenant/${path}`,
    headers: { 'x-tenant-id': staff.tenantId, ...bearer(staff.token) },
    remoteAddress: nextAddress(),
    ...(payload && { payload }),
  })
  return { status: answer.statusCode, body: answer.body === '' ? undefined : answer.json() }
}

describe('settings of a tenant', () => {
  it('are the installation’s until they are changed, and again when they are given up', async () => {
    const staff = await newOwner()
    const before = await call(staff, 'GET', 'settings')
    expect(before.body).toMatchObject({
      registration: 'open',
      sessionIdleMinutes: 10_080,
      sessionMaxHours: 720,
      passwordMinLength: 12,
      passwordClasses: 0,
      contactRetentionDays: 365,
      own: [],
      version: 0,
    })
    const changed = await call(staff, 'PATCH', 'settings', {
      registration: 'closed',
      sessionIdleMinutes: 60,
      name: 'Acme',
    })
    expect(changed.body).toMatchObject({ registration: 'closed', sessionIdleMinutes: 60, name: 'Acme', version: 1 })
    const given = await call(staff, 'PATCH', 'settings', { registration: null, sessionIdleMinutes: null, version: 1 })
    expect(given.body).toMatchObject({ ...before.body, name: 'Acme', version: 2 })
    expect((await call(staff, 'PATCH', 'settings', { name: 'Late', version: 1 })).body.code).toBe('version-conflict')
  })

  it('cannot loosen what the installation asks', async () => {
    const staff = await newOwner()
    for (const change of [
      { passwordMinLength: 11 },
      { passwordClasses: 5 },
      { sessionIdleMinutes: 10_081 },
      { sessionMaxHours: 721 },
      { sessionMaxHours: 0 },
      { contactRetentionDays: 366 },
      { timeZone: 'Mars/Olympus' },
      { allowedOrigins: ['*'] },
      { allowedOrigins: ['https://example.org/path'] },
      { isPlatform: true },
      { slug: 'other' },
      { maxLeadsPerMonth: 5 },
    ]) {
      expect([change, (await call(staff, 'PATCH', 'settings', change)).status]).toEqual([change, 422])
    }
    expect((await call(staff, 'GET', 'settings')).body.version).toBe(0)
  })

  it('are for who may change them, after a fresh proof', async () => {
    const { id: tenantId } = await server.createTenant()
    const person = await createPerson(server, { tenantId, roles: ['editor'] })
    const { accessToken: token } = await signInOver(server, person, { headers: { 'x-tenant-id': tenantId } })
    expect((await call({ tenantId, token }, 'GET', 'settings')).body.code).toBe('permission-missing')
    expect((await call({ tenantId, token }, 'PATCH', 'settings', { name: 'x' })).status).toBe(403)
    const staff = await newOwner()
    server.clock.nowMs += 11 * 60_000
    expect((await call(staff, 'PATCH', 'settings', { name: 'x' })).body.code).toBe('step-up-required')
    server.clock.nowMs -= 11 * 60_000
  })

  it('ends sessions that a shorter life does not allow, those that are there too, and of this tenant alone', async () => {
    const [staff, other] = [await newOwner(), await newOwner()]
    await asTenant(
      { database, tenant: { id: staff.tenantId, slug: '' } },
      "update session set created_at = now() - interval '2 hours', last_seen_at = now() - interval '10 minutes'",
    )
    expect((await call(staff, 'PATCH', 'settings', { sessionMaxHours: 3, sessionIdleMinutes: 30 })).status).toBe(200)
    const ends = await asTenant(
      { database, tenant: { id: staff.tenantId, slug: '' } },
      'select round(extract(epoch from absolute_expires_at - now()) / 60)::int as max, round(extract(epoch from idle_expires_at - now()) / 60)::int as idle from session',
    )
    // The call itself was a use of the session.
    expect(ends).toEqual([{ max: 60, idle: 30 }])
    // A new one lives no longer, at the second process neither.
    const person = await createPerson(server, { tenantId: staff.tenantId })
    await signInOver(second, person, { headers: { 'x-tenant-id': staff.tenantId } })
    const made = await asTenant(
      { database, tenant: { id: staff.tenantId, slug: '' } },
      'select round(extract(epoch from absolute_expires_at - created_at) / 60)::int as max, round(extract(epoch from idle_expires_at - created_at) / 60)::int as idle from session where user_id = $1',
      [person.id],
    )
    expect(made).toEqual([{ max: 180, idle: 30 }])
    expect((await call(staff, 'PATCH', 'settings', { sessionMaxHours: 1 })).status).toBe(200)
    expect((await call(staff, 'GET', 'settings')).status).toBe(401)
    expect((await call(other, 'GET', 'settings')).status).toBe(200)
  })

  it('asks of new passwords what the tenant of their person asks', async () => {
    const [strict, lax] = [await newOwner(), await newOwner()]
    await call(strict, 'PATCH', 'settings', { passwordMinLength: 20, passwordClasses: 3 })
    const register = async (tenantId: string, password: string) => {
      const answer = await server.app.inject({
        method: 'POST',
        url: '/api/v1/auth/register',
        headers: { 'x-tenant-id': tenantId },
        remoteAddress: nextAddress(),
        payload: { email: 'ada@example.org', password },
      })
      return [answer.statusCode, answer.json().errors?.map((each: { code: string }) => each.code)]
    }
    const password = 'sixteen letters!'
    expect((await register(lax.tenantId, password))[0]).toBe(202)
    expect(await register(strict.tenantId, password)).toEqual([422, ['password-too-short']])
    const twenty = 'quiet meadow and a heron'
    expect(await register(strict.tenantId, twenty)).toEqual([422, ['password-too-few-classes']])
    expect((await register(strict.tenantId, 'Quiet meadow and 1 heron'))[0]).toBe(202)
  })

  it('closes registration for the one tenant, in every process', async () => {
    const [closed, open] = [await newOwner(), await newOwner()]
    await call(closed, 'PATCH', 'settings', { registration: 'closed' })
    const register = async (tenantId: string) => {
      const answer = await second.app.inject({
        method: 'POST',
        url: '/api/v1/auth/register',
        headers: { 'x-tenant-id': tenantId },
        remoteAddress: nextAddress(),
        payload: { email: 'ada@example.org', password: 'a fine password 1789' },
      })
      return answer.statusCode
    }
    expect([await register(closed.tenantId), await register(open.tenantId)]).toEqual([403, 202])
  })

  it('deletes contact messages after the tenant’s own days, and never later than the installation does', async () => {
    const [own, other] = [await newOwner(), await newOwner()]
    await call(own, 'PATCH', 'settings', { contactRetentionDays: 10 })
    for (const { tenantId } of [own, other]) {
      await asTenant(
        { database, tenant: { id: tenantId, slug: '' } },
        `insert into contact_message (tenant_id, id, name, email, message, locale, created_at)
         select $1, (left(at, 8) || '-' || right(at, 4) || '-7000-8000-000000000000')::uuid, 'Ada', 'ada@example.org', 'Hello', 'en',
           now() - days * interval '1 day'
         from unnest(array[5, 20, 400]) as days
         cross join lateral (select lpad(to_hex((extract(epoch from now() - days * interval '1 day') * 1000)::bigint), 12, '0') as at) t`,
        [tenantId],
      )
    }
    await purgeMessages(database.worker, Date.now(), 365 * 86_400_000)
    const left = ({ tenantId }: Staff) =>
      asTenant({ database, tenant: { id: tenantId, slug: '' } }, 'select id from contact_message')
    expect([(await left(own)).length, (await left(other)).length]).toEqual([1, 2])
  })
})

describe('quotas of a tenant', () => {
  it('tells its own leads of the month and their limit', async () => {
    const { id } = await server.createTenant({ maxLeadsPerMonth: 7 })
    const staff = await ownerOf(id)
    expect((await call(staff, 'GET', 'quotas')).body.items).toEqual([
      {
        quota: 'leads',
        period: expect.stringMatching(/^\d{4}-\d\d$/),
        used: 0,
        limit: 7,
        resetsAt: expect.any(String),
      },
    ])
  })
})

describe('domains of a tenant (class 35)', () => {
  const askedAt = async (at: TestServer, host: string): Promise<[number, string | undefined]> => {
    const answer = await at.app.inject({
      url: '/api/v1/resources',
      headers: { host },
      remoteAddress: nextAddress(),
    })
    return [answer.statusCode, answer.json().code]
  }
  const prove = ({ proof }: { proof: { name: string; value: string } }) =>
    dns.records.set(proof.name, ['v=spf1 -all', proof.value])

  it('answers nothing for a claim, and for a proven domain from then on', async () => {
    const staff = await newOwner()
    const { status, body: claim } = await call(staff, 'POST', 'domains', { domain: 'WWW.Acme.Example.' })
    expect([status, claim]).toEqual([
      201,
      expect.objectContaining({
        domain: 'www.acme.example',
        isVerified: false,
        proof: { name: '_rempart.www.acme.example', value: expect.stringMatching(/^rempart-domain=[\w-]{32}$/) },
      }),
    ])
    expect(await askedAt(server, 'www.acme.example')).toEqual([400, 'untrusted-host'])
    expect((await call(staff, 'POST', 'domains/www.acme.example/verify')).body.code).toBe('domain-unproven')
    prove(claim)
    expect((await call(staff, 'POST', 'domains/www.acme.example/verify')).body).toMatchObject({ isVerified: true })
    expect(await askedAt(server, 'www.acme.example')).toEqual([200, undefined])
    expect((await call(staff, 'DELETE', 'domains/www.acme.example')).status).toBe(204)
    expect(await askedAt(server, 'www.acme.example')).toEqual([400, 'untrusted-host'])
  })

  it('is not taken over: a claim says nothing of who else claims, and the proof of one is no proof for another', async () => {
    const [owner, thief] = [await newOwner(), await newOwner()]
    const { body: first } = await call(owner, 'POST', 'domains', { domain: 'shop.example' })
    const { status, body: stolen } = await call(thief, 'POST', 'domains', { domain: 'shop.example' })
    expect(status).toBe(201)
    expect(stolen.proof.value).not.toBe(first.proof.value)
    // The rightful record is there: it proves the one claim alone.
    prove(first)
    expect((await call(thief, 'POST', 'domains/shop.example/verify')).body.code).toBe('domain-unproven')
    expect((await call(owner, 'POST', 'domains/shop.example/verify')).status).toBe(200)
    // Whoever gets hold of the DNS later does not get the domain while its holder has it.
    prove(stolen)
    expect((await call(thief, 'POST', 'domains/shop.example/verify')).body.code).toBe('domain-taken')
    expect((await call(thief, 'DELETE', 'domains/shop.example')).status).toBe(204)
    expect((await call(thief, 'DELETE', 'domains/shop.example')).body.code).toBe('domain-not-found')
    expect(await askedAt(server, 'shop.example')).toEqual([200, undefined])
    expect((await call(owner, 'GET', 'domains')).body.items).toMatchObject([{ isVerified: true }])
  })

  it('is one of two that prove it at once, and never both', async () => {
    const both = [await newOwner(), await newOwner()]
    const claims = await Promise.all(both.map((each) => call(each, 'POST', 'domains', { domain: 'race.example' })))
    dns.records.set(
      '_rempart.race.example',
      claims.map(({ body }) => body.proof.value),
    )
    const verdicts = await Promise.all(both.map((each) => call(each, 'POST', 'domains/race.example/verify')))
    expect(verdicts.map(({ status }) => status).toSorted()).toEqual([200, 409])
  })

  it('is one of twenty at most, however many are claimed at once', async () => {
    const staff = await newOwner()
    const claim = (index: number) => call(staff, 'POST', 'domains', { domain: `d${index}.many.example` })
    for (let index = 0; index < 18; index += 1) await claim(index)
    const answers = await Promise.all(Array.from({ length: 8 }, (_, index) => claim(100 + index)))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(2)
    expect(answers.filter(({ body }) => body.code === 'too-many-domains')).toHaveLength(6)
    expect((await call(staff, 'GET', 'domains')).body.items).toHaveLength(20)
    // One that is claimed already is no further one.
    expect((await claim(0)).status).toBe(201)
  })

  it('is none of the server’s own, nor what no tenant can have', async () => {
    const staff = await newOwner()
    for (const domain of [
      'localhost',
      'example',
      '127.0.0.1',
      '[::1]',
      '2130706433',
      'www.example.org:8080',
      'https://www.example.org',
      'a b.example',
      'x@y.example',
      '*.example.org',
      '-a.example.org',
      `${'a.'.repeat(130)}example`,
    ]) {
      expect([domain, (await call(staff, 'POST', 'domains', { domain })).status]).toEqual([domain, 422])
    }
    expect((await call(staff, 'GET', 'domains')).body.items).toEqual([])
  })

  it('are twenty at most', async () => {
    const staff = await newOwner()
    for (let each = 0; each < 20; each += 1) await call(staff, 'POST', 'domains', { domain: `d${each}.many.example` })
    const more = await call(staff, 'POST', 'domains', { domain: 'one-more.example' })
    expect(more.body.code).toBe('too-many-domains')
    expect((await call(staff, 'POST', 'domains', { domain: 'd0.many.example' })).status).toBe(201)
  })
})

it('what an operator does to a tenant at the command line is in its audit log', async () => {
  const { id } = await server.createTenant()
  await changeTenant(database.worker, id, { maxLeadsPerMonth: 50 })
  await changeTenant(database.worker, id, { isActive: false })
  await changeTenant(database.worker, id, { isActive: true })
  await addTenantDomain(database.worker, id, 'www.Operator.example')
  expect(await removeTenantDomain(database.worker, id, 'www.operator.example')).toBe(true)
  expect(await removeTenantDomain(database.worker, id, 'www.operator.example')).toBe(false)
  const text = "select action, actor_kind || ':' || actor_id as by, resource_id from audit_event order by seq"
  expect(await asTenant({ database, tenant: { id, slug: '' } }, text)).toEqual(
    [
      ['tenant.changed', id],
      ['tenant.suspended', id],
      ['tenant.reactivated', id],
      ['domain.verified', 'www.operator.example'],
      ['domain.removed', 'www.operator.example'],
    ].map(([action, resource_id]) => ({ action, by: 'operator:cli', resource_id })),
  )
})
