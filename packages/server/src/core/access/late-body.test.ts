import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAuthenticator } from '../../testing/authenticator.ts'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { creationOver } from '../../testing/passkeys.ts'
import { createPerson, signInOver } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { asTenant } from '../../testing/tenant-rows.ts'

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database)
  await server.app.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(async () => {
  await server.close()
  await database.close()
})

/** Sends the head of a request and waits until whoever sends it has been let in. @returns what sends the body. */
async function held(path: string, credential: string, body: string) {
  const { port } = server.app.server.address() as AddressInfo
  const socket: Socket = connect(port, '127.0.0.1')
  const fields = [
    ...[`POST /api/v1${path} HTTP/1.1`, 'host: localhost', 'connection: close', 'expect: 100-continue'],
    ...[credential, 'content-type: application/json', `content-length: ${Buffer.byteLength(body)}`],
  ]
  socket.write(`${fields.join('\r\n')}\r\n\r\n`)
  expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 100 /)
  return async (): Promise<number> => {
    socket.write(body)
    const [answer] = await once(socket, 'data')
    socket.destroy()
    return Number(String(answer).split(' ')[1])
  }
}

describe('a body that is held back', () => {
  it('is of nobody once the session has ended: no passkey is added behind the back of its owner', async () => {
    const person = await createPerson(server)
    const { accessToken } = await signInOver(server, person)
    const credential = createAuthenticator().make(await creationOver(server, accessToken))
    const send = await held(
      '/passkeys/registration',
      `authorization: Bearer ${accessToken}`,
      JSON.stringify({ credential }),
    )
    await asTenant(server, `update session set revoked_at = now(), revoked_reason = 'test' where user_id = $1`, [
      person.id,
    ])
    server.clock.nowMs += 1_500
    expect(await send()).toBe(401)
    expect(await asTenant(server, 'select 1 from webauthn_credential where user_id = $1', [person.id])).toEqual([])
  })

  it('is of somebody without a right that was taken from them meanwhile', async () => {
    const person = await createPerson(server, { roles: ['owner'] })
    const { accessToken } = await signInOver(server, person)
    const body = JSON.stringify({ name: 'late', scopes: ['leads:read'] })
    const send = await held('/api-keys', `authorization: Bearer ${accessToken}`, body)
    await asTenant(server, 'delete from role_assignment where user_id = $1', [person.id])
    server.clock.nowMs += 1_500
    expect(await send()).toBe(403)
  })

  it('is of no key that was revoked meanwhile', async () => {
    const key = await server.apiKey(['gates:register'])
    const send = await held('/gates/none/register', `x-api-key: ${key}`, JSON.stringify({ email: 'a@example.org' }))
    await asTenant(server, 'update api_key set revoked_at = now()')
    server.clock.nowMs += 1_500
    expect(await send()).toBe(401)
  })

  it('is served all the same where nothing has changed', async () => {
    const { accessToken } = await signInOver(server, await createPerson(server))
    const credential = createAuthenticator().make(await creationOver(server, accessToken))
    const send = await held(
      '/passkeys/registration',
      `authorization: Bearer ${accessToken}`,
      JSON.stringify({ credential }),
    )
    server.clock.nowMs += 20_000
    expect(await send()).toBe(201)
  })
})
