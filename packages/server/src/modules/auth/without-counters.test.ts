import type { RemoteStore } from '@rempart/guard'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, signInOver } from '../../testing/people.ts'
import { challengeOver, enrolOver, postTo, wrongCode } from '../../testing/second-factors.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

const gone = () => Promise.reject(new Error('the store is gone'))
/** What processes share to count in, and does not answer. */
const silent: RemoteStore = { remote: true, take: gone, clear: gone, release: gone, mark: gone, nodes: () => 2 }

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database, { store: silent })
})
afterAll(async () => {
  await server.close()
  await database.close()
})

const codeOf = (answer: { json(): { code?: string } }): string | undefined => answer.json().code
const times = <Result>(count: number, run: (index: number) => Promise<Result>) =>
  Promise.all(Array.from({ length: count }, (_, index) => run(index)))

describe('while the counters do not answer', () => {
  it('classes 15 and 16: no more guesses at a password are looked at than the ladder lets through', async () => {
    const { email } = await createPerson(server)
    const codes = await times(40, async (index) =>
      codeOf(await postTo(server, '/auth/login', { email, password: `guess ${index}` })),
    )
    expect(codes.filter((code) => code === 'sign-in-refused').length).toBe(3)
    expect(new Set(codes)).toEqual(new Set(['sign-in-refused', 'captcha-required']))
  })

  it('class 18: no more guesses at a code are looked at than the ladder lets through, over all challenges', async () => {
    const person = await createPerson(server)
    const { secret } = await enrolOver(server, person)
    const codes = []
    for (let round = 0; round < 5; round += 1) {
      const mfa_session_token = await challengeOver(server, person)
      const tried = await times(5, () =>
        postTo(server, '/auth/login/mfa', { mfa_session_token, code: wrongCode(server, secret) }),
      )
      codes.push(...tried.map(codeOf))
    }
    expect(codes.filter((code) => code === 'proof-refused').length).toBe(10)
    expect(codes.filter((code) => code === 'rate-limited').length).toBe(15)
  })

  it('class 17: whoever holds a session guesses at its password no more often', async () => {
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    const codes = await times(20, async (index) => {
      const passwords = { currentPassword: `guess ${index}`, newPassword: 'nine green lanterns' }
      return codeOf(await postTo(server, '/auth/change-password', passwords, bearer(accessToken)))
    })
    expect(codes.filter((code) => code === 'sign-in-refused').length).toBe(5)
  })

  it('people sign in, again and again', async () => {
    const person = await createPerson(server)
    for (let turn = 0; turn < 6; turn += 1) await signInOver(server, person)
  })
})
