import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Challenge, solveChallenge } from 'altcha-lib'
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2'
import type { InjectOptions } from 'fastify'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { parse } from 'yaml'
import { createTestDatabase, type TestDatabase } from '../../testing/database.ts'
import { startTestServer, type TestServer, type TestServerOptions } from '../../testing/server.ts'

let database: TestDatabase
let server: TestServer
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
afterEach(() => server.close())

const message = { name: 'Ada Lovelace', email: 'ada@example.org', message: 'Hello' }
const browser = {
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
  accept: '*/*',
  'accept-language': 'fr',
  'accept-encoding': 'gzip',
}
const script = { 'user-agent': 'python-requests/2.32.3', accept: '*/*' }

/** A policy file that adds rules before the contact route's own. */
const contactRules = (rules: object): object => ({ version: 1, policies: { 'contact.submit': { rules } } })
const bots = (fields: object): object => contactRules({ bots: { kind: 'signal', ...fields } })

async function start(policyFile: object, options: TestServerOptions = {}): Promise<void> {
  server = await startTestServer(database, { ...options, policyFile })
}

const send = (headers: Record<string, string>, options: InjectOptions = {}) =>
  server.app.inject({ method: 'POST', url: '/api/v1/contact', payload: message, headers, ...options })

/** What the widget does in a browser. */
async function solve(challenge: Challenge): Promise<string> {
  return btoa(JSON.stringify({ challenge, solution: await solveChallenge({ challenge, deriveKey }) }))
}

