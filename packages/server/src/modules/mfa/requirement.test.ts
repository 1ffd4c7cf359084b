import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { bearer, createPerson, nextAddress, signInOver } from '../../testing/people.ts'
import { enrolOver, nextCode, postTo } from '../../testing/second-factors.ts'
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

const call = (method: string, url: string, token: string, payload?: object) =>
  server.app.inject({
    method: method as 'GET',
    url,
    headers: bearer(token),
    remoteAddress: nextAddress(),
    ...(payload !== undefined && { payload }),
  })
const settings = '/api/v1/tenant/settings/mfa'
const meOf = async (token: string) => (await call('GET', '/api/v1/auth/me', token)).json()

describe('a person who has to have a second factor', () => {
  it('can do nothing but set one up, on any route there is, until they have (class 20)', async () => {
    const person = await createPerson(server, { roles: ['owner'] })
    await asTenant(server, 'update user_account set mfa_required = true where id = $1', [person.id])
    const { accessToken } = await signInOver(server, person)
    expect((await meOf(accessToken)).session).toMatchObject({ aal: 1, restriction: 'enrol-mfa' })
    const closed = server.app.routeTable.all.filter(
      ({ method, config: { access, restricted } }) =>
        method !== 'HEAD' && access !== 'public' && access !== 'none' && restricted !== true,
    )
    expect(closed.length).toBeGreaterThan(20)
    for (const { method, url } of closed) {
      const path = url.replaceAll(/:\w+/g, '01a1fc00-0000-7000-8000-000000000000')
      const answer = await call(method, path, accessToken)
      expect(answer.json(), `${method} ${url}`).toMatchObject({ status: 403, code: 'mfa-enrolment-required' })
    }
    const { secret } = (await postTo(server, '/mfa/setup', undefined, bearer(accessToken))).json()
    const enabled = await postTo(server, '/mfa/enable', { code: nextCode(server, secret) }, bearer(accessToken))
    const token = enabled.json().access_token
    expect((await meOf(token)).session).toMatchObject({ aal: 2, restriction: null })
    expect((await call('GET', '/api/v1/leads', token)).statusCode).toBe(200)
  })

  it('gets out of it neither by refreshing nor by proving the password again', async () => {
    const person = await createPerson(server, { roles: ['owner'] })
    await asTenant(server, 'update user_account set mfa_required = true where id = $1', [person.id])
    const { refreshToken } = await signInOver(server, person)
    const refreshed = (await postTo(server, '/auth/refresh', { refresh_token: refreshToken })).json()
    expect((await meOf(refreshed.access_token)).session.restriction).toBe('enrol-mfa')
    const body = { password: person.password }
    const again = (await postTo(server, '/auth/step-up', body, bearer(refreshed.access_token))).json()
    expect((await meOf(again.access_token)).session).toMatchObject({ aal: 1, restriction: 'enrol-mfa' })
    const code = '123456'
    const verified = await postTo(server, '/mfa/verify', { code }, bearer(again.access_token))
    expect(verified.json().code).toBe('mfa-not-enrolled')
  })
})

describe('a tenant that asks a second factor of everybody', () => {
  it('restricts the next sign-in of who has none, and of nobody else', async () => {
    const tenant = await server.createTenant()
    const named = { headers: { 'x-tenant-id': tenant.slug } }
    const owner = await createPerson(server, { tenantId: tenant.id, roles: ['owner'] })
    const { accessToken } = await signInOver(server, owner, named)
    expect((await call('GET', settings, accessToken)).json()).toEqual({ required: false })
    expect((await call('PUT', settings, accessToken, { required: true })).json()).toEqual({ required: true })
    expect((await meOf(accessToken)).session.restriction).toBeNull()
    const next = await signInOver(server, owner, named)
    expect((await meOf(next.accessToken)).session.restriction).toBe('enrol-mfa')
    expect((await call('GET', '/api/v1/mfa/status', next.accessToken)).json()).toMatchObject({
      enabled: false,
      required: true,
    })
    const elsewhere = await signInOver(server, await createPerson(server))
    expect((await meOf(elsewhere.accessToken)).session.restriction).toBeNull()
  })

  it('lets a session from before do nothing that asks for a proof, at less than the second level, but set one up', async () => {
    const tenant = await server.createTenant()
    const named = { headers: { 'x-tenant-id': tenant.slug } }
    const owner = await createPerson(server, { tenantId: tenant.id, roles: ['owner'] })
    const { accessToken } = await signInOver(server, owner, named)
    const other = (await meOf((await signInOver(server, owner, named)).accessToken)).session.id
    expect((await call('PUT', settings, accessToken, { required: true })).statusCode).toBe(200)
    const again = (await postTo(server, '/auth/step-up', { password: owner.password }, bearer(accessToken))).json()
    for (const [method, url] of [
      ['PUT', settings],
      ['DELETE', '/api/v1/sessions'],
      ['DELETE', `/api/v1/sessions/${other}`],
    ] as const) {
      const refused = await call(method, url, again.access_token, method === 'PUT' ? { required: false } : undefined)
      expect(refused.json()).toMatchObject({ status: 401, code: 'step-up-required' })
      expect(refused.headers['www-authenticate']).toContain('acr_values="aal2"')
    }
    const setup = await call('POST', '/api/v1/mfa/setup', again.access_token)
    const code = nextCode(server, setup.json().secret)
    const enabled = await postTo(server, '/mfa/enable', { code }, bearer(again.access_token))
    expect((await call('PUT', settings, enabled.json().access_token, { required: false })).statusCode).toBe(200)
  })

  it('is made one by who may change its settings and has just proven who they are', async () => {
    const editor = await signInOver(server, await createPerson(server, { roles: ['editor'] }))
    expect((await call('PUT', settings, editor.accessToken, { required: true })).json().code).toBe('permission-missing')
    const key = await server.apiKey(['leads:read'])
    expect((await call('PUT', settings, key, { required: true })).json().code).toBe('session-required')
    const owner = await createPerson(server, { roles: ['owner'] })
    const { accessToken } = await enrolOver(server, owner)
    await asTenant(server, `update session set auth_time = now() - interval '11 minutes' where user_id = $1`, [
      owner.id,
    ])
    const old = await call('PUT', settings, accessToken, { required: true })
    expect(old.json().code).toBe('step-up-required')
    expect((await call('GET', settings, accessToken)).json()).toEqual({ required: false })
  })
})
