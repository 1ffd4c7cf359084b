import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Pool } from '../../packages/server/src/database/connect.ts'
import { inTenant } from '../../packages/server/src/database/tenant.ts'
import { changeTenant } from '../../packages/server/src/modules/tenants/service.ts'
import type { Answer } from '../support/http-client.ts'
import { until } from '../support/processes.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { workerPool } from '../support/tenant-with-form.ts'
import { lineOf } from './log-line.ts'
import { faultsOfRefusal } from './neutral-problem.ts'
import { type Organisation, openOrganisation, type PublicForm, SECRET_KEY } from './public-forms.ts'
import { BROWSER, sendBytes, type Visitor, type Visitors, visitorsOf } from './visitors.ts'

/*
 * S2, the hardening of public forms, rule by rule. Where the product's own table settles a rule in another way, the test
 * follows the table and says so.
 */

let server: ServerProcess
let visitors: Visitors
let pool: Pool
let organisation: Organisation
/** As the product makes one: a render token is required, honeypots drop in silence. */
let form: PublicForm
/** For clients that know `formRenderedAt` only. */
let oldForm: PublicForm

beforeAll(async () => {
  const env = { REMPART_TRUSTED_PROXIES: '127.0.0.1/32', REMPART_SECRET_KEY: SECRET_KEY }
  server = await startServerProcess({ env })
  visitors = visitorsOf(server)
  pool = workerPool(server)
  organisation = await openOrganisation(pool, visitors)
  form = await organisation.publish('quote')
  oldForm = await organisation.publish('old', { protection: { renderToken: 'optional' } })
})
afterAll(async () => {
  visitors?.close()
  await pool?.end()
  await server?.remove()
})

/** Nothing of it may stand in a log or in a refusal. */
const email = 'dulcinea@people.example.net'
const data = { who: 'Dulcinea Quixote', need: 'site', site: 'toboso.example.net' }
/** What a person sends who has read the form for five seconds. */
const filled = (of: PublicForm = form) => ({ email, data, renderToken: of.tokenAged(5) })
const renderedAgo = (seconds: number) => ({
  email,
  data,
  formRenderedAt: new Date(Date.now() - seconds * 1_000).toISOString(),
})

const atOnce = <T>(count: number, act: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => act(index)))
const statuses = (answers: readonly Answer[]): number[] => answers.map(({ status }) => status)
const count = (answers: readonly Answer[], status: number): number =>
  answers.filter((answer) => answer.status === status).length
const codeOf = (answer: Answer): readonly unknown[] => [answer.status, answer.json()['code']]
const rateLimitFields = ({ headers }: Answer): string[] =>
  Object.keys(headers).filter((name) => /ratelimit|retry-after/.test(name))

describe('limits of their own for each route', () => {
  const rules = [
    {
      route: 'GET /forms/public/:slug',
      limit: 30,
      ok: 200,
      ask: (of: PublicForm, visitor: Visitor) => of.show(visitor),
    },
    {
      route: 'POST /forms/public/:slug/evaluate',
      limit: 30,
      ok: 200,
      ask: (of: PublicForm, visitor: Visitor) => of.evaluate(visitor, { data, renderToken: of.tokenAged(5) }),
    },
    {
      route: 'POST /leads/forms/:formId/submit',
      limit: 10,
      ok: 201,
      ask: (of: PublicForm, visitor: Visitor) => of.submit(visitor, filled(of)),
    },
  ] as const

  it.each(rules)('$route: $limit in a minute per client, over all forms', async ({ limit, ok, ask }) => {
    const visitor = visitors.next()
    const answers = await atOnce(limit + 5, (index) => ask(index % 2 === 0 ? form : oldForm, visitor))
    expect([count(answers, ok), count(answers, 429)]).toEqual([limit, 5])

    const refused = await ask(form, visitor)
    expect(refused.json()).toMatchObject({ code: 'rate-limited', error: 'Too many requests' })
    expect(refused.headers).toMatchObject({ 'x-ratelimit-limit': String(limit), 'x-ratelimit-remaining': '0' })
    // No cooldown: whoever waits for the window to end is admitted.
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60)
    expect(faultsOfRefusal(refused, [email, data.who])).toEqual([])

    expect((await ask(form, visitors.next())).status).toBe(ok)
  })

  it('count apart: whoever has spent one of them has the others left', async () => {
    const visitor = visitors.next()
    for (const { limit, ok, ask } of rules) {
      expect(count(await atOnce(limit, () => ask(form, visitor)), ok)).toBe(limit)
    }
    for (const { ask } of rules) expect((await ask(form, visitor)).status).toBe(429)
  })

  it('are not evaded by HEAD, a slash at the end, another spelling or another browser', async () => {
    const visitor = visitors.next()
    const path = '/api/v1/forms/public/quote'
    const headers = { 'x-tenant-id': organisation.id }
    const ways = [
      () => visitor(path, { headers, method: 'HEAD' }),
      () => visitor(`${path}/`, { headers }),
      () => visitor('/api/v1/forms/%70ublic/quote?locale=all', { headers }),
      () => visitor(path, { headers: { ...headers, 'user-agent': 'other' } }),
    ]
    const answers = await atOnce(40, (index) => ways[index % 4]?.() ?? form.show(visitor))
    expect([count(answers, 200), count(answers, 429)]).toEqual([30, 10])
  })

  it('spare nobody: what is dropped, refused or replayed spends them, too', async () => {
    const visitor = visitors.next()
    const key = { 'idempotency-key': 'spends-the-limit' }
    const lead = filled()
    const answers = [
      await form.submit(visitor, lead, key),
      await form.submit(visitor, lead, key),
      await form.submit(visitor, { ...filled(), honeypot: 'x' }),
      await form.submit(visitor, { ...filled(), data: {} }),
      ...(await atOnce(7, () => form.submit(visitor, { email, data }))),
    ]
    expect(statuses(answers)).toEqual([201, 201, 201, 422, 400, 400, 400, 400, 400, 400, 429])
  })
})

