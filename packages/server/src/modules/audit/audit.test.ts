import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { appendAudit } from '../../core/audit/append.ts'
import { destroyPersonKey } from '../../core/audit/subject-keys.ts'
import { createKeyRing } from '../../core/credentials/sealing.ts'
import { keyLabels } from '../../core/secrets.ts'
import { inTenant } from '../../database/tenant.ts'
import { asOwner, createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

const secretKey = 'Zk3vQm8xT1pLr6wYb9cN4hJd7sGf2aKe5uXo0iVtRqM='
const ring = createKeyRing({ current: Buffer.from(secretKey) }, keyLabels.auditSubjects)

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database, { environment: { REMPART_SECRET_KEY: secretKey } })
})
afterAll(async () => {
  await server.close()
  await database.close()
})

/** A tenant of its own per test, with somebody who may read its log. */
let tenant: { readonly id: string; readonly slug: string }
let reader: { readonly authorization: string }
beforeEach(async () => {
  tenant = await server.createTenant()
  reader = await readerOf(tenant)
})

const readerOf = async ({ id, slug }: { id: string; slug: string }) => {
  await inTenant(database.worker, id, async (tx) => {
    const roleId = crypto.randomUUID()
    await tx
      .insertInto('role')
      .values({ tenant_id: id, id: roleId, code: 'auditor', name: 'Auditor', permissions: ['audit:read'] })
      .execute()
  })
  const person = await createPerson(server, { tenantId: id, roles: ['auditor'] })
  return bearer((await signInOver(server, person, { headers: { 'x-tenant-id': slug } })).accessToken)
}

const get = (url: string, headers: Record<string, string> = reader) =>
  server.app.inject({ method: 'GET', url: `/api/v1${url}`, remoteAddress: nextAddress(), headers: { ...headers } })
const verdict = async () => (await get('/audit/verify')).json()

const source = (tenantId = tenant.id) => ({
  tenant: { id: tenantId },
  actor: { kind: 'operator', id: 'cli' } as const,
  requestId: 'test',
  audit: { ring, address: '203.0.113.9', userAgent: 'test' },
})
const append = (marker: string, tenantId = tenant.id) =>
  inTenant(database.app, tenantId, (tx) =>
    appendAudit(tx, source(tenantId), { action: 'session.ended', changes: { marker } }),
  )

/** As whoever holds the tables themselves, and so can switch everything off that protects them. */
async function tamper(damage: string): Promise<void> {
  await asOwner(
    database.target('rempart_owner'),
    `begin; alter table audit_event disable trigger user; alter table audit_event no force row level security;
     alter table audit_head disable trigger user; alter table audit_head no force row level security; ${damage};
     alter table audit_event enable trigger user; alter table audit_event force row level security;
     alter table audit_head enable trigger user; alter table audit_head force row level security; commit`,
  )
}

