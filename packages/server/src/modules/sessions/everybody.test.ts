import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver, type TestPerson } from '../../testing/people.ts'
import { challengeOver, enrolOver, nextCode, postTo } from '../../testing/second-factors.ts'
import { startTestServer, type TestServer } from '../../testing/server.ts'
import { asTenant } from '../../testing/tenant-rows.ts'

let database: TestDatabase
let server: TestServer
let second: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer(database)
  second = await startTestServer(database)
})
afterAll(async () => {
  await second.close()
  await server.close()
  await database.close()
})

type Headers = Readonly<Record<string, string>>
const me = async (headers: Headers, on = server) =>
  (await on.app.inject({ url: '/api/v1/auth/me', headers: { ...headers }, remoteAddress: nextAddress() })).statusCode
const endAll = (headers: Headers, payload: object = {}) => postTo(server, '/sessions/end-everybody', payload, headers)

/** A tenant of its own, so that nobody else is signed out. */
async function company() {
  const { id } = await server.createTenant()
  const headers = { 'x-tenant-id': id }
  const tenant = { database, tenant: { id, slug: '' } }
  const person = (roles: readonly string[] = []) => createPerson(server, { tenantId: id, roles })
  const session = async (someone: TestPerson) => ({
    ...headers,
    ...bearer((await signInOver(server, someone, { headers })).accessToken),
  })
  return {
    id,
    headers,
    tenant,
    person,
    session,
    signedIn: async (roles: readonly string[] = []) => session(await person(roles)),
  }
}

describe('whoever ends the sessions of everybody', () => {
  it('ends them at once in every process, keeps their own, and is in the log once, with the numbers', async () => {
    const { tenant, person, session, signedIn } = await company()
    const [owner, other] = [await signedIn(['owner']), await person()]
    const sessions = [await session(other), await session(other), await signedIn(['admin']), await signedIn()]
    const answer = await endAll(owner)
    expect([answer.statusCode, answer.json()]).toEqual([200, { ended: 4, people: 3 }])
    for (const each of sessions) for (const on of [server, second]) expect(await me(each, on)).toBe(401)
    expect(await me(owner)).toBe(200)
    const text = "select resource_type, changes::jsonb from audit_event where action = 'session.ended'"
    const changes = { reason: 'ended-for-everybody', ended: 4, people: 3 }
    expect(await asTenant(tenant, text)).toEqual([{ resource_type: 'tenant', changes }])
    expect(await asTenant(tenant, 'select template from mail_outbox')).toEqual([])
    expect(await me(await session(other))).toBe(200)
  })

  it('ends their own as well when they ask for it', async () => {
    const { signedIn } = await company()
    const owner = await signedIn(['owner'])
    expect((await endAll(owner, { ownToo: true })).json()).toEqual({ ended: 1, people: 1 })
    expect(await me(owner)).toBe(401)
  })

  it('ends a sign-in that waits for its second factor, and every refresh token', async () => {
    const person = await createPerson(server)
    const factor = await enrolOver(server, person)
    const challenge = await challengeOver(server, person)
    const owner = bearer((await signInOver(server, await createPerson(server, { roles: ['owner'] }))).accessToken)
    expect((await endAll(owner)).statusCode).toBe(200)
    const shown = { mfa_session_token: challenge, code: nextCode(server, factor.secret) }
    expect((await postTo(server, '/auth/login/mfa', shown)).json().code).toBe('mfa-challenge-invalid')
    expect((await postTo(server, '/auth/refresh', { refresh_token: factor.refreshToken })).statusCode).toBe(401)
  })

  it('class 38: holds everything, and has just proved who they are', async () => {
    const { signedIn, headers, id } = await company()
    const bystander = await signedIn()
    const refused = async (credential: Headers) => (await endAll(credential)).json().code
    expect(await refused(await signedIn(['admin']))).toBe('beyond-own-rights')
    expect(await refused(await signedIn(['editor']))).toBe('permission-missing')
    const key = await server.apiKey(['contact:read'], id)
    expect(await refused({ ...headers, 'x-api-key': key })).toBe('session-required')
    const owner = await signedIn(['owner'])
    server.clock.nowMs += 601_000
    expect(await refused(owner)).toBe('step-up-required')
    server.clock.nowMs -= 601_000
    expect(await me(bystander)).toBe(200)
  })

  it('class 34: ends none of another tenant', async () => {
    const [here, there] = [await company(), await company()]
    const stranger = await there.signedIn()
    expect((await endAll(await here.signedIn(['owner']))).statusCode).toBe(200)
    expect(await me(stranger)).toBe(200)
  })

  it('waits for nobody for ever: two who do it at once both get an answer, and each session ends once', async () => {
    const { person, session, signedIn } = await company()
    const owners = [await signedIn(['owner']), await signedIn(['owner'])]
    const people = await Promise.all(Array.from({ length: 8 }, () => person()))
    await Promise.all(people.flatMap((each) => [session(each), session(each)]))
    const answers = await Promise.all(owners.map((owner) => endAll(owner)))
    const done = answers.filter(({ statusCode }) => statusCode === 200)
    expect(done.length).toBeGreaterThan(0)
    for (const { statusCode } of answers) expect([200, 401]).toContain(statusCode)
    const ended = done.reduce((sum, answer) => sum + Number(answer.json().ended), 0)
    expect(ended).toBeGreaterThanOrEqual(17)
    expect(ended).toBeLessThanOrEqual(18)
  })
})
