import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPasswordHasher } from '../../core/credentials/password-hasher.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { createPerson, type TestPerson } from '../../testing/people.ts'
import { postTo } from '../../testing/second-factors.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

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

const login = ({ email, password }: TestPerson) => postTo(server, '/auth/login', { email, password })

/**
 * Lets somebody else change an account while a sign-in to it has verified the password and has not opened its session yet:
 * the account is held, as whoever changes it holds it, until the sign-in waits for it.
 */
async function signInDuring(person: TestPerson, change: readonly [string, readonly unknown[]]) {
  const connection = await database.worker.connect()
  const run = (text: string, values: readonly unknown[]) => connection.query(text, [...values])
  try {
    await run('begin', [])
    await run(`select set_config('rempart.tenant_id', $1, true)`, [server.tenant.id])
    await run('select from user_account where id = $1 for no key update', [person.id])
    const answer = login(person)
    await expect
      .poll(async () => (await run('select count(*)::int as n from pg_locks where not granted', [])).rows[0], {
        timeout: 10_000,
      })
      .toEqual({ n: 1 })
    await run(...change)
    await run(`update session set revoked_at = now(), revoked_reason = 'test' where user_id = $1`, [person.id])
    await run('commit', [])
    return await answer
  } finally {
    connection.release()
  }
}

async function livingSessions({ id }: TestPerson): Promise<unknown> {
  const connection = await database.worker.connect()
  try {
    await connection.query('begin')
    await connection.query(`select set_config('rempart.tenant_id', $1, true)`, [server.tenant.id])
    const { rows } = await connection.query(
      'select count(*)::int as n from session where user_id = $1 and revoked_at is null',
      [id],
    )
    await connection.query('commit')
    return rows[0]
  } finally {
    connection.release()
  }
}

describe('a sign-in that is under way', () => {
  it('class 5: opens nothing with a password that has been changed meanwhile', async () => {
    const person = await createPerson(server)
    const hash = await createPasswordHasher().hash('another password altogether')
    const answer = await signInDuring(person, [
      'update password_credential set hash = $2, changed_at = now() where user_id = $1',
      [person.id, hash],
    ])
    expect(answer.json()).toMatchObject({ status: 401, code: 'sign-in-refused' })
    expect(await livingSessions(person)).toEqual({ n: 0 })
  })

  it('class 6: opens nothing of an account that has been switched off meanwhile', async () => {
    const person = await createPerson(server)
    const answer = await signInDuring(person, ['update user_account set is_active = false where id = $1', [person.id]])
    expect(answer.json()).toMatchObject({ status: 401, code: 'sign-in-refused' })
    expect(await livingSessions(person)).toEqual({ n: 0 })
  })

  it('opens a session all the same when somebody has only held the account', async () => {
    const person = await createPerson(server)
    expect((await signInDuring(person, ['select $1::uuid', [person.id]])).statusCode).toBe(200)
    expect(await livingSessions(person)).toEqual({ n: 1 })
  })
})
