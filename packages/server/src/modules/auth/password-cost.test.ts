import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { passwordCosts, passwordPeppers } from '../../core/credentials/password-settings.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { createPerson, type TestPerson } from '../../testing/people.ts'
import { postTo } from '../../testing/second-factors.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { asTenant } from '../../testing/tenant-rows.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const pepper = 'Zk3vQm8xT1pLr6wYb9cN4hJd7sGf2aKe5uXo0iVtRqM='
const former = 'pX7uKq2rVb5tYh9wEc3nMs8dLf1gJa4zQo6iTk0yRxU='

async function start(environment: Record<string, string>): Promise<TestServer> {
  const server = await startTestServer(database, { environment })
  onTestFinished(server.close)
  return server
}
const login = (server: TestServer, { email, password }: TestPerson) =>
  postTo(server, '/auth/login', { email, password })
const hashOf = async (server: TestServer, { id }: TestPerson): Promise<string> =>
  String((await asTenant(server, 'select hash from password_credential where user_id = $1', [id]))[0]?.['hash'])

it('a password is hashed again at the next sign-in when the configured cost is another', async () => {
  const server = await start({ REMPART_PASSWORD_COST: 'm=8192,t=3,p=1 m=19456,t=2,p=1' })
  const person = await createPerson(server)
  expect(await hashOf(server, person)).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  expect((await login(server, person)).statusCode).toBe(200)
  expect(await hashOf(server, person)).toMatch(/^\$argon2id\$v=19\$m=8192,t=3,p=1\$/)
  expect((await login(server, person)).statusCode).toBe(200)
  expect((await login(server, { ...person, password: 'not it' })).statusCode).toBe(401)
})

it('a password is under the pepper that is configured, moves to the next one, and is worth nothing without either', async () => {
  const server = await start({ REMPART_PASSWORD_PEPPER: `a:${former}` })
  const person = await createPerson(server)
  expect((await login(server, person)).statusCode).toBe(200)
  const under = (id: string) => `keyid=${Buffer.from(id).toString('base64').replace(/=+$/, '')}`
  expect(await hashOf(server, person)).toContain(under('a'))

  const elsewhere = { ...server.tenant }
  const named = { 'x-tenant-id': elsewhere.slug }
  const signIn = (at: TestServer) =>
    postTo(at, '/auth/login', { email: person.email, password: person.password }, named)
  const without = await start({})
  expect((await signIn(without)).json().code).toBe('sign-in-refused')
  const next = await start({ REMPART_PASSWORD_PEPPER: `b:${pepper},a:${former}` })
  expect((await signIn(next)).statusCode).toBe(200)
  expect(await hashOf(server, person)).toContain(under('b'))
})

it.each(['m=19456', 'm=19456,t=2,p=1,x=1', 'm=0,t=2,p=1', 'm=19456,t=2,p=9', 'm=262144,t=16,p=1', ''])(
  'the cost %j is refused at the start',
  (raw) => expect(passwordCosts(raw)).toHaveProperty('fault'),
)

it('a pepper that is weak, has no name or the name of another one is refused, and not repeated', () => {
  for (const raw of ['a:short', pepper, `:${pepper}`, `a:${pepper},a:${former}`, `too-long-a-name:${pepper}`]) {
    const read = passwordPeppers(raw)
    expect(read).toHaveProperty('fault')
    expect(JSON.stringify(read)).not.toContain('short')
    expect(JSON.stringify(read)).not.toContain(pepper)
  }
})