describe('the honeypot', () => {
  let rejecting: PublicForm
  /** Every field that people do not see: the two old names, and the form's own, which its definition tells. */
  let traps: readonly (readonly [name: string, fill: (value: unknown) => object])[]
  beforeAll(async () => {
    rejecting = await organisation.publish('rejecting', { protection: { honeypot: 'reject' } })
    traps = await trapsOf(form)
  })
  const trapsOf = async (of: PublicForm) => {
    const { honeypot } = (await of.show(visitors.next())).json() as { readonly honeypot: { readonly field: string } }
    return [
      ['honeypot', (value: unknown) => ({ honeypot: value })],
      ['website', (value: unknown) => ({ website: value })],
      ['its own', (value: unknown) => ({ data: { ...data, [honeypot.field]: value } })],
    ] as const
  }

  it('has a name for each form that reads like any other field', async () => {
    const shown = (await form.show(visitors.next())).json()
    const { field: name } = shown['honeypot'] as { readonly field: string }
    expect(name).toMatch(/^[a-z][a-zA-Z]{3,}$/)
    expect(name).not.toMatch(/honey|trap|bot|spam|hidden/i)
    expect(JSON.stringify(shown['fields'])).not.toContain(`"${name}"`)
  })

  // S2 refuses with 400; the product drops in silence unless the form says `reject`.
  it('drops in silence: the answer of a stored lead, in status, shape, fields and length, and nothing stored', async () => {
    for (const [, fill] of traps) {
      const before = await form.leads()
      const visitor = visitors.next()
      const kept = await form.submit(visitor, { ...filled(), ...fill(' ') })
      const dropped = await form.submit(visitor, { ...filled(), ...fill('http://spam.example') })
      expect([kept.status, dropped.status]).toEqual([201, 201])
      expect(Object.keys(dropped.headers)).toEqual(Object.keys(kept.headers))
      expect(dropped.headers['content-length']).toBe(kept.headers['content-length'])
      expect({ ...dropped.json(), id: '' }).toEqual({ ...kept.json(), id: '' })
      expect(dropped.json()['id']).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
      const after = await form.leads()
      expect(after.map(({ id }) => id)).toEqual([kept.json()['id'], ...before.map(({ id }) => id)])
    }
  })

  it('answers 400 "Invalid form submission" where the form says reject, in French too, and stores nothing', async () => {
    for (const [, fill] of await trapsOf(rejecting)) {
      const refused = await rejecting.submit(visitors.next(), { ...filled(rejecting), ...fill('x') })
      expect(refused.status).toBe(400)
      expect(refused.json()).toMatchObject({ code: 'invalid-submission', detail: 'Invalid form submission' })
      const french = { 'accept-language': 'fr' }
      const refuse = await rejecting.submit(visitors.next(), { ...filled(rejecting), ...fill('x') }, french)
      expect(refuse.json()['detail']).toBe('Envoi de formulaire invalide')
    }
    expect(await rejecting.leads()).toEqual([])
    expect((await rejecting.submit(visitors.next(), filled(rejecting))).status).toBe(201)
  })

  it('is judged before the time: a script learns nothing of the two seconds', async () => {
    const hasty = { email, data, renderToken: form.tokenAged(0), website: 'x' }
    expect((await form.submit(visitors.next(), hasty)).status).toBe(201)
    const refused = await rejecting.submit(visitors.next(), { ...hasty, renderToken: rejecting.tokenAged(0) })
    expect(codeOf(refused)).toEqual([400, 'invalid-submission'])
  })

  it('is judged by evaluate as well', async () => {
    const [plain, trapped] = [filled(), { ...filled(), honeypot: 'x' }]
    const visitor = visitors.next()
    const [kept, dropped] = [await form.evaluate(visitor, plain), await form.evaluate(visitor, trapped)]
    expect([dropped.status, dropped.json()]).toEqual([200, kept.json()])
    const refused = await rejecting.evaluate(visitor, { ...filled(rejecting), honeypot: 'x' })
    expect([refused.status, refused.json()['detail']]).toEqual([400, 'Invalid form submission'])
  })

  it('under its old names counts only at the top of the body: among the answers it is an unknown field', async () => {
    for (const name of ['honeypot', 'website']) {
      const refused = await form.submit(visitors.next(), { ...filled(), data: { ...data, [name]: 'x' } })
      expect(codeOf(refused)).toEqual([422, 'invalid-content'])
      expect(refused.json()['errors']).toMatchObject([{ pointer: `/data/${name}`, code: 'unknown-field' }])
    }
  })
})

