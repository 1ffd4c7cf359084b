import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver } from '../../testing/people.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'

let database: TestDatabase
let server: TestServer
let owner: Headers
let someone: string
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database)
  owner = await signedIn(['owner'])
  someone = (await createPerson(server)).id
})
afterAll(async () => {
  await server.close()
  await database.close()
})

type Headers = Readonly<Record<string, string>>
const json = { 'content-type': 'application/json' }

async function signedIn(roles: readonly string[] = []): Promise<Headers> {
  return bearer((await signInOver(server, await createPerson(server, { roles }))).accessToken)
}

const call = (method: 'POST' | 'DELETE', url: string, headers: Headers, payload?: string) =>
  server.app.inject({
    ...{ method, url: `/api/v1${url}`, headers: { ...headers }, remoteAddress: nextAddress() },
    ...(payload !== undefined && { payload }),
  })

describe('an operation that takes no body', () => {
  it.each([
    ['nothing', {}, undefined],
    ['the type of a body and none', json, undefined],
    ['an empty object', json, '{}'],
  ])('is done for a POST with %s', async (_what, type, payload) => {
    const answer = await call('POST', `/users/${someone}/activate`, { ...owner, ...type }, payload)
    expect([answer.statusCode, answer.json().id ?? answer.body]).toEqual([200, someone])
  })

  it('is done for a DELETE with the type of a body and none', async () => {
    const { id } = await createPerson(server)
    expect((await call('DELETE', `/users/${id}`, { ...owner, ...json })).statusCode).toBe(204)
  })

  it.each([
    ['POST', '{"a":1}'],
    ['POST', '[]'],
    ['POST', '{'],
    ['POST', '  '],
    ['POST', '12'],
    ['DELETE', '{}'],
  ] as const)('is not done for a %s with %s', async (method, payload) => {
    const url = method === 'POST' ? `/users/${someone}/activate` : `/users/${someone}`
    const answer = await call(method, url, { ...owner, ...json }, payload)
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'unexpected-body'])
  })
})

describe('a body of which every member may be left out', () => {
  it('may be left out whole', async () => {
    for (const type of [{}, json]) {
      expect((await call('POST', '/auth/logout', { ...(await signedIn()), ...type })).statusCode).toBe(204)
    }
    const made = await call('POST', '/api-keys', { ...owner, ...json }, '{"name":"k","scopes":["leads:read"]}')
    const { id } = made.json().apiKey
    const rotated = await call('POST', `/api-keys/${id}/rotate`, owner)
    expect([rotated.statusCode, rotated.json().apiKey?.rotatedFrom]).toEqual([201, id])
    expect((await call('POST', '/passkeys/authentication/options', {})).statusCode).toBe(200)
    // Neither a cookie nor a body: nobody is signed in, and nothing is wrong with the content.
    expect((await call('POST', '/auth/refresh', {})).statusCode).toBe(401)
  })

  it('is no object for all that when it is null', async () => {
    expect((await call('POST', '/auth/logout', { ...(await signedIn()), ...json }, 'null')).statusCode).toBe(422)
  })

  it('is said to be optional in the document', async () => {
    const { paths } = (await server.app.inject('/api/v1/openapi.json')).json()
    expect(paths['/api/v1/auth/logout'].post.requestBody.required).toBe(false)
    expect(paths['/api/v1/auth/login'].post.requestBody.required).toBe(true)
    expect(JSON.stringify(paths)).not.toContain('x-body-optional')
  })

  it('of an erasure has to be there: what was lost on the way erases nobody', async () => {
    for (const type of [{}, json]) {
      const answer = await call('POST', '/gdpr/anonymize', { ...(await signedIn()), ...type })
      expect([400, 422]).toContain(answer.statusCode)
    }
  })
})
