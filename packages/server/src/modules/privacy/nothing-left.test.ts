import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createId } from '../../core/ids.ts'
import { createCarrier } from '../../core/mail/carrier.ts'
import { classifiedTables } from '../../database/classification.ts'
import { inTenant, type Tx } from '../../database/tenant.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestSender } from '../../testing/mail.ts'
import { bearer, createPerson, nextAddress, signInOver, type TestPerson } from '../../testing/people.ts'
import { enrolOver, nextCode } from '../../testing/second-factors.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { findMarkers, withEverything } from '../../testing/whole-database.ts'
import { DEMO_FORM } from '../forms/definition/demo.ts'
import { insertPublishedForm } from '../forms/seed-queries.ts'

let database: TestDatabase
let server: TestServer
let dataDir: string
let markers: Set<string>
/** Of authenticator apps, by the address of their person. */
const secrets = new Map<string, string>()
beforeEach(async () => {
  database = await createTestDatabase()
  dataDir = await mkdtemp(join(tmpdir(), 'rempart-erased-'))
  server = await startTestServer(database, { environment: { REMPART_DATA_DIR: dataDir } })
  markers = new Set()
})
afterEach(async () => {
  await server.close()
  await database.close()
  await rm(dataDir, { recursive: true, force: true })
})

/** A text that is nowhere else, and is looked for when the person has gone. */
function marker(): string {
  const made = `mk${randomBytes(15).toString('hex')}`
  markers.add(made)
  return made
}

type Headers = Readonly<Record<string, string>>

async function call(method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, headers: Headers, payload?: object) {
  const answer = await server.app.inject({
    ...{ method, url: `/api/v1${url}`, remoteAddress: nextAddress(), headers: { ...headers } },
    ...(payload && { payload }),
  })
  if (answer.statusCode >= 500)
    throw new Error(server.logLines.filter((line) => line.includes('request failed')).join())
  if (answer.statusCode >= 300) throw new Error(`${method} ${url} answered ${answer.statusCode}: ${answer.body}`)
  return answer
}

const asWorker = <T>(work: (tx: Tx) => Promise<T>) => inTenant(database.worker, server.tenant.id, work)

/** Somebody who has left something in every place where a person can. */
async function everywhere(): Promise<{ readonly person: TestPerson; readonly headers: Headers }> {
  const tenant_id = server.tenant.id
  const email = `${marker()}@example.org`
  const person = await createPerson(server, { email, roles: ['admin'] })
  const { accessToken, secret } = await enrolOver(server, person)
  secrets.set(email, secret)
  const headers = { ...bearer(accessToken), 'user-agent': `Mozilla/5.0 (${marker()}) Firefox/140.0` }
  await call('PUT', '/users/me', headers, { name: `Ada ${marker()}` })
  await call('PUT', '/users/me', headers, { name: `Ada ${marker()}` })
  await call('POST', '/api-keys', headers, { name: marker(), scopes: ['leads:read'] })
  await call('POST', '/privacy/requests', headers, { kind: 'rectification', note: marker() })
  const role = await asWorker((tx) =>
    tx.selectFrom('role').select('id').where('code', '=', 'viewer').executeTakeFirstOrThrow(),
  )
  await call('POST', '/invitations', headers, { email: `guest-${createId()}@example.org`, roleId: role.id })
  await refusedSignIn(email)
  await secondSignIn(person)
  await visit(email)
  await asWorker(async (tx) => {
    const provider_id = createId()
    await tx
      .insertInto('identity_provider')
      .values({
        ...{ tenant_id, id: provider_id, code: 'github', kind: 'github', name: 'GitHub', client_id: 'client' },
        sealed_secret: randomBytes(64),
      })
      .execute()
    const account = { tenant_id, id: createId(), user_id: person.id, provider_id, iss: 'https://github.com' }
    await tx
      .insertInto('oauth_account')
      .values({ ...account, sub: marker() })
      .execute()
    await tx
      .insertInto('webauthn_credential')
      .values({
        ...{ tenant_id, id: createId(), user_id: person.id, credential_id: randomBytes(20), sign_count: 0 },
        ...{ public_key: randomBytes(80), aaguid: createId(), is_backup_eligible: true, is_backed_up: true },
        label: marker(),
      })
      .execute()
    // Somebody with this address was about to make an account by a provider.
    const pending = { tenant_id, token_hash: randomBytes(32), purpose: 'oauth-registration' }
    const data = JSON.stringify({ email: email.toUpperCase(), sub: marker() })
    await tx
      .insertInto('one_time_token')
      .values({ ...pending, data, expires_at: new Date(Date.now() + 60_000) })
      .execute()
    await tx
      .insertInto('lead_note')
      .values({
        ...{ tenant_id, id: createId(), lead_id: await strangersLead(tx), body: 'Called back.' },
        ...{ author: `Ada ${marker()}`, author_id: person.id },
      })
      .execute()
  })
  return { person, headers }
}

