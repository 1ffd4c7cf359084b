import { execFile } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer } from '../support/http-client.ts'
import { type Person, type Platform, startPlatform, tokensOf } from './platform.ts'

/*
 * S4, the platform's audit, §3.1, 3.2 and 3.4: tokens, sessions, and the ladder against guessed passwords. What each test is
 * called is the fault or the measure; where the product's own table settles it in another way, the test follows the table
 * and says so.
 */

let platform: Platform
beforeAll(async () => {
  platform = await startPlatform()
})
afterAll(() => platform?.close())

const named = ({ tenant }: Person): { readonly 'x-tenant-id': string } => ({ 'x-tenant-id': tenant.slug })
const login = (who: Person, password = who.password, from = platform.visitors.next()): Promise<Answer> =>
  platform.api('POST', '/auth/login', { json: { email: who.email, password }, headers: named(who), from })
const refresh = (who: Person, token: string): Promise<Answer> =>
  platform.api('POST', '/auth/refresh', { json: { refresh_token: token }, headers: named(who) })
const me = (token: string): Promise<Answer> => platform.api('GET', '/auth/me', { as: token })
/** The command line, beside the server that runs. */
const rempart = (...words: readonly string[]): Promise<unknown> =>
  promisify(execFile)(process.execPath, ['--conditions=rempart-source', MAIN, ...words], {
    env: { PATH: '/usr/bin:/bin', REMPART_DATA_DIR: platform.server.dataDir },
  })
const MAIN = join(import.meta.dirname, '../../packages/cli/src/main.ts')
const parts = (token: string): Record<string, unknown>[] =>
  token
    .split('.')
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()))

describe('§3.1 JWT', () => {
  it('HS256 → Ed25519: signed with a key whose public half is published, and whose secret no service has to share', async () => {
    const { access } = await platform.signIn(await platform.person())
    const [header] = parts(access)
    expect(header).toMatchObject({ alg: expect.stringMatching(/^(?:EdDSA|Ed25519)$/), typ: 'at+jwt' })
    const published = (await platform.visitors.next()('/.well-known/jwks.json')).json()['keys'] as { kid: string }[]
    expect(published.map(({ kid }) => kid)).toContain(header?.['kid'])
    expect(JSON.stringify(published)).not.toMatch(/"(?:d|k)":/)
  })

  it.each(['none', 'HS256'])('a token that was made with %s and the published key is worth nothing', async (alg) => {
    const { access } = await platform.signIn(await platform.person())
    expect((await me(access)).status).toBe(200)
    const keys = (await platform.visitors.next()('/.well-known/jwks.json')).text
    const [header, claims] = parts(access)
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const signed = `${encode({ ...header, alg })}.${encode(claims)}`
    const signature = alg === 'none' ? '' : createHmac('sha256', keys).update(signed).digest('base64url')
    expect((await me(`${signed}.${signature}`)).json()).toMatchObject({ status: 401, code: 'credential-invalid' })
  })

  it('an access token lives 15 minutes, a refresh token 7 days, a session 30 at most', async () => {
    const who = await platform.person()
    const answer = (await login(who)).json()
    const [, claims] = parts(String(answer['access_token']))
    expect([answer['expires_in'], Number(claims?.['exp']) - Number(claims?.['iat'])]).toEqual([900, 900])
    const [kept] = await platform.sql<Record<string, number>>(
      who.tenant,
      `select round(extract(epoch from s.absolute_expires_at - s.created_at) / 86400)::int as absolute,
              round(extract(epoch from t.expires_at - t.created_at) / 86400)::int as refresh
       from session s join refresh_token t on t.session_id = s.id where s.user_id = $1`,
      [who.id],
    )
    expect(kept).toEqual({ absolute: 30, refresh: 7 })
  })

  it('no refresh lengthens a session beyond its 30 days', async () => {
    const who = await platform.person()
    const { refresh: token } = await platform.signIn(who)
    const set = (interval: string) =>
      platform.sql(who.tenant, `update session set absolute_expires_at = now() + $2::interval where user_id = $1`, [
        who.id,
        interval,
      ])
    await set('1 hour')
    const renewed = tokensOf(await refresh(who, token))
    const [kept] = await platform.sql<{ soon: boolean }>(
      who.tenant,
      `select bool_and(idle_expires_at <= now() + interval '1 hour') as soon from session where user_id = $1`,
      [who.id],
    )
    expect(kept?.soon).toBe(true)
    await set('-1 second')
    expect((await refresh(who, renewed.refresh)).status).toBe(401)
    expect((await me(renewed.access)).status).toBe(401)
  })

  it('refresh tokens rotate, and one that was used before ends the whole family', async () => {
    const who = await platform.person()
    const first = await platform.signIn(who)
    const second = tokensOf(await refresh(who, first.refresh))
    const third = tokensOf(await refresh(who, second.refresh))
    expect(new Set([first, second, third].map((each) => each.refresh)).size).toBe(3)
    expect((await refresh(who, first.refresh)).status).toBe(401)
    expect((await refresh(who, third.refresh)).status).toBe(401)
    expect((await me(third.access)).status).toBe(401)
    expect(await platform.audited(who.tenant, 'session.replayed')).toMatchObject([{ outcome: 'refused' }])
  })

  it('blacklist → the session row: an access token is dead with its session, fifteen minutes or not', async () => {
    const who = await platform.person()
    const { access } = await platform.signIn(who)
    expect((await platform.api('POST', '/auth/logout', { as: access, json: {} })).status).toBe(204)
    expect((await me(access)).json()).toMatchObject({ status: 401, code: 'credential-invalid' })
  })

  it('"Secret rotation n’invalide pas les anciens tokens": with `keys rotate --revoke` it does, and nobody signs in anew', async () => {
    const who = await platform.person()
    const before = await platform.signIn(who)
    expect((await me(before.access)).status).toBe(200)
    await rempart('keys', 'rotate', '--revoke')
    await expect.poll(async () => (await me(before.access)).status, { timeout: 30_000, interval: 200 }).toBe(401)
    const renewed = tokensOf(await refresh(who, before.refresh))
    expect((await me(renewed.access)).status).toBe(200)
  })

  it('DUMMY_HASH: an address without an account is answered like a wrong password', async () => {
    const who = await platform.person()
    const answers = [
      await login(who, 'not the password'),
      await login({ ...who, email: 'nobody@example.org' }, 'not it'),
    ]
    const essence = answers.map((answer) => {
      const { instance: _i, requestId: _r, timestamp: _t, ...body } = answer.json()
      return { status: answer.status, body, fields: Object.keys(answer.headers).toSorted() }
    })
    expect(essence[0]?.status).toBe(401)
    expect(essence[1]).toEqual(essence[0])
  })
})

