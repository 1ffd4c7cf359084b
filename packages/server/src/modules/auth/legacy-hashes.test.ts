import { hash } from '@node-rs/bcrypt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inTenant } from '../../database/tenant.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { createPerson, nextAddress, type TestPerson } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

let database: TestDatabase
let server: TestServer
let strict: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database, { environment: { REMPART_LEGACY_BCRYPT_COST: '4' } })
  strict = await startTestServer(database)
})
afterAll(async () => {
  await strict.close()
  await server.close()
  await database.close()
})

const signIn = ({ app }: TestServer, { email, password }: Pick<TestPerson, 'email' | 'password'>) =>
  app.inject({
    method: 'POST',
    url: '/api/v1/auth/login',
    payload: { email, password },
    remoteAddress: nextAddress(),
    headers: { 'x-tenant-id': server.tenant.slug },
  })

/** A person of another system, with the password as that one kept it. */
async function broughtOver(password = 'seven purple candles'): Promise<TestPerson> {
  const person = await createPerson(server)
  await storedHash(person, await hash(password, { cost: 4 }))
  return { ...person, password }
}

const storedHash = (person: TestPerson, replacement?: string) =>
  inTenant(database.worker, server.tenant.id, async (tx) => {
    if (replacement !== undefined) {
      await tx.updateTable('password_credential').set({ hash: replacement }).where('user_id', '=', person.id).execute()
    }
    const row = await tx
      .selectFrom('password_credential')
      .select('hash')
      .where('user_id', '=', person.id)
      .executeTakeFirstOrThrow()
    return row.hash
  })

describe('a password that was brought over as a bcrypt hash (class 22)', () => {
  it('signs its owner in, and is an Argon2id hash from then on', async () => {
    const person = await broughtOver()
    expect((await signIn(server, { ...person, password: 'seven purple candle' })).statusCode).toBe(401)
    expect(await storedHash(person)).toMatch(/^\$2/)
    expect((await signIn(server, person)).statusCode).toBe(200)
    expect(await storedHash(person)).toMatch(/^\$argon2id\$/)
    expect((await signIn(server, person)).statusCode).toBe(200)
  })

  it('is not matched by its first 72 bytes alone', async () => {
    const long = `${'seven purple candles '.repeat(4)}and one more`
    const person = await broughtOver(long)
    expect(
      (await signIn(server, { ...person, password: Buffer.from(long).subarray(0, 72).toString() })).statusCode,
    ).toBe(401)
  })

  it('signs nobody in where none is expected', async () => {
    const person = await broughtOver()
    expect((await signIn(strict, person)).statusCode).toBe(401)
  })
})
