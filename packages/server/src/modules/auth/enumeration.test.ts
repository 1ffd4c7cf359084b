import { afterAll, beforeAll, expect, it } from 'vitest'
import { inTenant } from '../../database/tenant.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { createPerson, nextAddress, signInOver, type TestPerson } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { statementsDuring } from '../../testing/statements.ts'

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database)
})
afterAll(async () => {
  await server.close()
  await database.close()
})

const change = (person: TestPerson, values: { is_active?: boolean; email_verified_at?: Date | null }) =>
  inTenant(database.worker, server.tenant.id, (tx) =>
    tx.updateTable('user_account').set(values).where('id', '=', person.id).execute(),
  )
const withoutPassword = (person: TestPerson) =>
  inTenant(database.worker, server.tenant.id, (tx) =>
    tx.deleteFrom('password_credential').where('user_id', '=', person.id).execute(),
  )

/** What a refused sign-in asks the database. */
const statementsOf = (email: string): Promise<readonly string[]> =>
  statementsDuring(async () => {
    const answer = await server.app.inject({
      method: 'POST',
      url: '/api/v1/auth/login',
      payload: { email, password: 'eight purple candles' },
      remoteAddress: nextAddress(),
    })
    expect(answer.statusCode).toBe(401)
  })

it('class 21: a refused sign-in asks the database for the same, whoever the address belongs to', async () => {
  const [known, returning, inactive, unconfirmed, passwordless] = await Promise.all(
    Array.from({ length: 5 }, () => createPerson(server)),
  )
  if (!(known && returning && inactive && unconfirmed && passwordless)) throw new Error('five were made')
  await signInOver(server, returning)
  await change(inactive, { is_active: false })
  await change(unconfirmed, { email_verified_at: null })
  await withoutPassword(passwordless)
  // What a process reads once is read here.
  await statementsOf('first@example.org')

  const ofNobody = await statementsOf('nobody@example.org')
  for (const part of ['a batch of reads', 'audit_subject_key', 'audit_append']) {
    expect(ofNobody).toContainEqual(expect.stringContaining(part))
  }
  for (const person of [known, returning, inactive, unconfirmed, passwordless]) {
    expect(await statementsOf(person.email)).toEqual(ofNobody)
    // And again, when there is something to find of the time before.
    expect(await statementsOf(person.email)).toEqual(ofNobody)
  }
})