describe('a signal rule', () => {
  it('lets a browser pass and asks a script for a proof, which its next request carries', async () => {
    await start(bots({ sources: ['userAgent'], challenge: 60 }))
    expect((await send(browser)).statusCode).toBe(201)

    const refused = await send(script)
    expect(refused.statusCode).toBe(403)
    expect(refused.headers['content-type']).toContain('application/problem+json')
    expect(refused.json()).toMatchObject({
      code: 'challenge-required',
      'violated-policies': ['contact.submit/bots'],
      challenge: { parameters: { algorithm: 'PBKDF2/SHA-256', cost: 5_000 }, signature: expect.any(String) },
    })

    const proof = await solve(refused.json().challenge)
    expect((await send({ ...script, 'rempart-proof': proof })).statusCode).toBe(201)
  })

  it('takes a proof once, from the client and for the policy it was asked of, and not for ever', async () => {
    const rule = { kind: 'signal', sources: ['userAgent'], challenge: 60 }
    await start({
      version: 1,
      policies: { 'contact.submit': { rules: { bots: rule } }, general: { rules: { bots: rule } } },
    })
    const ask = async (): Promise<Challenge> => (await send(script)).json().challenge

    const proof = await solve(await ask())
    const stolen = await send({ ...script, 'rempart-proof': proof }, { remoteAddress: '203.0.113.9' })
    expect(stolen.statusCode).toBe(403)
    const elsewhere = await server.app.inject({
      url: '/api/v1/leads',
      headers: { ...script, 'rempart-proof': proof },
    })
    expect(elsewhere.json()).toMatchObject({ code: 'challenge-required' })
    const together = await Promise.all(Array.from({ length: 10 }, () => send({ ...script, 'rempart-proof': proof })))
    expect(together.filter(({ statusCode }) => statusCode === 201)).toHaveLength(1)

    const late = await solve(await ask())
    server.clock.nowMs += 600_000 + 1_000
    expect((await send({ ...script, 'rempart-proof': late })).statusCode).toBe(403)
    const text = await server.metrics.render()
    expect(text).toContain('rempart_challenges_total{outcome="solved"} 1')
    expect(text).toContain('rempart_challenges_total{outcome="replayed"} 9')
    expect(text).toContain('rempart_challenges_total{outcome="signature"} 2')
    expect(text).toContain('rempart_challenges_total{outcome="expired"} 1')
  })

  it('leaves a proof unread and unspent where the policy asks for none', async () => {
    const asking = bots({ sources: ['userAgent'], challenge: 60 })
    await start(asking)
    const proof = await solve((await send(script)).json().challenge)
    const shadow = bots({ sources: ['userAgent'], mode: 'shadow', challenge: 60 })
    for (const silent of [contactRules({}), shadow, bots({ sources: ['userAgent'], deny: 100 })]) {
      server.app.policies.replace(silent)
      expect((await send({ ...browser, 'rempart-proof': proof })).statusCode).not.toBe(403)
    }
    server.app.policies.replace(asking)
    expect(await server.metrics.render()).not.toContain('rempart_challenges_total{outcome="solved"}')
    server.clock.nowMs += 301_000
    expect((await send({ ...script, 'rempart-proof': proof })).statusCode).toBe(201)
    expect((await send({ ...script, 'rempart-proof': proof })).statusCode).toBe(403)
  })

  it.each([
    ['nothing', ''],
    ['a letter', 'x'],
    ['an empty object', 'e30='],
    ['no challenge', btoa('{"challenge":null}')],
    ['a long text', 'A'.repeat(5_000)],
  ])('challenges again whoever sends %s for a proof', async (_case, proof) => {
    await start(bots({ sources: ['userAgent'], challenge: 60 }))
    const reply = await send({ ...script, 'rempart-proof': proof })
    expect(reply.json()).toMatchObject({ code: 'challenge-required' })
  })

  it('spends nothing of the limits on those it challenges, who may then send what they came to send', async () => {
    await start(bots({ sources: ['userAgent'], challenge: 60 }))
    const refusals = await Promise.all(Array.from({ length: 10 }, () => send(script)))
    expect(refusals.every(({ statusCode }) => statusCode === 403)).toBe(true)
    const proof = await solve(refusals[0]?.json().challenge)
    expect((await send({ ...script, 'rempart-proof': proof })).statusCode).toBe(201)
  })

  it('takes the policy that the guide prints', async () => {
    const guide = await readFile(
      join(import.meta.dirname, '../../../../../docs/guides/tell-bots-from-people.md'),
      'utf8',
    )
    const printed: unknown = parse(/```yaml\n(version[\s\S]*?)```/.exec(guide)?.[1] ?? '')
    await start(Object(printed))
    expect((await send(script)).statusCode).toBe(201)
    expect(await server.metrics.render()).toMatch(/rempart_guard_decisions_total\{[^}]*outcome="shadow-deny"\} 1/)
  })

  it('refuses beyond its upper threshold, proof or not', async () => {
    await start(bots({ sources: ['userAgent'], challenge: 50, deny: 60 }))
    const reply = await send(script)
    expect(reply.statusCode).toBe(403)
    expect(reply.json()).toMatchObject({ code: 'access-denied' })
    expect(reply.json().challenge).toBeUndefined()
  })

  it('asks nobody for anything in shadow mode, and counts whom it would have', async () => {
    await start(bots({ sources: ['userAgent'], deny: 60, mode: 'shadow' }))
    expect((await send(script)).statusCode).toBe(201)
    expect(await server.metrics.render()).toMatch(/rempart_guard_decisions_total\{[^}]*outcome="shadow-deny"\} 1/)
  })

  it('lets a listed page send a proof from a browser', async () => {
    await start(bots({ sources: ['userAgent'], challenge: 60 }), {
      environment: { REMPART_ALLOWED_ORIGINS: 'https://www.example.org' },
    })
    const preflight = await server.app.inject({
      method: 'OPTIONS',
      url: '/api/v1/contact',
      headers: { origin: 'https://www.example.org', 'access-control-request-method': 'POST' },
    })
    expect(String(preflight.headers['access-control-allow-headers']).split(', ')).toContain('rempart-proof')
  })
})

