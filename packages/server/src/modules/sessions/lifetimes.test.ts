import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { asTenant } from '../../testing/tenant-rows.ts'

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

const dayMs = 86_400_000

const statusOf = async (accessToken: string): Promise<number> =>
  (
    await server.app.inject({
      url: '/api/v1/auth/me',
      headers: bearer(accessToken),
      remoteAddress: nextAddress(),
    })
  ).statusCode

const refresh = (refreshToken: string) =>
  server.app.inject({
    method: 'POST',
    url: '/api/v1/auth/refresh',
    payload: { refresh_token: refreshToken },
    remoteAddress: nextAddress(),
  })

/** When the one session of a person ends. */
async function endsOf(personId: string): Promise<{ idle: Date; absolute: Date }> {
  const [row] = await asTenant(
    server,
    'select idle_expires_at as idle, absolute_expires_at as absolute from session where user_id = $1',
    [personId],
  )
  if (!(row?.['idle'] instanceof Date && row['absolute'] instanceof Date)) throw new Error('no session')
  return { idle: row['idle'], absolute: row['absolute'] }
}

const set = (personId: string, column: 'idle_expires_at' | 'absolute_expires_at', value: string) =>
  asTenant(server, `update session set ${column} = now() + interval '${value}' where user_id = $1`, [personId])

describe('a session', () => {
  it.each([
    ['that nobody used for its week', 'idle_expires_at'],
    ['at its end after thirty days, however lately it was used', 'absolute_expires_at'],
  ] as const)('%s is dead, with a token that has not expired and for a refresh', async (_, column) => {
    const person = await createPerson(server)
    const { accessToken, refreshToken } = await signInOver(server, person)
    expect(await statusOf(accessToken)).toBe(200)
    await set(person.id, column, '-1 second')
    // A token that was found good is remembered: the session behind it is not.
    expect(await statusOf(accessToken)).toBe(401)
    expect((await refresh(refreshToken)).statusCode).toBe(401)
  })

  it('is given a week with every refresh, and thirty days in all', async () => {
    const person = await createPerson(server)
    const before = Date.now()
    const { refreshToken } = await signInOver(server, person)
    const began = await endsOf(person.id)
    for (const [end, days] of [
      [began.idle, 7],
      [began.absolute, 30],
    ] as const) {
      expect(end.getTime() - before).toBeGreaterThan(days * dayMs - 60_000)
      expect(end.getTime() - before).toBeLessThan(days * dayMs + 60_000)
    }
    await set(person.id, 'idle_expires_at', '1 hour')
    expect((await refresh(refreshToken)).statusCode).toBe(200)
    const later = await endsOf(person.id)
    expect(later.idle.getTime()).toBeGreaterThan(before + 7 * dayMs - 60_000)
    expect(later.absolute).toEqual(began.absolute)
  })

  it('is never lengthened by a refresh beyond its thirty days, nor is the token that it gives', async () => {
    const person = await createPerson(server)
    const { refreshToken } = await signInOver(server, person)
    await set(person.id, 'absolute_expires_at', '1 hour')
    const { absolute } = await endsOf(person.id)
    const answer = await refresh(refreshToken)
    expect(answer.statusCode).toBe(200)
    expect(await endsOf(person.id)).toEqual({ idle: absolute, absolute })
    const [token] = await asTenant(
      server,
      `select max(r.expires_at) filter (where r.used_at is null) as ends from refresh_token r
         join session s on s.tenant_id = r.tenant_id and s.id = r.session_id where s.user_id = $1`,
      [person.id],
    )
    expect(token?.['ends']).toEqual(absolute)
  })
})

it('a password of ten years ago signs its person in and asks for no new one', async () => {
  const person = await createPerson(server)
  await asTenant(
    server,
    "update password_credential set changed_at = now() - interval '10 years' where user_id = $1 returning user_id",
    [person.id],
  ).then((rows) => expect(rows).toHaveLength(1))
  const answer = await server.app.inject({
    method: 'POST',
    url: '/api/v1/auth/login',
    payload: { email: person.email, password: person.password },
    remoteAddress: nextAddress(),
  })
  expect(answer.statusCode).toBe(200)
  expect(answer.json()).toMatchObject({ token_type: 'Bearer', mfa_required: false })
  expect(await statusOf(answer.json().access_token)).toBe(200)
})