/** What visitors send, from the address of the person. */
async function visit(email: string): Promise<void> {
  const [gate, key] = [`g-${createId()}`, await server.apiKey(['gates:write', 'gates:register'])]
  await call('POST', '/contact', {}, { name: marker(), email, subject: marker(), message: `Hello ${marker()}` })
  await call('POST', '/gates', bearer(key), { slug: gate, name: 'Club', capacity: 5, isPublic: true })
  const [local, host] = email.split('@')
  const data = { seat: marker() }
  await call('POST', `/gates/${gate}/register`, bearer(key), {
    email: `${local}@${host?.toUpperCase()}`,
    name: marker(),
    data,
  })
  await asWorker(async (tx) => {
    const form = {
      tenantId: server.tenant.id,
      id: createId(),
      slug: `f-${createId()}`,
      name: 'Ask',
      definition: DEMO_FORM,
    }
    await insertPublishedForm(tx, form)
    const lead = { tenant_id: form.tenantId, id: createId(), form_id: form.id, form_version: 1 }
    await tx
      .insertInto('lead')
      .values({ ...lead, email: email.toUpperCase(), data: JSON.stringify({ fullName: marker() }) })
      .execute()
    await tx
      .insertInto('lead_note')
      .values({ tenant_id: form.tenantId, id: createId(), lead_id: lead.id, author: 'Grace', body: marker() })
      .execute()
    await tx
      .insertInto('submission_receipt')
      .values({ tenant_id: form.tenantId, nonce: createId(), form_id: form.id, lead_id: lead.id, outcome: marker() })
      .execute()
  })
}

async function strangersLead(tx: Tx): Promise<string> {
  const form = await tx.selectFrom('form').select('id').executeTakeFirstOrThrow()
  const id = createId()
  const lead = { tenant_id: server.tenant.id, id, form_id: form.id, form_version: 1, data: '{}' }
  await tx
    .insertInto('lead')
    .values({ ...lead, email: 'stranger@example.org' })
    .execute()
  return id
}

/** The password alone is right, from a browser that is nowhere else: the code is still asked for. */
async function secondSignIn({ email, password }: TestPerson): Promise<void> {
  const answer = await server.app.inject({
    ...{ method: 'POST', url: '/api/v1/auth/login', remoteAddress: nextAddress() },
    headers: { 'user-agent': `Mozilla/5.0 ${marker()}` },
    payload: { email, password },
  })
  expect(answer.json().mfa_required).toBe(true)
  const code = nextCode(server, secrets.get(email) ?? '')
  const opened = await server.app.inject({
    ...{ method: 'POST', url: '/api/v1/auth/login/mfa', remoteAddress: nextAddress() },
    headers: { 'user-agent': `Mozilla/5.0 ${marker()}` },
    payload: { mfa_session_token: answer.json().mfa_session_token, code },
  })
  expect(opened.statusCode).toBe(200)
}

async function refusedSignIn(email: string): Promise<void> {
  const answer = await server.app.inject({
    ...{ method: 'POST', url: '/api/v1/auth/login', remoteAddress: nextAddress() },
    headers: { 'user-agent': marker() },
    payload: { email, password: marker() },
  })
  expect(answer.statusCode).toBe(401)
}

/** What the flows have filled, and rows or mails are found by. */
const filledByFlows: readonly string[] = ['email', 'email_norm', 'name']

/** Writes a marker over every text, JSON, list and byte column about the person that takes one, past what the flows fill. */
function fillColumns(userId: string): Promise<readonly string[]> {
  return withEverything(database, 'commit', async (client) => {
    const filled: string[] = []
    for (const place of placesOfAccounts) {
      if (await fill(client, { ...place, userId })) filled.push(`${place.table}.${place.column}`)
    }
    return filled
  })
}

/** Columns about a person in rows that belong to an account. */
const placesOfAccounts = classifiedTables.flatMap(({ name, links, columns }) => {
  const where = links.find((link) => link.by === 'account' && link.erase === 'delete')?.column
  const personal = Object.entries(columns).filter(
    ([column, { personal }]) => personal !== 'none' && personal !== 'pseudonym' && !filledByFlows.includes(column),
  )
  return where === undefined ? [] : personal.map(([column]) => ({ table: name, column, where: String(where) }))
})

async function fill(
  client: pg.Client,
  { table, column, where, userId }: { table: string; column: string; where: string; userId: string },
): Promise<boolean> {
  const { rows } = await client.query<{ type: string }>(
    `select data_type as type from information_schema.columns where table_schema = 'public' and table_name = $1 and column_name = $2`,
    [table, column],
  )
  const text = marker()
  const values: Readonly<Record<string, readonly unknown[]>> = {
    text: [text],
    jsonb: [JSON.stringify({ note: text })],
    ARRAY: [[text]],
    // A hash, or what is sealed.
    bytea: [Buffer.from(text), Buffer.concat([Buffer.from(text), randomBytes(32)])],
  }
  for (const value of values[rows[0]?.type ?? ''] ?? []) {
    await client.query('savepoint attempt')
    try {
      const { rowCount } = await client.query(
        `update ${table} set ${column} = $1 where ctid = (select ctid from ${table} where ${where}::text = $2 limit 1)`,
        [value, userId],
      )
      if (rowCount === 1) return true
    } catch {
      // The column takes nothing of the kind, so nothing of it can stay.
      await client.query('rollback to savepoint attempt')
    }
  }
  markers.delete(text)
  return false
}