describe('reputation', () => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'rempart-signals-'))
    // As netsets of unroutable blocks do, it names private networks too.
    await writeFile(join(directory, 'abuse.netset'), '203.0.113.0/24 90\n10.0.0.0/8 100\n127.0.0.0/8 100\n')
  })
  afterAll(() => rm(directory, { recursive: true }))

  it('refuses the addresses of a list, by the client and not by the proxy in front', async () => {
    await start(bots({ sources: ['reputation'], deny: 80 }), {
      environment: { REMPART_REPUTATION_LISTS: join(directory, 'abuse.netset'), REMPART_TRUSTED_PROXIES: '127.0.0.1' },
    })
    const from = async (client: string) => (await send({ ...browser, 'x-forwarded-for': client })).statusCode
    expect(await from('203.0.113.7')).toBe(403)
    expect(await from('::ffff:203.0.113.7')).toBe(403)
    expect(await from('198.51.100.1, 203.0.113.7')).toBe(403)
    expect(await from('203.0.113.7, 198.51.100.1')).toBe(201)
    // A client of the operator's own network is no abuser for being unroutable.
    expect(await from('10.1.2.3')).toBe(201)
    expect(await server.metrics.render()).toContain('rempart_reputation_list_entries{list="abuse"} 3')
  })

  it('does not start with a list that cannot be read', async () => {
    const environment = { REMPART_REPUTATION_LISTS: join(directory, 'missing.netset') }
    await expect(startTestServer(database, { environment })).rejects.toThrow(/missing\.netset/)
    await start({ version: 1, policies: {} })
  })

  describe('from a service', () => {
    let service: Server
    const asked: string[] = []
    beforeAll(async () => {
      service = createServer((request, response) => {
        asked.push(String(request.url))
        response.end(JSON.stringify({ data: { abuseConfidenceScore: 100, isWhitelisted: false } }))
      })
      await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
    })
    afterAll(async () => {
      service.closeAllConnections()
      await new Promise((resolve) => service.close(resolve))
    })
    const environment = (): Record<string, string> => ({
      REMPART_ABUSEIPDB_KEY: 'a key of this test that is long',
      REMPART_ABUSEIPDB_URL: `http://127.0.0.1:${(service.address() as AddressInfo).port}`,
    })
    const fromAbuser = () => send(browser, { remoteAddress: '203.0.113.7' })

    it('never holds a request up: the first passes, those after the answer do not', async () => {
      asked.length = 0
      await start(bots({ sources: ['reputation'], deny: 80 }), { environment: environment() })
      expect((await fromAbuser()).statusCode).toBe(201)
      await vi.waitFor(async () => expect((await fromAbuser()).statusCode).toBe(403), 5_000)
      expect(asked).toEqual(['/api/v2/check?ipAddress=203.0.113.7&maxAgeInDays=90'])
    })

    it('tells the service no address that no rule asks about, and no private one', async () => {
      asked.length = 0
      await start(bots({ sources: ['userAgent'], deny: 80 }), { environment: environment() })
      await fromAbuser()
      await server.close()
      await start(bots({ sources: ['reputation'], deny: 80 }), { environment: environment() })
      await send(browser)
      await send(browser, { remoteAddress: '203.0.113.8' })
      await vi.waitFor(() => expect(asked).toHaveLength(1))
      expect(asked[0]).toContain('203.0.113.8')
    })
  })
})

describe('other early subjects', () => {
  const environment = { REMPART_COUNTRY_HEADER: 'CF-IPCountry', REMPART_TRUSTED_PROXIES: '127.0.0.1' }

  it('know a country from the header of a trusted proxy only', async () => {
    await start(contactRules({ abroad: { kind: 'access-list', by: 'country', allow: ['FR'], deny: ['*'] } }), {
      environment,
    })
    const from = async (country: string, remoteAddress = '127.0.0.1') => {
      const headers = { ...browser, 'cf-ipcountry': country, 'x-forwarded-for': '198.51.100.1' }
      return (await send(headers, { remoteAddress })).statusCode
    }
    expect(await from('FR')).toBe(201)
    expect(await from('US')).toBe(403)
    expect(await from('FR', '203.0.113.7')).toBe(403)
  })

  it('count by fingerprint, header and route', async () => {
    const once = { kind: 'rate-limit', limit: 1, window: '60s' }
    for (const by of ['fingerprint', 'header:x-device', 'route'] as const) {
      await start(contactRules({ own: { ...once, by }, burst: 'off' }))
      expect((await send(browser)).statusCode).toBe(201)
      expect((await send(browser)).statusCode).toBe(429)
      const other = await send({ ...browser, 'user-agent': `${browser['user-agent']} other`, 'x-device': 'other' })
      expect(other.statusCode).toBe(by === 'route' ? 429 : 201)
      await server.close()
    }
    await start({ version: 1, policies: {} })
  })
})
