import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createId } from '../../core/ids.ts'
import { inTenant, type Tx } from '../../database/tenant.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver, type TestPerson } from '../../testing/people.ts'
import { enrolOver } from '../../testing/second-factors.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database)
  // A tenant keeps an owner, whoever is erased here.
  await createPerson(server, { roles: ['owner'] })
})
afterAll(async () => {
  await server.close()
  await database.close()
})

type Headers = Readonly<Record<string, string>>
type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

const call = (method: Method, url: string, headers: Headers = {}, payload?: object) =>
  server.app.inject({
    ...{ method, url: `/api/v1${url}`, remoteAddress: nextAddress(), headers: { ...headers } },
    ...(payload && { payload }),
  })

const asWorker = <T>(work: (tx: Tx) => Promise<T>, tenantId = server.tenant.id) =>
  inTenant(database.worker, tenantId, work)

async function signedIn(roles: readonly string[], tenantId?: string) {
  const person = await createPerson(server, { roles, ...(tenantId !== undefined && { tenantId }) })
  const headers: Headers = tenantId === undefined ? {} : { 'x-tenant-id': tenantId }
  const { accessToken, refreshToken } = await signInOver(server, person, { headers })
  return { person, headers: bearer(accessToken), refreshToken }
}

/** A message from an address, as a visitor sends it. */
const writeFrom = async (email: string, message = 'Hello') =>
  expect((await call('POST', '/contact', {}, { name: 'Ada', email, message })).statusCode).toBe(201)

const messagesFrom = (email: string) =>
  asWorker((tx) => tx.selectFrom('contact_message').select('message').where('email', '=', email).execute())

const sectionOf = (data: { sections: { table: string; rows: Record<string, unknown>[] }[] }, table: string) =>
  data.sections.find((section) => section.table === table)?.rows

/** What is left of an account, by table. */
const leftOf = (userId: string) =>
  asWorker(async (tx) => ({
    accounts: await tx.selectFrom('user_account').select('id').where('id', '=', userId).execute(),
    sessions: await tx.selectFrom('session').select('id').where('user_id', '=', userId).execute(),
    keys: await tx
      .selectFrom('audit_subject_key')
      .select('subject')
      .where('subject', '=', `person:${userId}`)
      .execute(),
    tokens: await tx.selectFrom('one_time_token').select('purpose').where('user_id', '=', userId).execute(),
  }))

const nothing = { accounts: [], sessions: [], keys: [], tokens: [] }

describe('the inventory', () => {
  it('shows who may read it every column about people', async () => {
    const { headers } = await signedIn(['admin'])
    const answer = await call('GET', '/gdpr/inventory', headers)
    expect(answer.statusCode).toBe(200)
    const { tables } = answer.json()
    const session = tables.find(({ table }: { table: string }) => table === 'session')
    expect(session).toMatchObject({ retention: { fr: '30 jours après leur fin.' }, foundBy: ['user_id (account)'] })
    const sealed = session.columns.find(({ column }: { column: string }) => column === 'client_sealed')
    expect(sealed).toEqual({
      column: 'client_sealed',
      personal: 'device',
      exported: true,
      erase: 'delete',
      legal: null,
    })
    const { headers: editor } = await signedIn(['editor'])
    expect((await call('GET', '/gdpr/inventory', editor)).json().code).toBe('permission-missing')
  })
})

