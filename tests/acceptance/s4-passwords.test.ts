import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPasswordHasher } from '../../packages/server/src/core/credentials/password-hasher.ts'
import { type Person, type Platform, startPlatform, tokensOf } from './platform.ts'

/*
 * S4, the platform's audit, §3.6, 7.4 and 7.6: what a password may be, and how it is kept. Where the product's own table
 * settles a rule in another way, the test follows the table and says so.
 */

let platform: Platform
/** Answers as Have I Been Pwned does, about one password. */
let leaks: Server
const leaked = 'my dog is called Rex 2019'
let isLeakServiceUp = true
const askedFor: string[] = []

beforeAll(async () => {
  const digest = createHash('sha1').update(leaked).digest('hex').toUpperCase()
  leaks = createServer((request, response) => {
    askedFor.push(request.url ?? '')
    if (!isLeakServiceUp) return void response.writeHead(503).end()
    response.end(request.url === `/range/${digest.slice(0, 5)}` ? `${digest.slice(5)}:4711\r\n` : '')
  })
  await new Promise<void>((resolve) => leaks.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(leaks.address() as AddressInfo).port}`
  // Whether it is asked at all is left to the product's default; where it is asked is on this machine.
  platform = await startPlatform({ env: { REMPART_PASSWORD_CHECK_URL: url }, defaultBreachCheck: true })
})
afterAll(async () => {
  await platform?.close()
  await new Promise((resolve) => leaks.close(resolve))
})

const me = (token: string) => platform.api('GET', '/auth/me', { as: token })
const refresh = ({ tenant }: Person, token: string) =>
  platform.api('POST', '/auth/refresh', { json: { refresh_token: token }, headers: { 'x-tenant-id': tenant.slug } })

const hashOf = async ({ id, tenant }: Person): Promise<string> => {
  const text = 'select hash from password_credential where user_id = $1'
  return (await platform.sql<{ hash: string }>(tenant, text, [id]))[0]?.hash ?? ''
}

describe('§3.6 Hachage des mots de passe, §7.4 HIBP, §7.6 Argon2id', () => {
  const register = (email: string, password: string) =>
    platform.api('POST', '/auth/register', {
      json: { email, password },
      headers: { 'x-tenant-id': platform.tenant.slug },
    })
  const changeTo = async (newPassword: string) => {
    const who = await platform.person()
    const { access } = await platform.signIn(who)
    const json = { currentPassword: who.password, newPassword }
    return platform.api('POST', '/auth/change-password', { as: access, json })
  }

  it('bcrypt → Argon2id: what is kept of a password says so', async () => {
    const who = await platform.person()
    const { access } = await platform.signIn(who)
    const json = { currentPassword: who.password, newPassword: 'four hundred yellow kites' }
    expect((await platform.api('POST', '/auth/change-password', { as: access, json })).status).toBe(200)
    expect(await hashOf(who)).toMatch(/^\$argon2id\$v=19\$/)
  })

  it('"Re-hash au login": a weaker hash than today’s is replaced when its owner signs in', async () => {
    const weak = createPasswordHasher({ parameters: { memoryKib: 8_192, passes: 2, parallelism: 1 } })
    const who = await platform.person({ hash: weak.hash })
    const before = await hashOf(who)
    await platform.signIn(who)
    await expect.poll(() => hashOf(who), { timeout: 10_000 }).not.toBe(before)
    expect(weak.needsRehash(before)).toBe(false)
    expect(createPasswordHasher().needsRehash(await hashOf(who))).toBe(false)
    await platform.signIn(who)
  })

  it('"8+ chars, maj/min/chiffre/special" → 12 characters of any kind (the product’s rule)', async () => {
    expect((await changeTo('Aa1!aa1!')).status).toBe(422)
    expect((await changeTo('elevenchars')).status).toBe(422)
    expect((await changeTo('twelve small letters')).status).toBe(200)
  })

  it('"HIBP check: désactivé" → on by default: a leaked password is refused at registration and at a change', async () => {
    for (const answer of [await register('leaky@example.org', leaked), await changeTo(leaked)]) {
      expect(answer.json()).toMatchObject({ status: 422, errors: [expect.anything()] })
      expect(answer.text).not.toContain(leaked)
    }
    // Five digits of the hash, and nothing else, have left the server.
    for (const url of askedFor) expect(url).toMatch(/^\/range\/[0-9A-F]{5}$/)
    expect(askedFor.length).toBeGreaterThan(1)
  })

  it('"garder fail_open": a change goes through while the service is away, and a common password still does not', async () => {
    isLeakServiceUp = false
    try {
      expect((await changeTo('nine hundred orange kites')).status).toBe(200)
      expect((await changeTo('password1234')).status).toBe(422)
    } finally {
      isLeakServiceUp = true
    }
  })

  it('a change asks for the old password and ends every other session', async () => {
    const who = await platform.person()
    const [here, elsewhere] = [await platform.signIn(who), await platform.signIn(who)]
    const change = (currentPassword: string) =>
      platform.api('POST', '/auth/change-password', {
        as: here.access,
        json: { currentPassword, newPassword: 'four hundred yellow kites' },
      })
    expect((await change('not the password')).json()['code']).toBe('sign-in-refused')
    const changed = await change(who.password)
    expect(changed.status).toBe(200)
    expect((await me(tokensOf(changed).access)).status).toBe(200)
    for (const { access, refresh: token } of [here, elsewhere]) {
      expect((await me(access)).status).toBe(401)
      expect((await refresh(who, token)).status).toBe(401)
    }
  })
})
