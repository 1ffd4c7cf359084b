import { hash as bcrypt } from '@node-rs/bcrypt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPasswordHasher } from '../../core/credentials/password-hasher.ts'
import { inTenant } from '../../database/tenant.ts'
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
  server = await startTestServer(database, { environment: { REMPART_LEGACY_BCRYPT_COST: '4' } })
  otherHash = await createPasswordHasher().hash('another password altogether')
})
afterAll(async () => {
  await server.close()
  await database.close()
})

const signInDuring = ({ id, email, password }: TestPerson, change: Change) =>
  changedDuring(server, id, change, () => postTo(server, '/auth/login', { email, password }))

const living = ({ id }: TestPerson) => livingSessions(server, id)
const setHash = 'update password_credential set hash = $2, changed_at = now() where user_id = $1'

describe.each(['first', 'later'])('a %s sign-in that an account changes under', (order) => {
  const newcomer = async () => {
    const person = await createPerson(server)
    if (order === 'later') await signInOver(server, person)
    return person
  }

  it('class 5: opens nothing with a password that has been changed meanwhile', async () => {
    const person = await newcomer()
    const answer = await signInDuring(person, [setHash, otherHash])
    expect(answer.json()).toMatchObject({ status: 401, code: 'sign-in-refused' })
    expect(await living(person)).toBe(0)
  })

  it('goes on with the same password under another salt, as another sign-in may store it', async () => {
    const person = await newcomer()
    const answer = await signInDuring(person, [setHash, await createPasswordHasher().hash(person.password)])
    expect(answer.statusCode).toBe(200)
    expect(await living(person)).toBe(1)
  })

  it('class 6: opens nothing of an account that has been switched off meanwhile', async () => {
    const person = await newcomer()
    const answer = await signInDuring(person, ['update user_account set is_active = false where id = $1'])
    expect(answer.json()).toMatchObject({ status: 401, code: 'sign-in-refused' })
    expect(await living(person)).toBe(0)
  })

  it('opens a session all the same when somebody has only held the account', async () => {
    const person = await newcomer()
    expect((await signInDuring(person, ['select $1::uuid'])).statusCode).toBe(200)
    expect(await living(person)).toBe(1)
  })

  it('asks for the second factor that was set up by then', async () => {
    const person = await newcomer()
    const enrol =
      'insert into mfa_secret (tenant_id, user_id, sealed_secret, confirmed_at, last_step) values ($2, $1, $3, now(), 0)'
    const answer = await signInDuring(person, [enrol, server.tenant.id, Buffer.alloc(40)])
    expect(answer.json()).toMatchObject({ mfa_required: true })
    expect(answer.json()).not.toHaveProperty('access_token')
    expect(await living(person)).toBe(0)
  })

  it('opens a session for setting one up alone, when it has become required', async () => {
    const person = await newcomer()
    const answer = await signInDuring(person, ['update user_account set mfa_required = true where id = $1'])
    const me = await server.app.inject({ url: '/api/v1/auth/me', headers: bearer(answer.json().access_token) })
    expect(me.json()).toMatchObject({ session: { restriction: 'enrol-mfa' } })
  })
})

it('two sign-ins at once that both renew an old hash are both let in', async () => {
  const person = await createPerson(server)
  const old = await bcrypt(person.password, { cost: 4 })
  await inTenant(database.worker, server.tenant.id, (tx) =>
    tx.updateTable('password_credential').set({ hash: old }).where('user_id', '=', person.id).execute(),
  )
  const signIn = () => postTo(server, '/auth/login', { email: person.email, password: person.password })
  const answers = await Promise.all([signIn(), signIn()])
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200])
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
