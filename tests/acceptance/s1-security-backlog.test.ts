import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mastersOf } from '../../packages/server/src/core/secrets.ts'
import { createAccessTokens } from '../../packages/server/src/core/tokens/access-token.ts'
import type { TokenSubject } from '../../packages/server/src/core/tokens/access-token-claims.ts'
import { createSigningKeys } from '../../packages/server/src/core/tokens/signing-keys.ts'
import { createPool, type Pool } from '../../packages/server/src/database/connect.ts'
import { createTenant } from '../../packages/server/src/modules/tenants/service.ts'
import { type SmtpSink, startSmtpSink } from '../../packages/server/src/testing/smtp-sink.ts'
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts'
import type { Answer } from '../support/http-client.ts'
import { send, until } from '../support/processes.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { type SharedDatabase, startSharedDatabase } from '../support/shared-database.ts'
import { workerPool } from '../support/tenant-with-form.ts'
import { faultsOfRefusal } from './neutral-problem.ts'
import { createPerson, login, signedIn, signIn } from './people.ts'
import { SECRET_KEY } from './public-forms.ts'
import { type Visitor, type Visitors, visitorsOf } from './visitors.ts'

/*
 * S1, the security backlog of an API behind a reverse proxy, measure by measure. Where the product's own table settles a
 * measure in another way, the test follows the table and says so.
 */

/** Not part of this: measures that come with the files themselves. */
const notPartOfThis = {
  s7: 'types of attachments, judged by content',
  s8: 'audit of reading and writing files',
} as const

const METRICS_TOKEN = 'a-token-of-enough-length'
const demo = 'demo'

let server: ServerProcess
let visitors: Visitors
let pool: Pool
let sink: SmtpSink

beforeAll(async () => {
  sink = await startSmtpSink()
  server = await startServerProcess({
    env: {
      REMPART_TRUSTED_PROXIES: '127.0.0.1/32',
      REMPART_SECRET_KEY: SECRET_KEY,
      REMPART_METRICS_TOKEN: METRICS_TOKEN,
      REMPART_PASSWORD_CHECK_HIBP: 'off',
      REMPART_SMTP_URL: `smtp+plain://127.0.0.1:${sink.port}`,
      REMPART_MAIL_FROM: 'no-reply@app.example.org',
      REMPART_PUBLIC_URL: 'http://localhost:3000',
    },
  })
  visitors = visitorsOf(server)
  pool = workerPool(server)
})
afterAll(async () => {
  visitors?.close()
  await pool?.end()
  await server?.remove()
  await sink?.close()
})

const atOnce = <T>(count: number, act: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => act(index)))
const countOf = (answers: readonly Answer[], status: number): number =>
  answers.filter((answer) => answer.status === status).length
const codeOf = (answer: Answer): readonly unknown[] => [answer.status, answer.json()['code']]
const claimsOf = (token: string): Readonly<Record<string, unknown>> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

/** The text of the newest mail to an address that has so many by now. */
async function mailTo(address: string, count = 1): Promise<string> {
  const mails = () => sink.received.filter(({ recipients }) => recipients.includes(address))
  await until(() => mails().length >= count, 30_000)
  return mails().at(-1)?.parsed.text ?? ''
}
const linkIn = (text: string, purpose: string): string =>
  new RegExp(`#token=(${purpose}_[\\w-]{43})`).exec(text)?.[1] ?? ''

