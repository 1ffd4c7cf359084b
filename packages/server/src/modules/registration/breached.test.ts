import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

const leaked = 'orchid velvet harbour'
const digest = createHash('sha1').update(leaked).digest('hex').toUpperCase()

let leaks: Server
const asked: string[] = []
let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  leaks = createServer((request, response) => {
    asked.push(request.url ?? '')
    const hasIt = request.url === `/range/${digest.slice(0, 5)}`
    response.end(hasIt ? `${digest.slice(5)}:37\r\n` : `${'0'.repeat(35)}:0\r\n`)
  })
  await new Promise<void>((resolve) => leaks.listen(0, '127.0.0.1', resolve))
  const { port } = leaks.address() as AddressInfo
  database = await createTestDatabase()
  server = await startTestServer(database, {
    environment: { REMPART_PASSWORD_CHECK_HIBP: 'on', REMPART_PASSWORD_CHECK_URL: `http://127.0.0.1:${port}` },
  })
})
afterAll(async () => {
  await server.close()
  await database.close()
  await new Promise((resolve) => leaks.close(resolve))
})

const post = (url: string, payload: object, headers: Record<string, string> = {}) =>
  server.app.inject({ method: 'POST', url: `/api/v1${url}`, payload, headers, remoteAddress: nextAddress() })

it('a password of a known leak is refused at a registration and at a change, and another is taken', async () => {
  const person = await createPerson(server)
  const { accessToken } = await signInOver(server, person)
  const register = (password: string) => post('/auth/register', { email: 'grace@example.org', password })
  const change = (newPassword: string) =>
    post('/auth/change-password', { currentPassword: person.password, newPassword }, bearer(accessToken))
  for (const answer of [await register(leaked), await change(leaked)]) {
    expect(answer.statusCode).toBe(422)
    expect(answer.json().errors).toEqual([expect.objectContaining({ code: 'password-breached' })])
    expect(answer.body).not.toContain(leaked)
  }
  expect((await register('marble lantern thicket')).statusCode).toBe(202)
  expect((await change('copper meadow whistle')).statusCode).toBe(200)
  expect(asked).toHaveLength(4)
})