describe('the time a form takes to fill', () => {
  const tooQuick = 'Form submitted too quickly. Please take your time filling the form.'

  it('a form is shown with a signed token, the moment it was shown, and both bounds', async () => {
    const shown = (await form.show(visitors.next())).json()
    expect(shown).toMatchObject({ id: form.id, slug: form.slug, minimumFillSeconds: 2 })
    expect(shown['renderToken']).toMatch(/^[\w-]{52}$/)
    const [at, until] = [String(shown['renderedAt']), String(shown['expiresAt'])].map(Date.parse)
    expect((until ?? 0) - (at ?? 0)).toBe(3_600_000)
    expect(Math.abs(Date.now() - (at ?? 0))).toBeLessThan(10_000)
  })

  it('under 2 s: 429 with the sentence, in French too; the same token is good for the same visitor afterwards', async () => {
    const askedMs = performance.now()
    const { renderToken } = (await form.show(visitors.next())).json()
    const lead = { email, data, renderToken }
    const refused = await form.submit(visitors.next(), lead)
    expect(refused.status).toBe(429)
    expect(refused.json()).toMatchObject({
      code: 'submitted-too-quickly',
      error: 'Too many requests',
      detail: tooQuick,
    })
    expect(refused.headers['retry-after']).toBeUndefined()
    const french = await form.submit(visitors.next(), lead, { 'accept-language': 'fr' })
    expect(french.json()).toMatchObject({
      error: 'Trop de requêtes',
      detail: 'Formulaire envoyé trop vite. Prenez le temps de le remplir.',
    })
    expect((await form.evaluate(visitors.next(), lead)).json()['detail']).toBe(tooQuick)
    expect(faultsOfRefusal(refused, [email, data.who, String(renderToken)])).toEqual([])

    await until(async () => (await form.submit(visitors.next(), lead)).status === 201)
    expect(performance.now() - askedMs).toBeGreaterThan(1_990)
  })

  it.each([
    [0.5, 429, 'submitted-too-quickly'],
    [5, 201, undefined],
    [3_590, 201, undefined],
    [3_601, 400, 'form-expired'],
    [86_400, 400, 'form-expired'],
    [-60, 400, 'render-token-invalid'],
  ])('a token of %d s ago: %d', async (seconds, status, code) => {
    const lead = { ...filled(), renderToken: form.tokenAged(seconds) }
    expect(codeOf(await form.evaluate(visitors.next(), lead))).toEqual([status === 201 ? 200 : status, code])
    expect(codeOf(await form.submit(visitors.next(), lead))).toEqual([status, code])
  })

  // S2 calls the client's clock its own weakness; the product takes it where a form says that the token is optional.
  it.each([
    [0.5, 429, 'submitted-too-quickly'],
    [5, 201, undefined],
    [3_590, 201, undefined],
    [3_601, 400, 'form-expired'],
    [-60, 400, 'render-token-invalid'],
  ])('formRenderedAt of %d s ago, from an old client: %d', async (seconds, status, code) => {
    expect(codeOf(await oldForm.evaluate(visitors.next(), renderedAgo(seconds)))).toEqual([
      status === 201 ? 200 : status,
      code,
    ])
    expect(codeOf(await oldForm.submit(visitors.next(), renderedAgo(seconds)))).toEqual([status, code])
  })

  it('formRenderedAt is never believed in place of a required token, and can only count against one', async () => {
    expect(codeOf(await form.submit(visitors.next(), renderedAgo(5)))).toEqual([400, 'render-token-invalid'])
    const both = (token: number, said: number) =>
      form.submit(visitors.next(), { ...renderedAgo(said), renderToken: form.tokenAged(token) })
    expect(codeOf(await both(0, 60))).toEqual([429, 'submitted-too-quickly'])
    expect(codeOf(await both(4_000, 60))).toEqual([400, 'form-expired'])
    expect(codeOf(await both(60, 0))).toEqual([429, 'submitted-too-quickly'])
    expect((await both(60, 60)).status).toBe(201)
  })

  it.each(['yesterday', '', '2026-99-99T00:00:00Z', '1e99', '{}'])(
    'formRenderedAt %j is no instant: 400',
    async (said) => {
      const refused = await oldForm.submit(visitors.next(), { email, data, formRenderedAt: said })
      expect(codeOf(refused)).toEqual([400, 'render-token-invalid'])
    },
  )

  it('a token that is missing, malformed, altered or of another form, tenant or installation: 400, nothing stored', async () => {
    const before = await form.leads()
    const good = Buffer.from(form.tokenAged(5), 'base64url')
    const altered = (index: number): string => {
      const copy = Buffer.from(good)
      copy.writeUInt8(copy.readUInt8(index) ^ 1, index)
      return copy.toString('base64url')
    }
    // Version, time, nonce and signature.
    const forged = [0, 1, 6, 7, 22, 23, 38].map(altered)
    const foreign = await (await openOrganisation(pool, visitors)).publish('quote')
    const otherSecret = createHash('sha256').update('another installation').digest('base64')
    const tokens = [
      undefined,
      '',
      'null',
      'A'.repeat(52),
      `${good.toString('base64url')}A`,
      good.toString('base64url').slice(0, -1),
      good.toString('base64'),
      ...forged,
      oldForm.tokenAged(5),
      foreign.tokenAged(5),
      form.tokenAged(5, otherSecret),
    ].filter((token) => token !== good.toString('base64url'))
    for (const renderToken of tokens) {
      const refused = await form.submit(visitors.next(), { email, data, renderToken })
      expect([renderToken, ...codeOf(refused)]).toEqual([renderToken, 400, 'render-token-invalid'])
      expect(faultsOfRefusal(refused, [email])).toEqual([])
    }
    expect(await form.leads()).toEqual(before)
    expect((await form.submit(visitors.next(), filled())).status).toBe(201)
  })

  it('a token is spent once, by the submission that is stored, also when ten use it at once', async () => {
    const before = (await form.leads()).length
    const lead = filled()
    expect((await form.evaluate(visitors.next(), lead)).status).toBe(200)
    expect((await form.submit(visitors.next(), { ...lead, data: {} })).status).toBe(422)
    const answers = await atOnce(10, () => form.submit(visitors.next(), lead))
    expect([count(answers, 201), count(answers, 400)]).toEqual([1, 9])
    expect(codeOf(await form.submit(visitors.next(), lead))).toEqual([400, 'render-token-invalid'])
    expect(await form.leads()).toHaveLength(before + 1)
  })
})