describe('the log', () => {
  it.each(['app', 'worker'] as const)('is neither written, changed, emptied nor truncated by %s', async (role) => {
    await append('a')
    for (const statement of [
      `insert into audit_event (tenant_id, seq, at, actor_kind, action, outcome, request_id, changes, hash)
       values ('${tenant.id}', 99, '2026-01-01', 'public', 'a.b', 'done', 'x', '{}', sha256('x'))`,
      "update audit_event set outcome = 'refused'",
      'delete from audit_event',
      'truncate audit_event',
      'update audit_head set seq = 1',
      'delete from audit_head',
      'truncate audit_head',
      'alter table audit_event disable trigger all',
    ]) {
      const attempt = inTenant(database[role], tenant.id, (tx) => sql.raw(statement).execute(tx))
      await expect(attempt, statement).rejects.toMatchObject({ code: '42501' })
    }
    expect(await verdict()).toMatchObject({ verdict: 'whole' })
  })

  it('is not changed by the owner of the tables either, who would have to say so first', async () => {
    const target = database.target('rempart_owner')
    for (const statement of [
      'update audit_event set outcome = outcome',
      'delete from audit_event',
      'truncate audit_event',
    ]) {
      await expect(asOwner(target, statement), statement).rejects.toMatchObject({ code: '42501' })
    }
  })

  it('takes no entry without a tenant', async () => {
    const call = "select audit_append('public', null, 'a.b', null, null, 'done', 'x', '{}', null, null, null)"
    await expect(database.app.query(call)).rejects.toMatchObject({ code: '42501' })
  })

  it('forgets an entry with the act that was rolled back, and leaves no gap', async () => {
    const before = (await verdict()).checkedTo
    await expect(
      inTenant(database.app, tenant.id, async (tx) => {
        await appendAudit(tx, source(), { action: 'session.ended', changes: { marker: 'rolled back' } })
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    await append('kept')
    expect(await verdict()).toMatchObject({ verdict: 'whole', checkedTo: before + 1 })
    expect((await get('/audit')).body).not.toContain('rolled back')
  })

  it('chains two hundred entries that come at once without a gap', async () => {
    const before = (await verdict()).checkedTo
    await Promise.all(Array.from({ length: 200 }, (_, index) => append(`${index}`)))
    expect(await verdict()).toMatchObject({ verdict: 'whole', checkedTo: before + 200, nextAfter: null })
  })

  it('shows a tenant nothing of another', async () => {
    const other = await server.createTenant()
    await append('secret of another', other.id)
    expect((await get('/audit')).body).not.toContain('secret of another')
  })
})

describe('verification', () => {
  it.each([
    ['edits an entry', "update audit_event set changes = '{}' where tenant_id = '$t' and seq = 3", 3],
    [
      'moves an entry in time',
      "update audit_event set at = at - interval '1 hour' where tenant_id = '$t' and seq = 4",
      4,
    ],
    ['takes an entry away', "delete from audit_event where tenant_id = '$t' and seq = 3", 3],
    [
      'swaps two entries',
      `update audit_event set seq = 1000 where tenant_id = '$t' and seq = 4;
       update audit_event set seq = 4 where tenant_id = '$t' and seq = 5;
       update audit_event set seq = 5 where tenant_id = '$t' and seq = 1000`,
      4,
    ],
    [
      'edits an entry and makes its hash fit',
      "update audit_event set changes = '{}', hash = sha256('x') where tenant_id = '$t' and seq = 3",
      3,
    ],
  ])('finds who %s', async (_, damage, at) => {
    for (let index = 0; index < 6; index += 1) await append(`${index}`)
    expect(await verdict()).toMatchObject({ verdict: 'whole', at: null })
    await tamper(damage.replaceAll('$t', tenant.id))
    expect(await verdict()).toMatchObject({ verdict: 'altered', at })
  })
})

describe('personal values', () => {
  it('are shown to who may read the log, and are gone from everywhere once the person is erased', async () => {
    const userId = crypto.randomUUID()
    const marker = `marker-${crypto.randomUUID()}`
    await inTenant(database.app, tenant.id, (tx) =>
      appendAudit(tx, source(), { action: 'session.ended', personal: { userId, values: { email: marker } } }),
    )
    expect((await get('/audit')).json().items[0]).toMatchObject({ personal: { email: marker }, subjectId: userId })
    expect(await inTenant(database.app, tenant.id, (tx) => destroyPersonKey(tx, tenant.id, userId))).toBe(true)
    const [entry] = (await get('/audit')).json().items
    expect(entry).toMatchObject({ personal: null, subjectId: userId, client: { address: '203.0.113.9' } })
    expect(await verdict()).toMatchObject({ verdict: 'whole' })
    const rows = await inTenant(database.worker, tenant.id, (tx) => tx.selectFrom('audit_event').selectAll().execute())
    const text = JSON.stringify(
      rows.map((row) => Object.values(row).map((each) => (Buffer.isBuffer(each) ? each.toString('latin1') : each))),
    )
    expect(text).not.toContain(marker)
    expect(text).not.toContain('203.0.113.9')
  })
})

describe('what is logged', () => {
  const actions = async () =>
    (await get('/audit?pageSize=100'))
      .json()
      .items.map(({ action, changes }: { action: string; changes: { reason?: string } }) => [action, changes.reason])

  it('is each sign-in with its outcome, for staff alone, and each sign-out', async () => {
    const person = await createPerson(server, { tenantId: tenant.id })
    const headers = { 'x-tenant-id': tenant.slug }
    const login = (email: string, password: string) =>
      server.app.inject({
        method: 'POST',
        url: '/api/v1/auth/login',
        remoteAddress: nextAddress(),
        payload: { email, password },
        headers,
      })
    await login(person.email, 'not this one')
    await login('nobody@example.org', 'not this one')
    const { accessToken } = await signInOver(server, person, { headers })
    await server.app.inject({
      method: 'POST',
      url: '/api/v1/auth/logout',
      remoteAddress: nextAddress(),
      payload: {},
      headers: bearer(accessToken),
    })
    expect((await actions()).slice(0, 4)).toEqual([
      ['session.ended', 'signed-out'],
      ['session.opened', undefined],
      ['session.refused', 'unknown-account'],
      ['session.refused', 'wrong-password'],
    ])
    const refused = (await get('/audit?action=session.refused')).json()
    expect(refused.total).toBe(2)
    expect(JSON.stringify(refused)).not.toContain('nobody@example.org')
  })

  it('class 1: is a refresh token that comes back, with the session that it ended', async () => {
    const person = await createPerson(server, { tenantId: tenant.id })
    const { refreshToken } = await signInOver(server, person, { headers: { 'x-tenant-id': tenant.slug } })
    const refresh = (token: string) =>
      server.app.inject({
        method: 'POST',
        url: '/api/v1/auth/refresh',
        remoteAddress: nextAddress(),
        payload: { refresh_token: token },
      })
    const next = (await refresh(refreshToken)).json().refresh_token
    await refresh(next)
    expect((await refresh(refreshToken)).statusCode).toBe(401)
    const { items } = (await get('/audit?action=session.replayed')).json()
    expect(items).toMatchObject([{ outcome: 'refused', resource: { type: 'session' }, changes: { userId: person.id } }])
  })

  it('class 35: is a credential that was sent to another tenant, in the log of its own', async () => {
    const other = await server.createTenant()
    const answer = await get('/audit', { ...reader, 'x-tenant-id': other.slug })
    expect(answer.statusCode).toBe(403)
    expect(answer.json().code).toBe('tenant-conflict')
    expect((await get('/audit?action=credential.tenant-conflict')).json().total).toBe(1)
    const theirs = await inTenant(database.worker, other.id, (tx) => tx.selectFrom('audit_event').selectAll().execute())
    expect(theirs).toEqual([])
  })
})

describe('paging', () => {
  it('goes through the log by cursor, newest first, and by filter', async () => {
    for (let index = 0; index < 5; index += 1) await append(`${index}`)
    const seen: number[] = []
    let url = '/audit?pageSize=2'
    for (let page = 0; page < 5; page += 1) {
      const { items, nextCursor } = (await get(url)).json()
      seen.push(...items.map(({ seq }: { seq: number }) => seq))
      if (nextCursor === null) break
      url = `/audit?pageSize=2&cursor=${nextCursor}`
    }
    expect(seen).toEqual([6, 5, 4, 3, 2, 1])
    expect((await get('/audit?actorId=cli')).json().total).toBe(5)
    expect((await get('/audit?to=2020-01-01T00:00:00Z')).json().total).toBe(0)
    expect((await get('/audit?action=nothing.such')).statusCode).toBe(422)
  })

  it('is for who may read it, and never for an API key', async () => {
    const nobody = await createPerson(server, { tenantId: tenant.id })
    const { accessToken } = await signInOver(server, nobody, { headers: { 'x-tenant-id': tenant.slug } })
    for (const url of ['/audit', '/audit/verify']) {
      expect((await get(url, bearer(accessToken))).statusCode).toBe(403)
      expect((await get(url, {})).statusCode).toBe(401)
      expect((await get(url, { 'x-api-key': await server.apiKey(['health:read'], tenant.id) })).statusCode).toBe(403)
    }
  })
})