describe('§3.2 Sessions', () => {
  it('have ids that nobody guesses or counts, and say where they are from', async () => {
    const who = await platform.person()
    const visitor = platform.visitors.next()
    const { access } = await platform.signIn(who, visitor)
    const [session] = (await platform.api('GET', '/sessions', { as: access })).json()['items'] as { id: string }[]
    expect(session).toMatchObject({ address: visitor.address, userAgent: expect.stringContaining('Acceptance') })
    expect(session?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  it('§7.5 keep no more of a User-Agent than a bounded length', async () => {
    const who = await platform.person()
    const json = { email: who.email, password: who.password }
    const headers = { ...named(who), 'user-agent': `Long/${'9'.repeat(6_000)}` }
    const { access } = tokensOf(await platform.api('POST', '/auth/login', { json, headers }))
    const [session] = (await platform.api('GET', '/sessions', { as: access })).json()['items'] as {
      userAgent: string
    }[]
    expect(session?.userAgent).toMatch(/^Long\/9+$/)
    expect(session?.userAgent.length).toBeLessThanOrEqual(512)
  })

  it('§6 "Session terminate: IDOR": nobody reads or ends a session of somebody else, and cannot tell that there is one', async () => {
    const [mine, theirs] = [await platform.person({ roles: ['owner'] }), await platform.person()]
    const [own, foreign] = [await platform.signIn(mine), await platform.signIn(theirs)]
    const [target] = (await platform.api('GET', '/sessions', { as: foreign.access })).json()['items'] as {
      id: string
    }[]
    const id = String(target?.id)
    for (const method of ['GET', 'DELETE']) {
      const codes = []
      for (const each of [id, `${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}`]) {
        const answer = await platform.api(method, `/sessions/${each}`, { as: own.access })
        codes.push([answer.status, answer.json()['code']])
      }
      expect(codes).toEqual([
        [404, 'session-not-found'],
        [404, 'session-not-found'],
      ])
    }
    expect((await me(foreign.access)).status).toBe(200)
  })
})

describe('§3.4 Rate limiting and brute force', () => {
  it('sign-in: 5 in a minute per client, whoever it names', async () => {
    const visitor = platform.visitors.next()
    const answers = []
    for (let index = 0; index < 6; index += 1) answers.push(await login(await platform.person(), undefined, visitor))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429])
    expect(Number(answers.at(-1)?.headers['retry-after'])).toBeLessThanOrEqual(60)
  })

  it('the ladder is the account’s: changing addresses leads to a CAPTCHA all the same, also with the right password', async () => {
    const who = await platform.person()
    const codes = []
    for (let index = 0; index < 4; index += 1) codes.push((await login(who, 'wrong')).json()['code'])
    expect(codes).toEqual(['sign-in-refused', 'sign-in-refused', 'sign-in-refused', 'captcha-required'])
    expect((await login(who)).json()).toMatchObject({ status: 401, code: 'captcha-required' })
  })

  it('"IP spoofing possible via X-Forwarded-For": hops that a client claims for itself give it no other counter', async () => {
    const statuses = []
    for (let index = 0; index < 6; index += 1) {
      const claimed = `192.0.2.${index}, 198.51.100.77`
      statuses.push((await login(await platform.person(), undefined, platform.visitors.at(claimed))).status)
    }
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429])
  })
})