/** Mails of the person, and of others that name the person, as files: those of an installation without a mail server. */
async function deliverToMailbox(): Promise<number> {
  const carrier = createCarrier({
    ...{ smtp: undefined, from: { name: 'Rempart', address: 'no-reply@localhost' }, host: 'localhost', dataDir },
  })
  const sender = startTestSender(database, { carrier })
  await sender.look()
  await sender.stop()
  return (await readdir(join(dataDir, 'mailbox'))).length
}

/** Where markers are: in the database, in files of the data directory, in lines of the log. */
async function traces(): Promise<readonly string[]> {
  await server.app.eventWriter.flush()
  const all = [...markers]
  const found = [...(await findMarkers(database, all))]
  for (const name of await readdir(dataDir, { recursive: true })) {
    const text = await readFile(join(dataDir, name), 'latin1').catch(() => '')
    // Bodies are in base64, line by line.
    const decoded = `${text}\n${Buffer.from(text.replaceAll(/[\r\n]/g, ''), 'base64').toString('latin1')}\n${decodedParts(text)}`
    found.push(...all.filter((each) => decoded.includes(each)).map((each) => `${name}: ${each}`))
  }
  for (const line of server.logLines) found.push(...all.filter((each) => line.includes(each)).map(() => `log: ${line}`))
  return found
}

const decodedParts = (text: string): string =>
  text
    .split(/\r?\n\r?\n/)
    .map((part) => Buffer.from(part.split(/\r?\n--/)[0] ?? '', 'base64').toString('latin1'))
    .join('\n')

const ofPerson = ['user_account', 'session', 'api_key', 'oauth_account', 'webauthn_credential', 'privacy_request']
const ofVisitor = ['lead', 'lead_note', 'submission_receipt', 'contact_message', 'gate_registration', 'one_time_token']

describe('somebody who is erased', () => {
  it('is nowhere: not in any column of any table, in no file, in no log line, and in no audit entry', {
    timeout: 120_000,
  }, async () => {
    const owner = await createPerson(server, { roles: ['owner'] })
    const { person } = await everywhere()
    const mails = await deliverToMailbox()
    const filled = await fillColumns(person.id)
    const { accessToken } = await signInOver(server, owner)
    const before = new Set((await traces()).map((trace) => trace.split(': ')[0]))
    // The positive control: what is looked for afterwards is there.
    expect(filled.length, filled.join(', ')).toBeGreaterThan(16)
    for (const table of [...ofPerson, ...ofVisitor]) expect(before, table).toContain(`public.${table}`)
    expect([...before].some((place) => place?.startsWith('mailbox'))).toBe(true)

    const audit = await call('GET', '/audit?pageSize=100', bearer(accessToken))
    expect([...markers].filter((each) => audit.body.includes(each)).length).toBeGreaterThan(2)

    const receipt = (await call('DELETE', `/gdpr/delete?userId=${person.id}`, bearer(accessToken))).json()
    expect(receipt.tables.length).toBeGreaterThan(12)

    expect(await traces()).toEqual([])
    const after = await call('GET', '/audit?pageSize=100', bearer(accessToken))
    expect([...markers].filter((each) => after.body.includes(each))).toEqual([])
    expect((await call('GET', '/audit/verify', bearer(accessToken))).json().verdict).toBe('whole')
    expect((await readdir(join(dataDir, 'mailbox'))).length).toBeLessThan(mails)
  })

  it('is nowhere either when what is theirs is made nobody’s, while what statistics need stays', {
    timeout: 120_000,
  }, async () => {
    const owner = await createPerson(server, { roles: ['owner'] })
    const { person } = await everywhere()
    await deliverToMailbox()
    await fillColumns(person.id)
    const { accessToken } = await signInOver(server, owner)
    const count = () => asWorker((tx) => tx.selectFrom('lead').select('score').execute())
    const leads = (await count()).length
    await call('POST', '/gdpr/anonymize', bearer(accessToken), { userId: person.id })
    expect(await traces()).toEqual([])
    expect((await count()).length).toBe(leads)
  })

  it('would be found in a column that nobody has thought of', { timeout: 120_000 }, async () => {
    const { headers } = await everywhere()
    const forgotten = marker()
    await withEverything(database, 'commit', async (client) => {
      await client.query('alter table gate_registration add column nickname text')
      await client.query('update gate_registration set nickname = $1', [forgotten])
    })
    await call('DELETE', '/gdpr/delete', headers)
    expect(await traces()).toEqual([`public.gate_registration: ${forgotten}`])
  })
})
