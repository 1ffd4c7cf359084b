import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { appendAudit } from '../../core/audit/append.ts'
import { verifyExport } from '../../core/audit/export-lines.ts'
import { createHeadSigner } from '../../core/audit/heads.ts'
import { destroyMonthKeys, destroyPersonKey } from '../../core/audit/subject-keys.ts'
import { verifyingKeyOf } from '../../core/credentials/master-signer.ts'
import { createKeyRing } from '../../core/credentials/sealing.ts'
import { keyLabels, mastersOf } from '../../core/secrets.ts'
import { inTenant } from '../../database/tenant.ts'
import { asOwner, createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { signHeads } from './sign-heads.ts'

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

const signer = createHeadSigner(mastersOf(secretKey))
const errors: unknown[] = []
const signAll = (anchorFile?: string) =>
  signHeads({
    worker: database.worker,
    signer,
    anchorFile,
    nowMs: () => server.clock.nowMs,
    log: { error: (...line: unknown[]) => void errors.push(line) } as unknown as Parameters<typeof signHeads>[0]['log'],
  })

it('goes on with verification where the call before stopped, and notices who altered what comes after', async () => {
  for (let index = 0; index < 5; index += 1) await append(`${index}`)
  const rest = async () => (await get('/audit/verify?after=3')).json()
  expect(await rest()).toMatchObject({ verdict: 'whole', checkedFrom: 3, checkedTo: 6, nextAfter: null })
  await tamper(`update audit_event set request_id = 'other' where tenant_id = '${tenant.id}' and seq = 5`)
  expect(await rest()).toMatchObject({ verdict: 'altered', at: 5, nextAfter: null })
})

it('notices that what was checked before is gone, signed or not', async () => {
  for (let index = 0; index < 5; index += 1) await append(`${index}`)
  const { checkedTo } = await verdict()
  const rest = async () => (await get(`/audit/verify?after=${checkedTo}`)).json()
  expect(await rest()).toMatchObject({ verdict: 'whole', checkedTo, nextAfter: null })
  await tamper(`delete from audit_event where tenant_id = '${tenant.id}' and seq >= ${checkedTo - 1}`)
  expect(await rest()).toMatchObject({ verdict: 'truncated', at: checkedTo, nextAfter: null })
})

describe('signed heads', () => {
  it('show who cut entries off the end, or cut them off and wrote others, or forged a head', async () => {
    for (let index = 0; index < 5; index += 1) await append(`${index}`)
    await signAll()
    const whole = await verdict()
    expect(whole).toMatchObject({ verdict: 'whole', signedTo: whole.checkedTo })
    await tamper(`delete from audit_event where tenant_id = '${tenant.id}' and seq > 4`)
    expect(await verdict()).toMatchObject({ verdict: 'truncated', at: whole.checkedTo })
    await append('written over')
    await append('written over')
    expect(await verdict()).toMatchObject({ verdict: 'altered', at: whole.checkedTo })
    await tamper(`delete from audit_head where tenant_id = '${tenant.id}';
      insert into audit_head select tenant_id, seq, hash, date_trunc('milliseconds', now()), '${signer.key.kid}',
        decode(repeat('ab', 64), 'hex') from audit_event where tenant_id = '${tenant.id}' and seq = 5`)
    expect(await verdict()).toMatchObject({ verdict: 'head-altered', at: 5 })
  })

  it('under a key that nobody knows are believed only where a later one vouches for them', async () => {
    for (let index = 0; index < 5; index += 1) await append(`${index}`)
    const unknown = createHeadSigner(mastersOf('u'.repeat(32))).key.kid
    const insertUnknown = (seq: number) =>
      tamper(`insert into audit_head select tenant_id, seq, hash, date_trunc('milliseconds', now()), '${unknown}',
        decode(repeat('ab', 64), 'hex') from audit_event where tenant_id = '${tenant.id}' and seq = ${seq}`)
    await insertUnknown(3)
    expect(await verdict()).toMatchObject({ verdict: 'head-altered', at: 3 })
    await tamper(`delete from audit_head where tenant_id = '${tenant.id}'`)
    await signAll()
    await insertUnknown(3)
    const whole = await verdict()
    expect(whole).toMatchObject({ verdict: 'whole' })
    // It vouches for the entries as they were, whoever signed in between.
    await tamper(`update audit_event set request_id = 'other' where tenant_id = '${tenant.id}' and seq = 2`)
    expect(await verdict()).toMatchObject({ verdict: 'altered', at: 2 })
  })

  it('are not given to a log that was edited since the last one', async () => {
    await append('a')
    await signAll()
    await append('b')
    await tamper(`update audit_event set changes = '{}' where tenant_id = '${tenant.id}' and seq = 3`)
    errors.length = 0
    await signAll()
    expect(errors).toContainEqual([{ tenantId: tenant.id, seq: 3 }, expect.stringContaining('altered')])
    expect((await get('/audit/heads')).json()).toMatchObject({
      items: [{ seq: 2 }],
      nextCursor: null,
      keys: [signer.key],
    })
  })
})

describe('an export', () => {
  const exported = async () => (await get('/audit/export')).body
  const check = (file: string, trust?: Parameters<typeof verifyExport>[1]) =>
    verifyExport(
      (async function* () {
        yield* file.split('\n')
      })(),
      trust,
    )

  it('is found whole by the offline verifier, with the heads that vouch for it', async () => {
    for (let index = 0; index < 5; index += 1) await append(`${index}`)
    await signAll()
    await append('after the head')
    const file = await exported()
    const keys = [verifyingKeyOf(signer.key.x)]
    expect(await check(file, { keys })).toMatchObject({ verdict: 'whole', entries: 7, signedTo: 6, isOwnKey: false })
    expect(await check(file)).toMatchObject({ verdict: 'whole', isOwnKey: true })
    const other = createHeadSigner(mastersOf('7'.repeat(32))).key
    expect(await check(file, { keys: [other] })).toMatchObject({ verdict: 'head-altered', at: 6 })
  })

  it('is found out, whatever was done to it', async () => {
    for (let index = 0; index < 5; index += 1) await append(`${index}`)
    await signAll()
    const file = await exported()
    const lines = file.trimEnd().split('\n')
    // A header, one head, six entries, an end.
    expect(lines).toHaveLength(9)
    const line = (index: number) => lines[index] ?? ''
    const of = (kept: readonly string[]) => check(`${kept.join('\n')}\n`)
    expect(await of(lines.with(4, line(4).replace('"done"', '"refused"')))).toMatchObject({ verdict: 'altered', at: 3 })
    expect(await of(lines.with(4, line(4).replace('"atMs":', '"atMs":1')))).toMatchObject({ verdict: 'altered', at: 3 })
    expect(await of(lines.toSpliced(4, 1))).toMatchObject({ verdict: 'altered', at: 3 })
    expect(await of(lines.with(4, line(5)).with(5, line(4)))).toMatchObject({ verdict: 'altered', at: 3 })
    expect(await of(lines.toSpliced(5, 0, line(4)))).toMatchObject({ verdict: 'altered', at: 4 })
    expect(await of(lines.toSpliced(-2, 1))).toMatchObject({ verdict: 'truncated', at: 6 })
    expect(await of(lines.slice(0, -1))).toMatchObject({ verdict: 'incomplete' })
    expect(await of(lines.with(1, line(1).replace(/"signature":"./, '"signature":"_')))).toMatchObject({
      verdict: 'head-altered',
    })
    expect(await of(['{}'])).toMatchObject({ verdict: 'incomplete' })
    for (let at = 0; at < file.length; at += 97) expect((await check(file.slice(0, at))).verdict).not.toBe('whole')
  })

  it('cut off together with its heads is found out by the anchor that was kept elsewhere', async () => {
    const directory = await mkdtemp('/tmp/rempart-test-')
    try {
      for (let index = 0; index < 5; index += 1) await append(`${index}`)
      await signAll(`${directory}/anchors`)
      await tamper(`delete from audit_event where tenant_id = '${tenant.id}' and seq > 2;
        delete from audit_head where tenant_id = '${tenant.id}'`)
      expect(await verdict()).toMatchObject({ verdict: 'whole' })
      const anchors = (await readFile(`${directory}/anchors`, 'utf8'))
        .trimEnd()
        .split('\n')
        .map((text) => JSON.parse(text))
      expect(await check(await exported(), { keys: [signer.key], anchors })).toMatchObject({
        verdict: 'truncated',
        at: 6,
      })
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  it('class 44: holds as many lines as entries whatever a User-Agent, an address or a value holds', async () => {
    const nasty = 'x\r\n{"type":"end"}\n\u001b[2J\u2028\u2029\u0085\u009b31m\u202e\ud800'
    const userId = crypto.randomUUID()
    await inTenant(database.app, tenant.id, (tx) =>
      appendAudit(
        tx,
        { ...source(), audit: { ring, address: '203.0.113.9', userAgent: nasty } },
        {
          action: 'session.ended',
          resource: { type: 'user', id: nasty.toWellFormed() },
          changes: { nasty },
          personal: { userId, values: { email: nasty } },
        },
      ),
    )
    const file = await exported()
    expect(file.split('\n')).toHaveLength(2 + 2 + 1)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
    expect(file).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e]/)
    expect(await check(file)).toMatchObject({ verdict: 'whole', entries: 2 })
    const person = await createPerson(server, { tenantId: tenant.id })
    server.logLines.length = 0
    await signInOver(server, person, { headers: { 'x-tenant-id': tenant.slug, 'user-agent': 'x\u001b[2J\u0085y' } })
    for (const line of server.logLines) {
      expect(line.trimEnd().split('\n')).toHaveLength(1)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
      expect(line.trimEnd()).not.toMatch(/[\u0000-\u001f\u0085\u009b\u2028\u2029]/)
    }
    expect((await get('/audit?action=session.opened')).json().items[0].client.userAgent).toContain('x')
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

describe('client addresses', () => {
  it('are gone once the key of their month is destroyed, those of later months are not, and the chain holds', async () => {
    await append('a')
    const destroy = (before: Date) => inTenant(database.worker, tenant.id, (tx) => destroyMonthKeys(tx, before))
    expect(await destroy(new Date())).toBe(0)
    expect((await get('/audit')).json().items[0].client).toEqual({ address: '203.0.113.9', userAgent: 'test' })
    expect(await destroy(new Date(Date.now() + 32 * 86_400_000))).toBe(1)
    expect((await get('/audit')).json().items[0]).toMatchObject({ client: null, changes: { marker: 'a' } })
    expect(await verdict()).toMatchObject({ verdict: 'whole' })
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

  it('is what staff do to people and roles, with names and addresses under the key of the person', async () => {
    const owner = await createPerson(server, { tenantId: tenant.id, roles: ['owner'] })
    const { accessToken } = await signInOver(server, owner, { headers: { 'x-tenant-id': tenant.slug } })
    const call = async (method: 'POST' | 'PUT' | 'DELETE', url: string, payload?: object) => {
      const answer = await server.app.inject({
        method,
        url: `/api/v1${url}`,
        remoteAddress: nextAddress(),
        ...(payload !== undefined && { payload }),
        headers: bearer(accessToken),
      })
      expect(answer.statusCode, `${method} ${url}: ${answer.body}`).toBeLessThan(300)
      return answer.body === '' ? undefined : answer.json()
    }
    const email = `${crypto.randomUUID()}@example.org`
    const { id } = await call('POST', '/users', { email, name: 'Ada' })
    const role = await call('POST', '/roles', { code: 'helper', name: 'Helper', permissions: ['leads:read'] })
    await call('POST', `/users/${id}/roles`, { roleId: role.id })
    await call('DELETE', `/users/${id}/roles/${role.id}`)
    await call('POST', `/users/${id}/deactivate`)
    await call('DELETE', `/users/${id}`)
    const { items } = (await get(`/audit?actorId=${owner.id}&pageSize=100`)).json()
    expect(items.map(({ action }: { action: string }) => action)).toEqual([
      'user.deleted',
      'user.deactivated',
      'role.withdrawn',
      'role.granted',
      'role.created',
      'user.created',
      'session.opened',
    ])
    expect(items[3]).toMatchObject({ resource: { type: 'user', id }, changes: { role: 'helper', roleId: role.id } })
    expect(items[5]).toMatchObject({ subjectId: id, changes: {}, personal: { email, name: 'Ada' } })
    expect((await get('/audit/export')).body).not.toContain(email)
    expect(await verdict()).toMatchObject({ verdict: 'whole' })
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

  it.each(['9007199254740992', '9223372036854775808', '1e300', '-1', '1.5'])(
    'is refused from an entry that no log can have: %s',
    async (seq) => {
      for (const url of ['/audit?cursor=', '/audit/heads?cursor=', '/audit/verify?after=']) {
        expect([url, (await get(`${url}${seq}`)).statusCode]).toEqual([url, 422])
      }
    },
  )

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