describe('s1: limits at the reverse proxy, against floods and brute force (and s3: /health, which s1 took over)', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rempart-s1-'))
  /** The API behind: it has no limit of its own, and keeps what reaches it. */
  let api: Server
  let reached: string[]
  let gateway: GatewayProcess
  let outside: Visitors

  beforeAll(async () => {
    api = createServer(({ url, headers }, response) => {
      reached.push(`${headers['x-forwarded-for']} ${url}`)
      response.end('ok')
    }).listen(0, '127.0.0.1')
    reached = []
    await until(() => api.listening)
    const policy = join(directory, 'rempart.policy.yaml')
    writeFileSync(policy, 'version: 1\nextends: caddy\n')
    const upstream = `http://127.0.0.1:${(api.address() as AddressInfo).port}`
    gateway = await startGatewayProcess(['--upstream', upstream, '--policy', policy, '--trusted-proxies', '127.0.0.1'])
    outside = visitorsOf(gateway)
  })
  afterAll(async () => {
    outside?.close()
    await gateway?.remove()
    api?.close()
    api?.closeAllConnections()
    rmSync(directory, { recursive: true })
  })
  const arrived = ({ address }: Visitor): number => reached.filter((line) => line.startsWith(`${address} `)).length

  it.each([
    ['/auth/login', 5],
    ['/api/v1/auth/login', 5],
    ['/health', 20],
    ['/files', 120],
  ])('%s: %i a minute per client; the rest is refused before the API hears of it', async (path, limit) => {
    const visitor = outside.next()
    const answers = await atOnce(limit + 10, () => visitor(path, path.endsWith('login') ? { json: {} } : {}))
    expect([countOf(answers, 200), countOf(answers, 429)]).toEqual([limit, 10])
    expect(arrived(visitor)).toBe(limit)

    const refused = await visitor(path)
    expect([refused.status, refused.json()['code']]).toEqual([429, 'rate-limited'])
    expect(refused.headers['content-type']).toBe('application/problem+json; charset=utf-8')
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60)
    expect((await outside.next()(path)).status).toBe(200)
  })

  it('the other routes have one counter among them: another path gains nothing', async () => {
    const visitor = outside.next()
    const answers = await atOnce(130, (index) => visitor(`/files/${index}?x=${index}`))
    expect([countOf(answers, 200), countOf(answers, 429)]).toEqual([120, 10])
    expect((await visitor('/another')).status).toBe(429)
  })

  it('brute force gains nothing by another method, spelling, query or browser', async () => {
    const visitor = outside.next()
    const ways = ['/auth/login', '/auth/login/', '/auth/%6cogin', '/auth//login', '/x/../auth/login', '/auth/login?a=1']
    const answers = await atOnce(30, (index) =>
      visitor(ways[index % ways.length] ?? '', {
        method: index % 2 === 0 ? 'POST' : 'PUT',
        headers: { 'user-agent': `browser ${index}` },
      }),
    )
    expect(reached.filter((line) => line.startsWith(`${visitor.address} /`) && /log|%6c/.test(line))).toHaveLength(5)
    expect(countOf(answers, 200)).toBe(5)
  })

  it('the server keeps the same limits by itself, but for health, which it never refuses', async () => {
    const person = await createPerson(pool, demo)
    const visitor = visitors.next()
    const guesses = await atOnce(15, () => login(visitor, { ...person, password: 'not the password' }))
    expect(countOf(guesses, 429)).toBe(10)
    const others = await atOnce(130, (index) => visitor(`/api/v1/nothing/${index}`))
    expect([countOf(others, 404), countOf(others, 429)]).toEqual([120, 10])
    expect(countOf(await atOnce(50, () => visitor('/health')), 200)).toBe(50)
  })

  it('guesses from a thousand addresses are stopped at the account', async () => {
    const person = await createPerson(pool, demo)
    const guesses = await atOnce(40, () => login(visitors.next(), { ...person, password: 'not the password' }))
    const judged = guesses.filter((answer) => answer.json()['code'] === 'sign-in-refused')
    expect(judged.length).toBeLessThanOrEqual(3)
    // Nor does the right password get in among them, without a proof.
    expect((await login(visitors.next(), person)).status).not.toBe(200)
  })
})

describe('s2: tokens live for two hours at most; here, as the table has it, for 15 minutes', () => {
  it('the reply and the token itself say so', async () => {
    const person = await createPerson(pool, demo)
    const answer = await login(visitors.next(), person)
    expect(answer.json()).toMatchObject({ token_type: 'Bearer', expires_in: 900 })
    const { iat, exp } = claimsOf(String(answer.json()['access_token']))
    expect(Number(exp) - Number(iat)).toBe(900)
    expect(Math.abs(Number(iat) - Date.now() / 1_000)).toBeLessThan(10)
  })

  it('a stolen one is worth nothing 15 minutes later, though its session goes on', async () => {
    const session = await signIn(visitors, await createPerson(pool, demo))
    const aged = await agedTokens()
    try {
      const me = (token: string) =>
        visitors.next()('/api/v1/auth/me', { headers: { authorization: `Bearer ${token}` } })
      expect((await me(await aged.mint(session.accessToken, 14 * 60))).status).toBe(200)
      expect(codeOf(await me(await aged.mint(session.accessToken, 15 * 60)))).toEqual([401, 'credential-invalid'])
      expect((await session.call('/api/v1/auth/me')).status).toBe(200)
    } finally {
      await aged.close()
    }
  })

  it('people need not sign in again for it: the session is renewed in silence', async () => {
    const session = await signIn(visitors, await createPerson(pool, demo))
    const json = { refresh_token: session.refreshToken }
    const renewed = await visitors.next()('/api/v1/auth/refresh', { json })
    expect(renewed.status).toBe(200)
    expect((await signedIn(visitors, renewed).call('/api/v1/auth/me')).status).toBe(200)
  })

  /** Tokens of the server's own key, as it gave them out some time ago. */
  async function agedTokens() {
    const settings = { connectTimeoutMs: 5_000, statementTimeoutMs: 5_000, idleTimeoutMs: 1_000, maxLifetimeMs: 60_000 }
    const app = createPool(server.connection('rempart_app'), { ...settings, size: 1, name: 'test' }, () => {})
    const log = { info: () => {}, warn: () => {}, error: () => {} }
    const keys = createSigningKeys({ pool: app, masters: mastersOf(SECRET_KEY), log })
    await keys.ready()
    const issuer = 'http://localhost:3000'
    return {
      async mint(like: string, secondsAgo: number): Promise<string> {
        const clock = { now: () => Date.now() - secondsAgo * 1_000 }
        const { sub, tid, sid, client_id, amr, acr } = claimsOf(like) as unknown as TokenSubject
        const tokens = createAccessTokens({ keys, issuer, audience: issuer, clock })
        const auth_time = Math.floor(clock.now() / 1_000)
        return (await tokens.mint({ sub, tid, sid, client_id, amr, acr, auth_time })).token
      },
      async close() {
        await keys.stop()
        await app.end()
      },
    }
  }
})