describe('an export', () => {
  it('holds everything of the person, what is sealed too, and no secret', async () => {
    const person = await createPerson(server, { roles: ['editor'] })
    const { accessToken, recoveryCodes, secret } = await enrolOver(server, person)
    const headers = bearer(accessToken)
    await call('PUT', '/users/me', headers, { name: 'Ada Lovelace' })
    await writeFrom(person.email.toUpperCase().replace('@EXAMPLE.ORG', '@example.org'), 'From the person')
    await writeFrom(`other-${person.email}`, 'From somebody else')
    const answer = await call('GET', '/gdpr/export', headers)
    expect([answer.statusCode, answer.headers['cache-control']]).toEqual([200, 'no-store'])
    expect(answer.headers['content-disposition']).toMatch(/^attachment; filename="personal-data-/)
    const data = answer.json()
    expect(sectionOf(data, 'user_account')).toMatchObject([{ email: person.email, name: 'Ada Lovelace' }])
    expect(sectionOf(data, 'session')?.[0]?.['client']).toEqual({
      address: expect.stringMatching(/^10\./),
      userAgent: 'lightMyRequest',
    })
    expect(sectionOf(data, 'contact_message')).toMatchObject([{ message: 'From the person' }])
    const renamed = sectionOf(data, 'audit_event')?.find(({ action }) => action === 'user.changed')
    expect(renamed).toMatchObject({ personal: { to: 'Ada Lovelace' }, client: { userAgent: 'lightMyRequest' } })
    expect(sectionOf(data, 'mfa_recovery_code')?.length).toBe(10)
    for (const leak of ['argon2', secret, 'hash', 'sealed', ...recoveryCodes, accessToken])
      expect(answer.body, leak).not.toContain(leak)
  })

  it('is a page without scripts in the language asked for, with what visitors wrote as text', async () => {
    const { person, headers } = await signedIn([])
    await writeFrom(person.email, '<script>alert(1)</script>')
    const ask = (language: string) =>
      call('GET', '/gdpr/export?format=html', { ...headers, 'accept-language': language })
    const french = await ask('fr')
    expect(french.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(french.body).toContain('Vos données personnelles')
    expect(french.body).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
    expect(french.body).not.toMatch(/<script|src=|href="(?!#|data:,)|url\(|@import/)
    expect((await ask('en')).body).toContain('Your personal data')
  })

  it('leaves out what was sent from an address that the account has not proved', async () => {
    const { headers: staff } = await signedIn(['admin'])
    const email = `victim-${createId()}@example.org`
    await writeFrom(email, 'A secret of the victim')
    // Somebody with an account under an address that they merely typed.
    const attacker = await createPerson(server, { email, isVerified: false })
    const data = (await call('GET', `/gdpr/export/${attacker.id}`, staff)).json()
    expect(sectionOf(data, 'user_account')).toHaveLength(1)
    expect(sectionOf(data, 'contact_message')).toBeUndefined()
    expect((await call('DELETE', `/gdpr/delete?userId=${attacker.id}`, staff)).statusCode).toBe(200)
    expect(await messagesFrom(email)).toHaveLength(1)
  })

  it('of somebody else takes the permission, a fresh proof, and the same tenant', async () => {
    const { person } = await signedIn([])
    const url = `/gdpr/export/${person.id}`
    const { headers: editor } = await signedIn(['editor'])
    expect((await call('GET', url, editor)).json().code).toBe('permission-missing')
    const { headers: staff } = await signedIn(['admin'])
    expect((await call('GET', url, staff)).statusCode).toBe(200)
    expect((await call('GET', `/gdpr/export/${createId()}`, staff)).json().code).toBe('user-not-found')
    const other = await server.createTenant()
    const foreign = await createPerson(server, { tenantId: other.id })
    expect((await call('GET', `/gdpr/export/${foreign.id}`, staff)).json().code).toBe('user-not-found')
    const before = server.clock.nowMs
    server.clock.nowMs += 700_000
    const late = [await call('GET', url, staff), await call('GET', '/gdpr/export', staff)]
    server.clock.nowMs = before
    expect(late.map((answer) => answer.json().code)).toEqual(['step-up-required', 'step-up-required'])
  })
})

describe('erasure', () => {
  it('ends everything of the person at once, and frees the address', async () => {
    const { person, headers, refreshToken } = await signedIn(['admin'])
    const made = await call('POST', '/api-keys', headers, { name: 'mine', scopes: ['contact:read'] })
    const { key } = made.json()
    await writeFrom(person.email)
    const erased = await call('DELETE', '/gdpr/delete', headers)
    expect([erased.statusCode, erased.json().userId]).toEqual([200, person.id])
    expect((await call('GET', '/users/me', headers)).statusCode).toBe(401)
    expect((await call('POST', '/auth/refresh', {}, { refresh_token: refreshToken })).statusCode).toBe(401)
    expect((await call('GET', '/contact/messages', bearer(key))).statusCode).toBe(401)
    await expect(signInOver(server, person)).rejects.toThrow('401')
    expect(await messagesFrom(person.email)).toEqual([])
    expect(await leftOf(person.id)).toEqual(nothing)
    await createPerson(server, { email: person.email })
  })

  it('gives a receipt that names nobody and that any edit breaks', async () => {
    const { person, headers } = await signedIn([])
    const receipt = (await call('DELETE', '/gdpr/delete', headers)).json()
    expect(JSON.stringify(receipt)).not.toContain(person.email.split('@')[0])
    expect(receipt.tables).toContainEqual({ table: 'user_account', deleted: 1, anonymised: 0 })
    const verify = async (sent: object) => (await call('POST', '/gdpr/receipts/verify', {}, sent)).json().isValid
    expect(await verify(receipt)).toBe(true)
    const [first, ...rest] = receipt.tables
    for (const edit of [
      { at: '2026-01-01T00:00:00.000Z' },
      { userId: createId() },
      { userId: null },
      { kind: 'anonymise' },
      { tenantId: createId() },
      { auditKeyDestroyed: !receipt.auditKeyDestroyed },
      { tables: rest },
      { tables: [{ ...first, deleted: first.deleted + 1 }, ...rest] },
      { signature: 'A'.repeat(86) },
      { kid: 'x'.repeat(43) },
    ])
      expect(await verify({ ...receipt, ...edit }), JSON.stringify(edit)).toBe(false)
  })

  it('is for oneself with a fresh proof, for others with the permission, and for nobody with a key (class 37)', async () => {
    const { person: victim } = await signedIn([])
    const asks = (headers: Headers, userId?: string) => [
      call('DELETE', `/gdpr/delete${userId === undefined ? '' : `?userId=${userId}`}`, headers),
      call('POST', '/gdpr/anonymize', headers, userId === undefined ? {} : { userId }),
    ]
    const codes = async (...args: Parameters<typeof asks>) =>
      (await Promise.all(asks(...args))).map((answer) => answer.json().code)
    expect(await codes({}, victim.id)).toEqual(['authentication-required', 'authentication-required'])
    const key = await server.apiKey(['contact:read'])
    expect(await codes(bearer(key), victim.id)).toEqual(['session-required', 'session-required'])
    const { headers } = await signedIn(['editor'])
    expect(await codes(headers, victim.id)).toEqual(['permission-missing', 'permission-missing'])
    const { headers: staff } = await signedIn(['admin'])
    const other = await server.createTenant()
    const foreign = await createPerson(server, { tenantId: other.id })
    expect(await codes(staff, foreign.id)).toEqual(['user-not-found', 'user-not-found'])
    const before = server.clock.nowMs
    server.clock.nowMs += 700_000
    const late = await codes(headers)
    server.clock.nowMs = before
    expect(late).toEqual(['step-up-required', 'step-up-required'])
    expect((await leftOf(victim.id)).accounts).toHaveLength(1)
  })

  it('erases nobody for a misspelt name of somebody else, least of all who asks', async () => {
    const { person, headers } = await signedIn(['admin'])
    const { person: victim } = await signedIn([])
    for (const query of [
      `user_id=${victim.id}`,
      `userid=${victim.id}`,
      'userId=',
      'userId=me',
      `userId=${victim.id}&x=1`,
    ])
      expect((await call('DELETE', `/gdpr/delete?${query}`, headers)).statusCode, query).toBe(422)
    const body = { userId: victim.id }
    expect((await call('DELETE', '/gdpr/delete', headers, body)).statusCode).toBe(400)
    expect((await call('POST', '/gdpr/anonymize', headers, { user_id: victim.id })).statusCode).toBe(422)
    for (const { id } of [person, victim]) expect((await leftOf(id)).accounts).toHaveLength(1)
  })

  it('leaves a tenant its last owner, and an owner to owners (class 38)', async () => {
    const other = await server.createTenant()
    const owner = await signedIn(['owner'], other.id)
    const mine = { ...owner.headers, 'x-tenant-id': other.id }
    expect((await call('DELETE', '/gdpr/delete', mine)).json().code).toBe('last-owner')
    const inCapitals = `/gdpr/delete?userId=${owner.person.id.toUpperCase()}`
    expect((await call('DELETE', inCapitals, mine)).json().code).toBe('last-owner')
    expect((await call('POST', '/gdpr/anonymize', mine, {})).json().code).toBe('last-owner')
    const second = await signedIn(['owner'], other.id)
    const admin = await signedIn(['admin'], other.id)
    const asAdmin = await call('DELETE', `/gdpr/delete?userId=${second.person.id}`, admin.headers)
    expect(asAdmin.json().code).toBe('beyond-own-rights')
    // Each erases the other one at once: one of them stays.
    const both = await Promise.all([
      call('DELETE', `/gdpr/delete?userId=${second.person.id}`, owner.headers),
      call('DELETE', `/gdpr/delete?userId=${owner.person.id}`, second.headers),
    ])
    expect(both.map(({ statusCode }) => statusCode).toSorted()[0]).toBe(200)
    expect(both.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1)
  })

  it('happens once, however often it is asked for at once', async () => {
    const { person, headers } = await signedIn([])
    const answers = await Promise.all([1, 2, 3, 4].map(() => call('DELETE', '/gdpr/delete', headers)))
    const statuses = answers.map(({ statusCode }) => statusCode).toSorted()
    expect([statuses[0], statuses[1] === 200, statuses.every((status) => status < 500)]).toEqual([200, false, true])
    const entries = await asWorker((tx) =>
      tx.selectFrom('privacy_request').select('state').where('user_id', '=', person.id).execute(),
    )
    expect(entries).toEqual([{ state: 'done' }])
    expect(await leftOf(person.id)).toEqual(nothing)
  })

  it.each(['DELETE', 'POST'] as const)(
    'is not survived by sign-ins, refreshes and changes that are under way (%s)',
    async (method) => {
      for (let round = 0; round < 4; round += 1) {
        const { person, headers, refreshToken } = await signedIn([])
        const answers = await Promise.all([
          ...[1, 2, 3].map(() => signInAnswer(person)),
          call('POST', '/auth/refresh', {}, { refresh_token: refreshToken }),
          call('PUT', '/users/me', headers, { name: 'Mallory' }),
          call('POST', '/password-reset/request', {}, { email: person.email }),
          method === 'DELETE' ? call(method, '/gdpr/delete', headers) : call(method, '/gdpr/anonymize', headers, {}),
        ])
        expect(answers.at(-1)?.statusCode).toBe(200)
        for (const { statusCode, body } of answers) expect(statusCode, body).toBeLessThan(500)
        if (method === 'POST') continue
        expect(await leftOf(person.id)).toEqual(nothing)
      }
    },
  )

  it('leaves no account that could be signed in to when it was made nobody’s', async () => {
    const { person, headers } = await signedIn(['viewer'])
    expect((await call('POST', '/gdpr/anonymize', headers, {})).json().kind).toBe('anonymise')
    await expect(signInOver(server, person)).rejects.toThrow('401')
    const account = await asWorker((tx) =>
      tx.selectFrom('user_account').selectAll().where('id', '=', person.id).executeTakeFirstOrThrow(),
    )
    expect(account).toMatchObject({ name: null, email: `erased-${person.id}@erased.invalid`, is_active: false })
    expect(account.erased_at).toBeInstanceOf(Date)
    await createPerson(server, { email: person.email })
  })
})

const signInAnswer = ({ email, password }: TestPerson) => call('POST', '/auth/login', {}, { email, password })

describe('requests about personal data', () => {
  it('are seen by who made them and by who reads personal data, and are due in a month', async () => {
    const { person, headers } = await signedIn([])
    const opened = await call('POST', '/privacy/requests', headers, { kind: 'rectification', note: 'My name is Ada.' })
    expect(opened.statusCode).toBe(201)
    const request = opened.json()
    expect(request).toMatchObject({ state: 'open', userId: person.id, email: null })
    const days = (Date.parse(request.dueAt) - Date.parse(request.createdAt)) / 86_400_000
    expect(days).toBeGreaterThanOrEqual(28)
    expect(days).toBeLessThanOrEqual(31)
    const { headers: stranger } = await signedIn(['editor'])
    expect((await call('GET', `/privacy/requests/${request.id}`, stranger)).json().code).toBe(
      'privacy-request-not-found',
    )
    expect((await call('GET', '/privacy/requests', stranger)).json().items).toEqual([])
    const { headers: staff } = await signedIn(['admin'])
    const ids = (await call('GET', '/privacy/requests?state=open', staff))
      .json()
      .items.map(({ id }: { id: string }) => id)
    expect(ids).toContain(request.id)
    const answered = await call('POST', `/privacy/requests/${request.id}/answer`, staff, {
      state: 'done',
      answer: 'Done.',
    })
    expect(answered.json()).toMatchObject({
      state: 'done',
      answer: 'Done.',
      handledBy: expect.stringMatching(/^user:/),
    })
    const again = await call('POST', `/privacy/requests/${request.id}/answer`, staff, { state: 'refused' })
    expect(again.json().code).toBe('privacy-request-closed')
    expect((await call('GET', `/privacy/requests/${request.id}`, headers)).json().answer).toBe('Done.')
  })

  it('give people without an account their data, and erase it', async () => {
    const { headers: staff } = await signedIn(['admin'])
    const email = `visitor-${createId()}@example.org`
    await writeFrom(email, 'I wrote this')
    const open = async (kind: string) =>
      (await call('POST', '/privacy/requests', staff, { kind, email })).json().id as string
    const access = await open('access')
    const wrong = await call('POST', `/privacy/requests/${access}/erase`, staff)
    expect(wrong.json().code).toBe('privacy-request-kind')
    const data = (await call('POST', `/privacy/requests/${access}/export`, staff)).json()
    expect(sectionOf(data, 'contact_message')).toMatchObject([{ message: 'I wrote this' }])
    const erasure = await open('erasure')
    const waiting = await open('rectification')
    const receipt = (await call('POST', `/privacy/requests/${erasure}/erase`, staff)).json()
    expect(receipt).toMatchObject({ id: erasure, userId: null })
    expect(await messagesFrom(email)).toEqual([])
    const stored = await Promise.all(
      [access, erasure, waiting].map(async (id) => (await call('GET', `/privacy/requests/${id}`, staff)).json()),
    )
    expect(stored.map(({ state, email: left }) => [state, left])).toEqual([
      ['done', null],
      ['done', null],
      ['lapsed', null],
    ])
    expect(stored[1]?.receipt).toEqual(receipt)
    expect((await call('POST', `/privacy/requests/${erasure}/erase`, staff)).json().code).toBe('privacy-request-closed')
  })

  it('of others are entered by staff alone', async () => {
    const { headers } = await signedIn(['editor'])
    const entered = await call('POST', '/privacy/requests', headers, { kind: 'erasure', email: 'a@example.org' })
    expect(entered.json().code).toBe('permission-missing')
    for (const path of ['answer', 'export', 'erase']) {
      const url = `/privacy/requests/${createId()}/${path}`
      const answer = await call('POST', url, headers, path === 'answer' ? { state: 'done' } : undefined)
      expect(answer.json().code, path).toBe('permission-missing')
    }
  })
})

it('is in the audit log, whatever was done with personal data, and names nobody who is gone', async () => {
  const tenant = await server.createTenant()
  const staff = await signedIn(['owner'], tenant.id)
  const person = await createPerson(server, { tenantId: tenant.id })
  const opened = await call('POST', '/privacy/requests', staff.headers, { kind: 'access', email: person.email })
  await call('POST', `/privacy/requests/${opened.json().id}/export`, staff.headers)
  await call('DELETE', `/gdpr/delete?userId=${person.id}`, staff.headers)
  const second = await createPerson(server, { tenantId: tenant.id })
  await call('POST', '/gdpr/anonymize', staff.headers, { userId: second.id })
  const log = await call('GET', '/audit', staff.headers)
  const actions = log.json().items.map(({ action }: { action: string }) => action)
  expect(actions).toEqual([
    'person.anonymised',
    'person.erased',
    'privacy-request.answered',
    'person.exported',
    'privacy-request.received',
    'session.opened',
  ])
  expect(log.body).not.toContain(person.email)
})