describe('bodies of 1 MB', () => {
  const LIMIT = 1_048_576
  const routes = [
    ['evaluate', () => `/api/v1/forms/public/${form.slug}/evaluate`, 200],
    ['submit', () => `/api/v1/leads/forms/${form.id}/submit`, 201],
  ] as const
  /** JSON of exactly so many bytes, ended by white space. */
  const bodyOf = (bytes: number): Buffer => {
    const json = Buffer.from(JSON.stringify(filled()))
    return Buffer.concat([json, Buffer.alloc(bytes - json.length, 0x20)])
  }
  const inChunks = (body: Buffer): Buffer[] => {
    const chunks: Buffer[] = []
    for (let at = 0; at < body.length; at += 65_536) chunks.push(body.subarray(at, at + 65_536))
    return chunks
  }
  const headers = () => ({ 'x-tenant-id': organisation.id })
  const tooLarge = { code: 'body-too-large', detail: 'Request body too large. Maximum size is 1MB.' }
  const head = (path: string, length: number): string =>
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Tenant-ID: ${organisation.id}\r\nX-Forwarded-For: ${visitors.next().address}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`

  it.each(routes)(
    '%s: a Content-Length over 1,048,576 is refused with 413 and the sentence, also in French',
    async (_name, path) => {
      const refused = await visitors.next()(path(), { headers: headers(), body: bodyOf(LIMIT + 1) })
      expect(refused.status).toBe(413)
      expect(refused.json()).toMatchObject(tooLarge)
      expect(faultsOfRefusal(refused, [email])).toEqual([])
      const french = { ...headers(), 'accept-language': 'fr' }
      const refuse = await visitors.next()(path(), { headers: french, body: bodyOf(LIMIT + 1) })
      expect(refuse.json()['detail']).toBe('Corps de requête trop volumineux. La taille maximale est de 1 Mo.')
    },
  )

  it.each(routes)(
    '%s: so is a Content-Length that only says so, before any byte of the body comes',
    async (_name, path) => {
      const { statuses: answered, text } = await sendBytes(server, head(path(), LIMIT + 1))
      expect(answered).toEqual([413])
      expect(text).toContain(tooLarge.detail)
    },
  )

  it.each(routes)('%s: so is a stream without a length, counted as it comes', async (_name, path) => {
    for (const bytes of [LIMIT + 1, 4 * LIMIT]) {
      const refused = await visitors.next()(path(), { headers: headers(), chunks: inChunks(bodyOf(bytes)) })
      expect([refused.status, refused.json()]).toEqual([413, expect.objectContaining(tooLarge)])
    }
  })

  it.each(routes)('%s: exactly 1,048,576 bytes are taken, with a length and without', async (_name, path, ok) => {
    const sized = await visitors.next()(path(), { headers: headers(), body: bodyOf(LIMIT) })
    const streamed = await visitors.next()(path(), { headers: headers(), chunks: inChunks(bodyOf(LIMIT)) })
    expect([sized.status, streamed.status]).toEqual([ok, ok])
  })

  it.each(routes)('%s: a Content-Length smaller than the body gets nothing past the limit', async (_name, path) => {
    const before = await form.leads()
    // Whole only with its last byte, far beyond the limit.
    const whole = bodyOf(2 * LIMIT)
    whole.write(' ', whole.lastIndexOf('}'))
    whole.write('}', whole.length - 1)
    for (const said of [10, 300, LIMIT]) {
      const { statuses: answered } = await sendBytes(server, Buffer.concat([Buffer.from(head(path(), said)), whole]))
      // For what was declared, and for what is left over, which is no request.
      expect([said, ...answered.slice(0, 1)]).toEqual([said, 400])
      expect(answered.filter((status) => status !== 400)).toEqual([])
    }
    expect(await form.leads()).toEqual(before)
  })
})

describe('the quota of an organisation in a calendar month', () => {
  // S2 shows "X/Y … plan supérieur" to the public; the product tells the public nothing and its staff the numbers.
  it('stores exactly as many as it allows of forty that come at once, and tells the public no figure', async () => {
    const limited = await openOrganisation(pool, visitors, { maxLeadsPerMonth: 7 })
    const quota = await limited.publish('quota')
    const answers = await atOnce(40, () => quota.submit(visitors.next(), filled(quota)))
    expect([count(answers, 201), count(answers, 429)]).toEqual([7, 33])
    expect(await quota.leads()).toHaveLength(7)
    expect(await limited.quota()).toMatchObject({ used: 7, limit: 7 })

    const neutral = {
      en: 'This form cannot take submissions at the moment.',
      fr: 'Ce formulaire ne peut pas recevoir d’envois pour le moment.',
    }
    for (const language of ['en', 'fr'] as const) {
      const refused = await quota.submit(visitors.next(), filled(quota), { 'accept-language': language })
      const { title, detail, error, ...others } = refused.json()
      expect([refused.status, detail]).toEqual([429, neutral[language]])
      expect(`${title} ${detail} ${error}`).not.toMatch(/\d|quota|plan|lead/i)
      expect(Object.keys(others).sort()).toEqual(['code', 'instance', 'requestId', 'status', 'timestamp', 'type'])
      expect(rateLimitFields(refused)).toEqual([])
      expect(faultsOfRefusal(refused, [email])).toEqual([])
    }
    expect((await form.submit(visitors.next(), filled())).status).toBe(201)
  })

  it('is spent by what is stored only: not by drops, refusals, replays or evaluations', async () => {
    const limited = await openOrganisation(pool, visitors, { maxLeadsPerMonth: 2 })
    const quota = await limited.publish('quota')
    const submit = (body: object, key?: string) =>
      quota.submit(visitors.next(), body, key === undefined ? {} : { 'idempotency-key': key })
    const first = filled(quota)
    const given = [
      await submit({ ...filled(quota), honeypot: 'x' }),
      await submit({ ...filled(quota), website: 'x' }),
      await submit({ ...filled(quota), data: {} }),
      await submit({ ...filled(quota), renderToken: quota.tokenAged(0) }),
      await submit({ ...filled(quota), renderToken: quota.tokenAged(4_000) }),
      await submit({ email, data }),
      await quota.evaluate(visitors.next(), filled(quota)),
      await submit(first, 'first'),
      await submit(first, 'first'),
      await submit({ ...first, data: { ...data, who: 'Other' } }, 'first'),
      await submit(first),
    ]
    expect(statuses(given)).toEqual([201, 201, 422, 429, 400, 400, 200, 201, 201, 422, 400])
    expect(await limited.quota()).toMatchObject({ used: 1, limit: 2 })
    expect((await submit(filled(quota))).status).toBe(201)
    expect(await atOnce(4, async () => codeOf(await submit(filled(quota))))).toEqual(
      Array.from({ length: 4 }, () => [429, 'form-unavailable']),
    )
    expect(await limited.quota()).toMatchObject({ used: 2, limit: 2 })
    expect(await quota.leads()).toHaveLength(2)
  })

  it.each(['Pacific/Kiritimati', 'Europe/Paris', 'Pacific/Pago_Pago'])(
    'is counted in the months of %s',
    async (timeZone) => {
      const limited = await openOrganisation(pool, visitors, { maxLeadsPerMonth: 1, timeZone })
      const quota = await limited.publish('quota')
      const shown = (at: string): string =>
        new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' }).format(new Date(at))
      const { period, resetsAt } = (await limited.quota()) as { readonly period: string; readonly resetsAt: string }
      expect(shown(new Date().toISOString()).startsWith(period)).toBe(true)
      expect(shown(resetsAt)).toMatch(/^\d{4}-\d{2}-01 00:00:00$/)
      expect(shown(new Date(Date.parse(resetsAt) - 1_000).toISOString())).toMatch(
        new RegExp(`^${period}-\\d{2} 23:59:59$`),
      )

      // What was spent last month is not spent now.
      const [year = 0, month = 0] = period.split('-').map(Number)
      const before = new Date(Date.UTC(year, month - 2, 1)).toISOString().slice(0, 7)
      await inTenant(pool, limited.id, (tx) =>
        tx
          .insertInto('quota_usage')
          .values({ tenant_id: limited.id, quota: 'leads', period: before, used: 1 })
          .execute(),
      )
      const answers = [
        await quota.submit(visitors.next(), filled(quota)),
        await quota.submit(visitors.next(), filled(quota)),
      ]
      expect(statuses(answers)).toEqual([201, 429])
    },
  )

  it('shows its numbers to staff of the organisation alone', async () => {
    const limited = await openOrganisation(pool, visitors, { maxLeadsPerMonth: 3 })
    expect(await limited.quota()).toMatchObject({ used: 0, limit: 3 })
    expect(await organisation.quota()).toMatchObject({ limit: null })
    const named = { headers: { 'x-tenant-id': limited.id } }
    expect((await visitors.next()('/api/v1/leads/quota', named)).status).toBe(401)
    expect((await organisation.staff('/api/v1/leads/quota', named)).status).toBe(403)
  })
})

describe('Idempotency-Key, judged before all else', () => {
  const keyed = (key: string) => ({ 'idempotency-key': key })

  it('stores one of twenty equal requests that come at once, and answers all of them alike', async () => {
    const before = (await form.leads()).length
    const lead = filled()
    const answers = await atOnce(20, () => form.submit(visitors.next(), lead, keyed('twenty')))
    expect(new Set(statuses(answers))).toEqual(new Set([201]))
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
    expect(answers.filter(({ headers }) => headers['idempotency-replayed'] === 'true')).toHaveLength(19)
    expect(await form.leads()).toHaveLength(before + 1)
  })

  it('still answers the first 201 when the token is spent, the form is too old or the quota is used up', async () => {
    const limited = await openOrganisation(pool, visitors, { maxLeadsPerMonth: 1 })
    const brief = await limited.publish('brief', { protection: { maximumAgeSeconds: 60 } })
    const lead = { email, data, renderToken: brief.tokenAged(58) }
    const first = await brief.submit(visitors.next(), lead, keyed('first'))
    expect(first.status).toBe(201)
    expect(codeOf(await brief.submit(visitors.next(), lead))).toEqual([400, 'render-token-invalid'])
    expect(codeOf(await brief.submit(visitors.next(), filled(brief)))).toEqual([429, 'form-unavailable'])
    await until(async () => (await brief.evaluate(visitors.next(), lead)).status === 400)
    expect(codeOf(await brief.evaluate(visitors.next(), lead))).toEqual([400, 'form-expired'])

    const again = await brief.submit(visitors.next(), lead, keyed('first'))
    expect([again.status, again.text]).toEqual([201, first.text])
    expect(again.headers['idempotency-replayed']).toBe('true')
    // A retry may come with a fresh token, or none.
    for (const retry of [
      { ...lead, renderToken: brief.tokenAged(5) },
      { email, data },
    ]) {
      expect((await brief.submit(visitors.next(), retry, keyed('first'))).text).toBe(first.text)
    }
    expect(await brief.leads()).toHaveLength(1)
  })

  it('refuses a key that comes back with other content, and stores nothing of it', async () => {
    const before = (await form.leads()).length
    await form.submit(visitors.next(), filled(), keyed('other'))
    const refused = await form.submit(visitors.next(), { ...filled(), email: 'x@people.example.net' }, keyed('other'))
    expect(codeOf(refused)).toEqual([422, 'idempotency-key-reused'])
    expect(await form.leads()).toHaveLength(before + 1)
  })

  it('is not spent by a refusal: the same key is good once the reason is gone', async () => {
    const limited = await openOrganisation(pool, visitors, { maxLeadsPerMonth: 0 })
    const full = await limited.publish('full')
    const lead = filled(full)
    expect(codeOf(await full.submit(visitors.next(), lead, keyed('later')))).toEqual([429, 'form-unavailable'])
    expect((await full.submit(visitors.next(), { ...lead, data: {} }, keyed('later'))).status).toBe(422)
    await changeTenant(pool, limited.id, { maxLeadsPerMonth: 1 })
    const stored = await full.submit(visitors.next(), lead, keyed('later'))
    expect([stored.status, stored.headers['idempotency-replayed']]).toEqual([201, undefined])
  })

  it('gives a script whose submission was dropped the same answer again', async () => {
    const spam = { ...filled(), honeypot: 'x' }
    const first = await form.submit(visitors.next(), spam, keyed('spam'))
    const again = await form.submit(visitors.next(), spam, keyed('spam'))
    expect([again.status, again.text]).toEqual([201, first.text])
  })
})

describe('the definition, the answers and what becomes of them', () => {
  const shop = { who: 'Dulcinea Quixote', need: 'shop', products: 600 }
  const check = async (answers: object, headers = {}) =>
    (await form.evaluate(visitors.next(), { ...filled(), data: answers }, headers)).json()

  it('is shown in the language of the visitor, with its conditions and without its points', async () => {
    const shown = async (language: string) =>
      (await form.show(visitors.next(), { headers: { 'accept-language': language } })).json()
    expect(await shown('fr')).toMatchObject({ title: 'Demander un devis' })
    const english = await shown('en')
    expect(english).toMatchObject({ title: 'Ask for a quote', submitUrl: `/api/v1/leads/forms/${form.id}/submit` })
    expect(english['fields']).toContainEqual(
      expect.objectContaining({
        name: 'products',
        showWhen: { all: [{ field: 'need', op: 'equals', value: 'shop' }] },
      }),
    )
    expect(JSON.stringify(english)).not.toMatch(/scoring|points|minScore|"score"/)
  })

  it('asks for a conditional field only where its condition holds', async () => {
    expect(await check({ who: 'Ada', need: 'site' })).toEqual({ valid: true, errors: [], score: 10, outcome: 'warm' })
    expect(await check({ who: 'Ada', need: 'shop' })).toMatchObject({
      valid: false,
      errors: [{ pointer: '/data/products', field: 'products', code: 'required' }],
    })
  })

  it('neither scores nor stores what was answered to a hidden field', async () => {
    const answers = { ...data, products: 600 }
    expect(await check(answers)).toMatchObject({ valid: true, score: 10, outcome: 'warm' })
    await form.submit(visitors.next(), { ...filled(), data: answers })
    expect((await form.leads())[0]?.data).toEqual(data)
  })

  it('says what is wrong with every answer, where it stands, in the language of the visitor', async () => {
    const wrong = { who: 'A', need: 'shop', products: 1.5, hobby: 'x' }
    const expected = [
      ['/data/who', 'text-too-short', 'Enter at least 2 characters.', 'Saisissez au moins 2 caractères.'],
      ['/data/products', 'number-integer', 'Enter a whole number.', 'Saisissez un nombre entier.'],
      ['/data/hobby', 'unknown-field', 'This form has no such field.', 'Ce formulaire ne comporte pas ce champ.'],
    ] as const
    for (const [language, index] of [['en', 2] as const, ['fr', 3] as const]) {
      const headers = { 'accept-language': language }
      const errors = expected.map((each) =>
        expect.objectContaining({ pointer: each[0], code: each[1], message: each[index] }),
      )
      expect(await check(wrong, headers)).toMatchObject({ valid: false, errors })
      const refused = await form.submit(visitors.next(), { ...filled(), data: wrong }, headers)
      expect([refused.status, refused.json()['errors']]).toEqual([422, errors])
      expect(faultsOfRefusal(refused, [email])).toEqual([])
    }
  })

  it('evaluates without storing, and gives a stored lead the same score and outcome', async () => {
    const before = (await form.leads()).length
    expect(await check(shop)).toMatchObject({ valid: true, score: 35, outcome: 'hot' })
    expect(await form.leads()).toHaveLength(before)
    const stored = await form.submit(visitors.next(), { ...filled(), data: shop })
    expect(stored.json()).toEqual({ id: expect.any(String), status: 'received', score: 35, outcome: 'hot' })
    expect((await form.leads())[0]).toMatchObject({
      id: stored.json()['id'],
      email,
      data: shop,
      score: 35,
      outcome: 'hot',
    })
  })

  it('keeps score and outcome for staff where the form does not expose them', async () => {
    const discreet = await organisation.publish('discreet', { exposeScore: false })
    const body = { ...filled(discreet), data: shop }
    expect((await discreet.evaluate(visitors.next(), body)).json()).toEqual({ valid: true, errors: [] })
    const stored = await discreet.submit(visitors.next(), body)
    expect(stored.json()).toEqual({ id: expect.any(String), status: 'received' })
    expect((await discreet.leads())[0]).toMatchObject({ score: 35, outcome: 'hot' })
    expect((await discreet.show(visitors.next())).text).not.toMatch(/hot|warm/)
  })

  it('answers 404 for a form that is unknown, hidden again or of another tenant than the one named', async () => {
    const passing = await organisation.publish('passing')
    expect((await passing.show(visitors.next())).status).toBe(200)
    await organisation.staff(`/api/v1/forms/${passing.id}/unpublish`, { method: 'POST' })
    const foreign = { headers: { 'x-tenant-id': 'demo' } }
    const answers = [
      await passing.show(visitors.next()),
      await passing.submit(visitors.next(), filled(passing)),
      await passing.evaluate(visitors.next(), filled(passing)),
      await form.show(visitors.next(), foreign),
      await form.submit(visitors.next(), filled(), foreign.headers),
      await visitors.next()('/api/v1/leads/forms/01890a5d-ac96-774b-bcce-b302099a8057/submit', { json: filled() }),
    ]
    expect(answers.map(codeOf)).toEqual(answers.map(() => [404, 'form-not-found']))
    expect(answers.flatMap((answer) => faultsOfRefusal(answer, [email]))).toEqual([])
  })
})

describe('the enriched log', () => {
  const route = '/api/v1/leads/forms/:formId/submit'

  it('tells of a stored submission its form and its lead', async () => {
    const stored = await form.submit(visitors.next(), filled())
    expect(await lineOf(server, stored)).toMatchObject({
      method: 'POST',
      route,
      status: 201,
      tenantId: organisation.id,
      formSlug: form.slug,
      leadId: stored.json()['id'],
      fpPrefix: expect.stringMatching(/^[0-9a-f]{8}$/),
    })
    expect(await lineOf(server, stored)).not.toHaveProperty('reasonBlocked')
  })

  it('tells of a blocked one its form and the reason, and no lead', async () => {
    const full = await openOrganisation(pool, visitors, { maxLeadsPerMonth: 0 })
    const [none, rejecting] = [
      await full.publish('none'),
      await full.publish('reject', { protection: { honeypot: 'reject' } }),
    ]
    const spent = filled()
    await form.submit(visitors.next(), spent)
    const blocked = [
      ['honeypot', form, { ...filled(), honeypot: 'x' }],
      ['honeypot', rejecting, { ...filled(rejecting), honeypot: 'x' }],
      ['token-too-quick', form, { ...filled(), renderToken: form.tokenAged(0) }],
      ['token-too-old', form, { ...filled(), renderToken: form.tokenAged(4_000) }],
      ['token-from-the-future', form, { ...filled(), renderToken: form.tokenAged(-60) }],
      ['token-missing', form, { email, data }],
      ['token-malformed', form, { ...filled(), renderToken: 'x' }],
      ['token-spent', form, spent],
      ['rendered-at-too-quick', oldForm, renderedAgo(0)],
      ['answers', form, { ...filled(), data: {} }],
      ['quota', none, filled(none)],
    ] as const
    for (const [reasonBlocked, of, body] of blocked) {
      const line = await lineOf(server, await of.submit(visitors.next(), body))
      expect(line).toMatchObject({ route, formSlug: of.slug, reasonBlocked })
      expect(line).not.toHaveProperty('leadId')
    }
  })

  it('tells of a refusal by the limit its route and reason, and of the form’s pages the form', async () => {
    const visitor = visitors.next()
    await atOnce(10, () => form.submit(visitor, { email, data }))
    const line = await lineOf(server, await form.submit(visitor, { email, data }))
    expect(line).toMatchObject({ route, status: 429, problem: 'rate-limited', reasonBlocked: 'rate-limit' })
    for (const answer of [await form.show(visitor), await form.evaluate(visitor, filled())]) {
      expect(await lineOf(server, answer)).toMatchObject({ formSlug: form.slug, status: 200 })
    }
  })

  // S2 logs the address and the User-Agent; the product logs eight digits of a keyed hash in their place.
  it('holds no personal data: nothing of any test above, in all that the process wrote', async () => {
    await lineOf(server, await form.show(visitors.next()))
    const written = `${JSON.stringify(server.logs)}\n${server.stderr()}`.toLowerCase()
    expect(server.logs.length).toBeGreaterThan(200)
    const secret = ['dulcinea', 'quixote', 'people.example', 'toboso', 'spam.example', '198.18.', BROWSER.toLowerCase()]
    // Every render token of these years begins alike.
    const token = form.tokenAged(0).slice(0, 5).toLowerCase()
    const keys = ['spends-the-limit', 'rmp_live_', token, SECRET_KEY.toLowerCase()]
    expect([...secret, ...keys].filter((word) => written.includes(word))).toEqual([])
  })

  it('holds no failure of the server: nothing of all this was answered 500', () => {
    expect(server.logs.filter(({ level, status }) => level === 'error' || Number(status) >= 500)).toEqual([])
  })
})