describe('s4: a forgotten password is reset by e-mail', () => {
  const request = (email: string) => visitors.next()('/api/v1/password-reset/request', { json: { email } })
  const confirm = (token: string, password: string) =>
    visitors.next()('/api/v1/password-reset/confirm', { json: { token, password } })

  it('from the request over the mail to the new password; the old one and every session end', async () => {
    const person = await createPerson(pool, demo)
    const session = await signIn(visitors, person)
    const before = sink.received.length
    expect((await request(person.email)).status).toBe(202)
    await until(() => sink.received.length > before, 30_000)
    const text = await mailTo(person.email)
    expect(text).toContain('http://localhost:3000/account/reset#token=')
    const token = linkIn(text, 'rmp_rst')

    const validate = { json: { token } }
    expect((await visitors.next()('/api/v1/password-reset/validate', validate)).json()).toEqual({ valid: true })
    const password = 'eleven copper kettles'
    expect((await confirm(token, password)).status).toBe(204)
    expect((await session.call('/api/v1/auth/me')).status).toBe(401)
    expect((await login(visitors.next(), person)).status).toBe(401)
    expect((await login(visitors.next(), { ...person, password })).status).toBe(200)
    expect(codeOf(await confirm(token, 'twelve copper kettles'))).toEqual([400, 'link-invalid'])
  })

  it('tells nobody who has an account, and no log what the link was', async () => {
    const person = await createPerson(pool, demo)
    const [known, unknown] = [await request(person.email), await request('nobody@people.example.net')]
    expect([unknown.status, unknown.text]).toEqual([known.status, known.text])
    const token = linkIn(await mailTo(person.email), 'rmp_rst')
    expect(token).not.toBe('')
    expect(sink.received.filter(({ recipients }) => recipients.includes('nobody@people.example.net'))).toEqual([])
    const written = `${JSON.stringify(server.logs)}${server.stderr()}`
    for (const secret of [token, person.email, 'people.example.net']) expect(written).not.toContain(secret)
  })

  it('asks for the mails of one address are limited per client', async () => {
    const visitor = visitors.next()
    const ask = () => visitor('/api/v1/password-reset/request', { json: { email: 'someone@people.example.net' } })
    const answers = await atOnce(8, ask)
    expect([countOf(answers, 202), countOf(answers, 429)]).toEqual([5, 3])
  })
})

