import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inTenant } from '../../database/tenant.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { outboxOf } from '../../testing/mail.ts'
import { bearer, createPerson, nextAddress, signInOver, type TestPerson } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { statementsDuring } from '../../testing/statements.ts'

let database: TestDatabase
let server: TestServer
/** An account of each kind that an address can have. */
let people: readonly TestPerson[]
const steps = [
  { after: 3, do: 'lock', for: '1h' },
  { after: 3, do: 'alert' },
]
const lockingSoon = { rules: { ladder: { steps } } }
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database, { policyFile: { version: 1, policies: { 'auth.login': lockingSoon } } })
  people = await accounts()
})
afterAll(async () => {
  await server.close()
  await database.close()
})

const post = (url: string, payload: object, headers: Record<string, string> = {}) =>
  server.app.inject({ method: 'POST', url: `/api/v1${url}`, payload, remoteAddress: nextAddress(), headers })
const asTenant = <T>(work: Parameters<typeof inTenant<T>>[2]) => inTenant(database.worker, server.tenant.id, work)

/** Each way to have something sent to an address that one typed. Whoever asks for a change of address is signed in. */
const ways = {
  'a new password': async () => (email: string) => post('/password-reset/request', { email }),
  'an account': async () => (email: string) => post('/auth/register', { email, password: 'seven purple candles' }),
  'another address': async () => {
    const { accessToken } = await signInOver(server, await createPerson(server))
    return (email: string) => post('/users/me/email', { email }, bearer(accessToken))
  },
} as const

/** Sends one request, after what it takes to be allowed to. */
async function send(way: keyof typeof ways, email: string) {
  const ask = await ways[way]()
  let answer: Awaited<ReturnType<typeof post>> | undefined
  const statements = await statementsDuring(async () => {
    answer = await ask(email)
  })
  if (answer === undefined) throw new Error('nothing was answered')
  const { 'x-request-id': _id, 'x-response-time': _time, date: _date, ...headers } = answer.headers
  return { statements, answer: { status: answer.statusCode, body: answer.body, headers } }
}

async function accounts(): Promise<readonly TestPerson[]> {
  const [known, inactive, unconfirmed, passwordless, locked] = await Promise.all(
    Array.from({ length: 5 }, () => createPerson(server)),
  )
  if (!(known && inactive && unconfirmed && passwordless && locked)) throw new Error('five were made')
  const change = (person: TestPerson, values: { is_active?: boolean; email_verified_at?: null }) =>
    asTenant((tx) => tx.updateTable('user_account').set(values).where('id', '=', person.id).execute())
  await change(inactive, { is_active: false })
  await change(unconfirmed, { email_verified_at: null })
  await asTenant((tx) => tx.deleteFrom('password_credential').where('user_id', '=', passwordless.id).execute())
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await post('/auth/login', { email: locked.email, password: 'eight purple candles' })
  }
  // What is told of the lock beside the answers is written before anything is measured.
  await server.app.lockNotices.flush()
  expect(await outboxOf(database, server.tenant.id)).toMatchObject([{ template: 'account-locked', user_id: locked.id }])
  return [known, inactive, unconfirmed, passwordless, locked]
}

describe.each(Object.keys(ways) as (keyof typeof ways)[])('class 21: whoever asks for %s', (way) => {
  it('is answered alike, by the same statements and the same rows, whoever has the address or nobody', async () => {
    // What a process reads once is read here.
    await send(way, 'first@example.org')
    const rows = () => outboxOf(database, server.tenant.id)
    const seen = new Set((await rows()).map(({ id }) => id))
    const ofNobody = await send(way, `nobody-${way.length}@example.org`)
    expect(ofNobody.answer.status).toBe(202)
    expect(ofNobody.statements).toContainEqual(expect.stringContaining('queue_mail('))
    for (const { email } of people) {
      expect(await send(way, email)).toEqual(ofNobody)
      expect(await send(way, email.toUpperCase())).toEqual(ofNobody)
    }
    const waiting = (await rows()).filter(({ id, awaits_holder }) => !seen.has(id) && awaits_holder)
    const shapes = waiting.map((row) => ({ user: row.user_id, locale: row.locale, bytes: row.sealed.length }))
    expect(shapes).toHaveLength(11)
    expect(new Set(shapes.map((shape) => JSON.stringify(shape))).size).toBe(1)
  })

  it('waits for no account, so that no lock on one can be felt', async () => {
    const ids = people.map(({ id }) => id)
    await asTenant(async (tx) => {
      await tx.selectFrom('user_account').select('id').where('id', 'in', ids).forUpdate().execute()
      for (const { email } of people) expect((await send(way, email)).answer.status).toBe(202)
    })
  })
})
