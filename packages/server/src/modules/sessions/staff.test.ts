import { describe, expect, it } from 'vitest'
import { createId } from '../../core/ids.ts'
import { bearer, createPerson, nextAddress, signInOver, type TestPerson } from '../../testing/people.ts'
import { challengeOver, enrolOver, nextCode, postTo } from '../../testing/second-factors.ts'
import type { TestServer } from '../../testing/server.ts'
import { stageOfTwo } from '../../testing/stage.ts'
import { asTenant } from '../../testing/tenant-rows.ts'

const { server, second } = await stageOfTwo()

type Headers = Readonly<Record<string, string>>

const call = (method: 'GET' | 'DELETE', url: string, headers: Headers, on: TestServer = server) =>
  on.app.inject({ method, url: `/api/v1${url}`, headers: { ...headers }, remoteAddress: nextAddress() })

const credentialOf = async (person: TestPerson, options: Parameters<typeof signInOver>[2] = {}) =>
  bearer((await signInOver(server, person, options)).accessToken)
const staff = async (role: 'owner' | 'admin' | 'editor' | 'viewer') =>
  credentialOf(await createPerson(server, { roles: [role] }))

describe('staff who end the sessions of somebody', () => {
  it('end all of them at once and in every process, with the sign-ins under way, and leave the account on', async () => {
    const person = await createPerson(server)
    const factor = await enrolOver(server, person)
    const [session, admin] = [bearer(factor.accessToken), await staff('admin')]
    const challenge = await challengeOver(server, person)
    const ended = await call('DELETE', `/users/${person.id}/sessions`, admin)
    expect([ended.statusCode, ended.json()]).toEqual([200, { ended: 1 }])
    for (const on of [server, second]) expect((await call('GET', '/auth/me', session, on)).statusCode).toBe(401)
    expect((await postTo(server, '/auth/refresh', { refresh_token: factor.refreshToken })).statusCode).toBe(401)
    const answered = { mfa_session_token: challenge, code: nextCode(server, factor.secret) }
    expect((await postTo(server, '/auth/login/mfa', answered)).json().code).toBe('mfa-challenge-invalid')
    expect((await challengeOver(server, person)).length).toBeGreaterThan(20)
    const entries = await asTenant(
      server,
      `select actor_kind, changes::jsonb - 'sessions' as changes from audit_event
       where action = 'session.ended' and resource_id = $1`,
      [person.id],
    )
    expect(entries).toEqual([{ actor_kind: 'user', changes: { reason: 'ended-by-staff' } }])
  })

  it('have the person told by mail, without a link that does anything, and not of what changed nothing', async () => {
    const [person, admin] = [await createPerson(server), await staff('admin')]
    const mails = () => asTenant(server, 'select template from mail_outbox where user_id = $1', [person.id])
    await call('DELETE', `/users/${person.id}/sessions`, admin)
    expect(await mails()).toEqual([])
    await credentialOf(person)
    await call('DELETE', `/users/${person.id}/sessions`, await staff('editor'))
    expect(await mails()).toEqual([])
    await call('DELETE', `/users/${person.id}/sessions`, admin)
    expect(await mails()).toEqual([{ template: 'sessions-ended' }])
  })

  it('need a fresh proof of who they are', async () => {
    const [person, admin] = [await createPerson(server), await staff('admin')]
    const session = await credentialOf(person)
    server.clock.nowMs += 601_000
    const stale = await call('DELETE', `/users/${person.id}/sessions`, admin)
    expect([stale.statusCode, stale.json().code]).toEqual([401, 'step-up-required'])
    server.clock.nowMs -= 601_000
    expect((await call('GET', '/auth/me', session)).statusCode).toBe(200)
  })

  it('class 38: end none of who may do more, and nobody does who may not write accounts', async () => {
    const owner = await createPerson(server, { roles: ['owner'] })
    const session = await credentialOf(owner)
    const refused = await call('DELETE', `/users/${owner.id}/sessions`, await staff('admin'))
    expect([refused.statusCode, refused.json().code]).toEqual([403, 'beyond-own-rights'])
    const editor = await call('DELETE', `/users/${owner.id}/sessions`, await staff('editor'))
    expect([editor.statusCode, editor.json().code]).toEqual([403, 'permission-missing'])
    expect((await call('GET', '/auth/me', session)).statusCode).toBe(200)
  })

  it.each(['GET', 'DELETE'] as const)('class 34: are answered %s of another tenant as of nobody', async (method) => {
    const elsewhere = await server.createTenant()
    const stranger = await createPerson(server, { tenantId: elsewhere.id })
    const headers = { 'x-tenant-id': elsewhere.id }
    const session = { ...headers, ...(await credentialOf(stranger, { headers })) }
    const owner = await staff('owner')
    for (const id of [stranger.id, createId()]) {
      const answer = await call(method, `/users/${id}/sessions`, owner)
      expect([answer.statusCode, answer.json().code]).toEqual([404, 'user-not-found'])
    }
    expect((await call('GET', '/auth/me', session)).statusCode).toBe(200)
  })
})

describe('staff who look at the sessions of somebody', () => {
  it('see which there are, and not where they come from', async () => {
    const person = await createPerson(server)
    const userAgent = 'Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0'
    await credentialOf(person, { address: '198.51.100.42', headers: { 'user-agent': userAgent } })
    const answer = await call('GET', `/users/${person.id}/sessions`, await staff('admin'))
    expect(answer.json()).toMatchObject({ total: 1, items: [{ device: 'Firefox, Linux', aal: 1, amr: ['pwd'] }] })
    expect(answer.body).not.toMatch(/198\.51|Mozilla|address|userAgent/)
  })

  it('need the right to read accounts', async () => {
    const person = await createPerson(server)
    const answer = await call('GET', `/users/${person.id}/sessions`, await credentialOf(person))
    expect([answer.statusCode, answer.json().code]).toEqual([403, 'permission-missing'])
  })
})