describe('s5: passwords of 12 characters or more; here, as the table has it, without a rule of composition', () => {
  const register = (password: string) =>
    visitors.next()('/api/v1/auth/register', { json: { email: 'newcomer@people.example.net', password } })

  it.each([
    ['11 characters of all kinds', 'Xk7!mQz2pWd', 'password-too-short'],
    ['11 that are 22 UTF-16 units', '🦀🐙🦑🐚🌊⚓🛟🐠🦈🐡🐬', 'password-too-short'],
    ['a well-known one that satisfies every class', 'Password1234', 'password-common'],
    ['a run of the keyboard', 'qwertyuiop123', 'password-'],
    ['more than 128', 'x7'.repeat(65), 'password-too-long'],
  ])('%s: refused with 422 and its reason', async (_what, password, code) => {
    const refused = await register(password)
    expect(refused.status).toBe(422)
    expect(refused.json()['errors']).toMatchObject([{ pointer: '/password', code: expect.stringContaining(code) }])
    expect(faultsOfRefusal(refused, [password])).toEqual([])
  })

  it.each([
    ['12 of one kind', 'mzkvqtxwhjpf'],
    ['a sentence with spaces', 'seven purple candles'],
    ['128', 'k3 v9 m1 '.repeat(15).slice(0, 127).concat('!')],
  ])('%s: taken', async (_what, password) => {
    expect((await register(password)).status).toBe(202)
  })

  it('classes of characters are a tenant’s own choice: then upper case, lower case and a digit are asked for', async () => {
    const owner = await signIn(visitors, await createPerson(pool, demo, { roles: ['owner'] }))
    const classes = (passwordClasses: number) =>
      owner.call('/api/v1/tenant/settings', { method: 'PATCH', json: { passwordClasses } })
    expect((await classes(3)).status).toBe(200)
    const refused = await register('mzkvqtxwhjpf')
    expect((await register('Mzkvqtxwhjp7')).status).toBe(202)
    expect((await classes(0)).status).toBe(200)
    expect(refused.json()['errors']).toMatchObject([{ code: 'password-too-few-classes' }])
  })

  it('accounts of before stay valid: an old, short password still signs in', async () => {
    expect((await login(visitors.next(), await createPerson(pool, demo, { password: 'short' }))).status).toBe(200)
  })
})

describe('s6: four processes share the load', () => {
  let database: SharedDatabase
  let four: readonly ServerProcess[]
  let publics: readonly Visitors[]

  beforeAll(async () => {
    database = await startSharedDatabase()
    await createTenant(database.worker, { slug: 'acme', name: 'Acme' })
    const env = {
      ...database.env,
      REMPART_DEFAULT_TENANT: 'acme',
      REMPART_TRUSTED_PROXIES: '127.0.0.1/32',
      REMPART_PASSWORD_CHECK_HIBP: 'off',
    }
    four = await atOnce(4, (index) =>
      startServerProcess({ env: { ...env, REMPART_RUN: index === 0 ? 'api,jobs' : 'api' } }),
    )
    publics = four.map((each) => visitorsOf(each))
  }, 120_000)
  afterAll(async () => {
    for (const each of publics ?? []) each.close()
    await Promise.all(four?.map((each) => each.remove()) ?? [])
    await database?.remove()
  })
  const of = (index: number): Visitors => {
    const each = publics[index % 4]
    if (each === undefined) throw new Error(`no process ${index}`)
    return each
  }

  it('who signs in with one is signed in with all, and signed out with all at once', async () => {
    const session = await signIn(of(0), await createPerson(database.worker, 'acme'))
    const headers = { authorization: `Bearer ${session.accessToken}` }
    const everywhere = () => atOnce(4, (index) => of(index).next()('/api/v1/auth/me', { headers }))
    expect(countOf(await everywhere(), 200)).toBe(4)
    expect((await of(3).next()('/api/v1/auth/logout', { json: {}, headers })).status).toBe(204)
    expect(countOf(await everywhere(), 401)).toBe(4)
  })

  it('four processes are no four times the limit', async () => {
    const address = of(0).next().address
    const answers: Answer[] = []
    for (let sent = 0; sent < 12; sent += 1) {
      const person = { email: `nobody-${sent}@people.example.net`, password: 'not the password' }
      answers.push(await login(of(sent).at(address), person))
    }
    expect([countOf(answers, 401), countOf(answers, 429)]).toEqual([5, 7])
  })

  it('one that hangs, or is killed, blocks the others not', async () => {
    const [, , hanging, killed] = four
    if (hanging === undefined || killed === undefined) throw new Error('not four')
    send(hanging.pid, 'SIGSTOP')
    try {
      const answers = await atOnce(40, (index) => of(index % 2).next()('/api/v1/resources'))
      expect(countOf(answers, 200)).toBe(40)
    } finally {
      send(hanging.pid, 'SIGCONT')
    }
    killed.signal('SIGKILL')
    await killed.ended()
    const answers = await atOnce(45, (index) => of(index % 3).next()('/api/v1/resources'))
    expect(countOf(answers, 200)).toBe(45)
  })
})

