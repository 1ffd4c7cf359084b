import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPasswordHasher } from '../../core/credentials/password-hasher.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { type Change, changedDuring, livingSessions } from '../../testing/held-account.ts'
import { bearer, createPerson, signInOver, type TestPerson } from '../../testing/people.ts'
import { postTo } from '../../testing/second-factors.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

let database: TestDatabase
let server: TestServer
let otherHash: string
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database)
  otherHash = await createPasswordHasher().hash('another password altogether')
})
afterAll(async () => {
  await server.close()
  await database.close()
})

const signInDuring = ({ id, email, password }: TestPerson, change: Change) =>
  changedDuring(server, id, change, () => postTo(server, '/auth/login', { email, password }))

describe('a sign-in that is under way', () => {
  it('class 5: opens nothing with a password that has been changed meanwhile', async () => {
    const person = await createPerson(server)
    const answer = await signInDuring(person, [
      'update password_credential set hash = $2, changed_at = now() where user_id = $1',
      otherHash,
    ])
    expect(answer.json()).toMatchObject({ status: 401, code: 'sign-in-refused' })
    expect(await livingSessions(server, person.id)).toBe(0)
  })

  it('class 6: opens nothing of an account that has been switched off meanwhile', async () => {
    const person = await createPerson(server)
    const answer = await signInDuring(person, ['update user_account set is_active = false where id = $1'])
    expect(answer.json()).toMatchObject({ status: 401, code: 'sign-in-refused' })
    expect(await livingSessions(server, person.id)).toBe(0)
  })

  it('opens a session all the same when somebody has only held the account', async () => {
    const person = await createPerson(server)
    expect((await signInDuring(person, ['select $1::uuid'])).statusCode).toBe(200)
    expect(await livingSessions(server, person.id)).toBe(1)
  })
})

it('class 5: a change of the password goes on with no session that has ended meanwhile', async () => {
  const person = await createPerson(server)
  const { accessToken } = await signInOver(server, person)
  const passwords = { currentPassword: person.password, newPassword: 'nine green lanterns' }
  const answer = await changedDuring(server, person.id, ['select $1::uuid'], () =>
    postTo(server, '/auth/change-password', passwords, bearer(accessToken)),
  )
  expect(answer.json()).toMatchObject({ status: 401, code: 'credential-invalid' })
  expect(await livingSessions(server, person.id)).toBe(0)
  expect(
    (await postTo(server, '/auth/login', person.password ? { email: person.email, password: person.password } : {}))
      .statusCode,
  ).toBe(200)
})