describe('s9: metrics of requests, latency and errors', () => {
  const scrape = (token = METRICS_TOKEN) =>
    visitors.next()('/metrics', { headers: { authorization: `Bearer ${token}` } })
  const figure = async (series: string): Promise<number> => {
    const line = (await scrape()).text.split('\n').find((each) => each.startsWith(`${series} `))
    return line === undefined ? 0 : Number(line.slice(series.length + 1))
  }

  it('count each request by route and status, refusals by rule, and how long answers take', async () => {
    const route = 'method="POST",route="/api/v1/contact"'
    const series = [
      `rempart_http_requests_total{${route},status="201"}`,
      `rempart_http_requests_total{${route},status="422"}`,
      `rempart_http_requests_total{${route},status="429"}`,
      `rempart_http_request_duration_seconds_count{${route}}`,
      'rempart_guard_decisions_total{policy="contact.submit",rule="burst",outcome="deny"}',
    ]
    const read = () => Promise.all(series.map(figure))
    const before = await read()
    const visitor = visitors.next()
    const message = { name: 'Ada', email: 'ada@people.example.net', message: 'Hello' }
    for (const json of [message, message, {}, message, message]) await visitor('/api/v1/contact', { json })
    const after = await read()
    expect(after.map((value, index) => value - (before[index] ?? 0))).toEqual([2, 1, 2, 5, 2])
  })

  it('are for who has the token, and hold no address and no person', async () => {
    for (const token of ['', 'guess', `${METRICS_TOKEN}x`]) {
      const refused = await scrape(token)
      expect([refused.status, refused.text.includes('rempart_')]).toEqual([401, false])
    }
    const scraped = await scrape()
    expect([scraped.status, scraped.headers['content-type']]).toEqual([200, expect.stringMatching(/^text\/plain/)])
    expect(scraped.text).not.toMatch(/people\.example|198\.18\.|127\.0\.0\.1/)
  })
})

describe('s10: tokens are revoked before they expire', () => {
  const me = '/api/v1/auth/me'

  it('signing out ends the access token at once, and its refresh token', async () => {
    const session = await signIn(visitors, await createPerson(pool, demo))
    expect((await session.call(me)).status).toBe(200)
    expect((await session.call('/api/v1/auth/logout', { json: {} })).status).toBe(204)
    expect(codeOf(await session.call(me))).toEqual([401, 'credential-invalid'])
    const json = { refresh_token: session.refreshToken }
    expect((await visitors.next()('/api/v1/auth/refresh', { json })).status).toBe(401)
  })

  it('a person ends one session of theirs, or all: a stolen token dies, the others as asked', async () => {
    const person = await createPerson(pool, demo)
    const [mine, stolen, phone] = [
      await signIn(visitors, person),
      await signIn(visitors, person),
      await signIn(visitors, person),
    ]
    const { sid } = claimsOf(stolen.accessToken)
    expect((await mine.call(`/api/v1/sessions/${sid}`, { method: 'DELETE' })).status).toBe(204)
    const alive = async () =>
      (await Promise.all([mine, stolen, phone].map((each) => each.call(me)))).map(({ status }) => status)
    expect(await alive()).toEqual([200, 401, 200])
    expect((await mine.call('/api/v1/auth/logout', { json: { all: true } })).status).toBe(204)
    expect(await alive()).toEqual([401, 401, 401])
  })

  it('staff throw out a compromised account at once', async () => {
    const person = await createPerson(pool, demo)
    const session = await signIn(visitors, person)
    const owner = await signIn(visitors, await createPerson(pool, demo, { roles: ['owner'] }))
    expect((await owner.call(`/api/v1/users/${person.id}/deactivate`, { method: 'POST' })).status).toBe(200)
    expect((await session.call(me)).status).toBe(401)
    expect((await login(visitors.next(), person)).status).toBe(401)
  })

  it('what was revoked stays so over a crash of the server, and what was not goes on', async () => {
    const [gone, kept] = [
      await signIn(visitors, await createPerson(pool, demo)),
      await signIn(visitors, await createPerson(pool, demo)),
    ]
    expect((await gone.call('/api/v1/auth/logout', { json: {} })).status).toBe(204)
    server.signal('SIGKILL')
    await server.ended()
    await server.start()
    expect([(await gone.call(me)).status, (await kept.call(me)).status]).toEqual([401, 200])
  })
})

it('every measure of the document is walked above, or is not part of this', ({ task }) => {
  const walked = task.file.tasks.flatMap(({ name }) => name.match(/\bs\d+\b/g) ?? [])
  const measures = ['s1', 's2', 's3', 's4', 's5', 's6', 's7', 's8', 's9', 's10']
  expect(new Set([...walked, ...Object.keys(notPartOfThis)])).toEqual(new Set(measures))
})
