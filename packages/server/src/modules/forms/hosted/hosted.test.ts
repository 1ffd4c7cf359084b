import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createId } from '../../../core/ids.ts'
import { inTenant } from '../../../database/tenant.ts'
import { createTestDatabase, type TestDatabase } from '../../../testing/database.ts'
import { startTestServer, type TestServer } from '../../../testing/server.ts'
import { DEMO_FORM } from '../definition/demo.ts'
import type { FormDefinition } from '../definition/schema.ts'
import { insertPublishedForm } from '../seed-queries.ts'

let database: TestDatabase
let server: TestServer
let slug: string
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  server = await startTestServer(database, { policyFile: withoutLimits })
  slug = await publish(DEMO_FORM)
})
afterEach(() => server.close())

const withoutLimits = {
  version: 1,
  policies: { 'leads.submit': { rules: { burst: 'off' } }, 'forms.view': { rules: { burst: 'off' } } },
}

async function publish(definition: FormDefinition, tenantId = server.tenant.id): Promise<string> {
  const form = { id: createId(), slug: `f-${createId()}` }
  await inTenant(database.worker, tenantId, (tx) =>
    insertPublishedForm(tx, { tenantId, ...form, name: 'Test', definition }),
  )
  return form.slug
}

const browser = { host: 'localhost:3000', origin: 'http://localhost:3000', 'sec-fetch-site': 'same-origin' }

type Headers = Readonly<Record<string, string>>
const open = (path = `/f/${slug}`, headers: Headers = {}) =>
  server.app.inject({ url: path, headers: { host: browser.host, ...headers } })

type Fields = Readonly<Record<string, string | readonly string[]>>
const encode = (fields: Fields): string =>
  new URLSearchParams(
    Object.entries(fields).flatMap(([name, values]) =>
      [values].flat().map((value) => [name, value] as [string, string]),
    ),
  ).toString()

const send = (fields: Fields | string, options: { path?: string; headers?: Headers } = {}) =>
  server.app.inject({
    method: 'POST',
    url: options.path ?? `/f/${slug}`,
    payload: typeof fields === 'string' ? fields : encode(fields),
    headers: { ...browser, 'content-type': 'application/x-www-form-urlencoded', ...options.headers },
  })

const tokenIn = (page: string): string => /name="renderToken" value="([^"]+)"/.exec(page)?.[1] ?? 'no token'
const trapIn = (page: string): string => /class="reserve".*? name="(\w+)"/.exec(page)?.[1] ?? 'no trap'

/** A token of the form's page that is old enough to be believed. */
async function ripeToken(path = `/f/${slug}`): Promise<string> {
  const token = tokenIn((await open(path)).body)
  server.clock.nowMs += 2_000
  return token
}

const answers = {
  fullName: 'Ada Lovelace',
  email: 'ada@example.org',
  projectType: 'website',
  details: 'A long enough text',
  consent: 'true',
}
const filled = async (changes: Fields = {}): Promise<Fields> => ({
  ...answers,
  renderToken: await ripeToken(),
  ...changes,
})

const leads = (tenantId = server.tenant.id) =>
  inTenant(database.worker, tenantId, (tx) => tx.selectFrom('lead').selectAll().orderBy('id').execute())

/** The opening tag of a control. */
const control = (page: string, name: string): string =>
  new RegExp(`<(?:input|textarea|select)[^>]* name="${name}"[^>]*>`).exec(page)?.[0] ?? 'no control'

describe('GET /f/:slug', () => {
  it('is a whole page that works without a script, and that nobody stores', async () => {
    const reply = await open()
    expect(reply.statusCode).toBe(200)
    expect(reply.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-language': 'en',
      'cache-control': 'no-store',
      'referrer-policy': 'same-origin',
    })
    expect(reply.body).toContain(`<form method="post" action="/f/${slug}"`)
    expect(reply.body.match(/<button type="submit">/g)).toHaveLength(1)
  })

  it('runs and loads nothing but its own two files', async () => {
    const { body, headers } = await open()
    expect(headers['content-security-policy']).toMatch(/default-src 'none'.*script-src 'self'; style-src 'self'/)
    expect(headers['content-security-policy']).not.toContain('unsafe')
    expect(body.match(/<script[^>]*>[^<]*<\/script>/g)).toEqual([
      expect.stringMatching(/^<script type="module" src="\/f\/_\/form-[\w-]{22}\.js"><\/script>$/),
    ])
    expect(body).not.toMatch(/ style=| on\w+=|javascript:/)
  })

  it('gives every control a label or a legend, the id that describes it, and what a browser may fill in', async () => {
    const { body } = await open()
    const ids = new Set([...body.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id))
    const labelled = new Set([...body.matchAll(/<label for="([^"]+)"/g)].map(([, id]) => id))
    const controls = [...body.matchAll(/<(?:input|textarea|select)[^>]*>/g)].map(([tag]) => tag)
    for (const tag of controls.filter((each) => !each.includes('type="hidden"'))) {
      expect(labelled, tag).toContain(/ id="([^"]+)"/.exec(tag)?.[1])
    }
    for (const [, described = ''] of body.matchAll(/aria-describedby="([^"]+)"/g)) {
      for (const id of described.split(' ')) expect(ids).toContain(id)
    }
    expect(body.match(/<fieldset[^>]*>\s*<legend>/g)).toHaveLength(2)
    expect(control(body, 'fullName')).toContain('autocomplete="name"')
    expect(control(body, 'email')).toContain('autocomplete="email"')
    expect(control(body, 'phone')).toContain('autocomplete="tel"')
  })

  it.each([
    ['?lang=fr', 'en', 'fr'],
    ['?lang=en', 'fr', 'en'],
    ['', 'fr-CH, en;q=0.5', 'fr'],
    ['', 'de', 'en'],
    ['?lang=xx', 'fr', 'fr'],
  ])('at %j for %j is in %s', async (query, accepted, locale) => {
    const reply = await open(`/f/${slug}${query}`, { 'accept-language': accepted })
    expect(reply.headers['content-language']).toBe(locale)
    expect(reply.body).toContain(`<html lang="${locale}">`)
    expect(reply.body).toContain(locale === 'fr' ? 'Demander un devis' : 'Request a quote')
  })

  it('is in the tenant’s language for a browser that says none, and in the form’s own when it speaks one', async () => {
    const tenant = await server.createTenant({ locale: 'fr' })
    const french = await publish(DEMO_FORM, tenant.id)
    expect((await open(`/f/${french}?tenant=${tenant.slug}`)).body).toContain('<html lang="fr">')
    const english = await publish({ ...DEMO_FORM, title: { en: 'Only English' } }, tenant.id)
    const reply = await open(`/f/${english}?tenant=${tenant.slug}&lang=fr`)
    expect(reply.body).toContain('<html lang="en">')
    expect(reply.body).toContain('>Send</button>')
    expect(reply.body).not.toContain('hreflang')
  })

  it('keeps tenant and language in every address it hands out', async () => {
    const tenant = await server.createTenant()
    const other = await publish(DEMO_FORM, tenant.id)
    const { body } = await open(`/f/${other}?tenant=${tenant.slug}&lang=fr`)
    expect(body).toContain(`action="/f/${other}?tenant=${tenant.slug}&amp;lang=fr"`)
    expect(body).toContain(`href="/f/${other}?tenant=${tenant.slug}&amp;lang=en"`)
  })

  it('may be framed by the sites of its tenant, and of no other', async () => {
    const tenant = await server.createTenant({ allowedOrigins: ['https://www.acme.example', 'http://plain.example'] })
    const framed = await publish(DEMO_FORM, tenant.id)
    const reply = await open(`/f/${framed}?tenant=${tenant.slug}`)
    expect(reply.headers['content-security-policy']).toContain('frame-ancestors https://www.acme.example;')
    expect(reply.headers['x-frame-options']).toBeUndefined()
    const closed = await open()
    expect(closed.headers['content-security-policy']).toContain("frame-ancestors 'none'")
    expect(closed.headers['x-frame-options']).toBe('DENY')
  })

  it('of a draft, another tenant or nobody is one and the same page, in the visitor’s language', async () => {
    const tenant = await server.createTenant()
    const foreign = await publish(DEMO_FORM, tenant.id)
    const [unknown, hidden] = await Promise.all(
      ['no-such-form', foreign].map((each) => open(`/f/${each}`, { 'accept-language': 'fr' })),
    )
    expect(unknown?.statusCode).toBe(404)
    expect(unknown?.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(unknown?.body).toContain('Ce formulaire n’existe pas')
    expect(hidden?.body).toBe(unknown?.body)
    expect(hidden?.statusCode).toBe(404)
  })

  it('is limited as the form itself is, with a page that says how long to wait', async () => {
    await server.close()
    server = await startTestServer(database)
    slug = await publish(DEMO_FORM)
    for (let shown = 0; shown < 30; shown += 1) expect((await open()).statusCode).toBe(200)
    const refused = await open()
    expect(refused.statusCode).toBe(429)
    expect(refused.body).toContain('Too many attempts')
    expect(refused.headers['retry-after']).toMatch(/^\d+$/)
    expect(refused.body).toContain(`You can try again in ${refused.headers['retry-after']}\u00a0seconds.`)
    expect((await server.app.inject({ url: `/api/v1/forms/public/${slug}` })).statusCode).toBe(429)
  })
})

describe('POST /f/:slug', () => {
  it('stores the answers, typed and scored, and sends the visitor on to a page that may be loaded again', async () => {
    const reply = await send(await filled({ budget: '9 000,50', phone: '06 12 34 56 78' }))
    expect(reply.statusCode).toBe(303)
    expect(reply.headers.location).toBe(`/f/${slug}/thanks?outcome=standard`)
    expect(await leads()).toMatchObject([
      {
        email: 'ada@example.org',
        score: 35,
        data: { fullName: 'Ada Lovelace', budget: 9000.5, phone: '+33612345678', consent: true },
      },
    ])
    const thanks = await open(String(reply.headers.location))
    expect(thanks.statusCode).toBe(200)
    expect(thanks.body).toContain('We answer within two working days')
    for (const secret of ['Ada', 'ada@', (await leads())[0]?.id ?? 'no lead']) expect(thanks.body).not.toContain(secret)
  })

  it('tells no outcome where the form does not expose it, whatever the address asks for', async () => {
    slug = await publish({ ...DEMO_FORM, exposeScore: false })
    const reply = await send(await filled())
    expect(reply.headers.location).toBe(`/f/${slug}/thanks`)
    expect((await open(`/f/${slug}/thanks?outcome=call-today`)).body).not.toContain('adviser')
  })

  it('stores once what is sent twice: a double click, a reload, and a reload an hour later', async () => {
    const fields = await filled()
    const replies = await Promise.all([send(fields), send(fields), send(fields)])
    server.clock.nowMs += 7_200_000
    replies.push(await send(fields))
    expect(replies.map((reply) => reply.statusCode)).toEqual([303, 303, 303, 303])
    expect(new Set(replies.map((reply) => reply.headers.location)).size).toBe(1)
    expect(await leads()).toHaveLength(1)
  })

  it('does not take a page that was sent for another one: other answers need a page of their own', async () => {
    const fields = await filled()
    await send(fields)
    const again = await send({ ...fields, fullName: 'Grace Hopper' })
    expect(again.statusCode).toBe(422)
    expect(again.body).toContain('These answers are not sent yet')
    expect(tokenIn(again.body)).not.toBe(fields['renderToken'])
    server.clock.nowMs += 2_000
    const sent = await send({ ...fields, fullName: 'Grace Hopper', renderToken: tokenIn(again.body) })
    expect(sent.statusCode).toBe(303)
    expect(await leads()).toHaveLength(2)
  })

  describe('with answers that do not fit', () => {
    it('comes back with what was typed, a sentence beside each field, and all of them on top', async () => {
      const reply = await send(
        await filled({
          fullName: 'A',
          email: 'nobody',
          projectType: 'shop',
          productCount: 'many',
          details: '',
          phone: '12',
        }),
        { headers: { 'accept-language': 'fr' } },
      )
      expect(reply.statusCode).toBe(422)
      const page = reply.body
      expect(page).toContain('<title>Erreur\u00a0: Demander un devis</title>')
      expect(page).toMatch(/class="summary" role="alert" tabindex="-1" autofocus/)
      expect([...page.matchAll(/<li><a href="#(f-\w+)">/g)].map(([, id]) => id)).toEqual([
        'f-fullName',
        'f-email',
        'f-phone',
        'f-productCount',
        'f-details',
      ])
      expect(page).toContain('Saisissez au moins 2 caractères.')
      for (const name of ['fullName', 'email', 'phone', 'productCount', 'details']) {
        expect(control(page, name)).toContain('aria-invalid="true"')
      }
      expect(control(page, 'fullName')).toContain('value="A"')
      expect(control(page, 'productCount')).toContain('value="many"')
      expect(page).toMatch(/value="shop" checked/)
      expect(page).toMatch(/name="consent" value="true" checked/)
      expect(control(page, 'budget')).not.toContain('aria-invalid')
      expect(await leads()).toHaveLength(0)
    })

    it('keeps its token, so that a correction need not wait and is stored once', async () => {
      const fields = await filled({ fullName: 'A' })
      const page = (await send(fields)).body
      expect(tokenIn(page)).toBe(fields['renderToken'])
      expect((await send({ ...fields, fullName: 'Ada' })).statusCode).toBe(303)
    })

    it('takes the last word of the server on what does not apply: it is neither asked for nor stored', async () => {
      const reply = await send(await filled({ projectType: 'website', productCount: '250' }))
      expect(reply.statusCode).toBe(303)
      expect((await leads())[0]?.data).not.toHaveProperty('productCount')
    })

    it('reads a field that came twice as none of both, and says so at the field', async () => {
      const fields = encode(await filled())
      const reply = await send(`${fields}&fullName=Mallory&budget=1&budget=2`)
      expect(reply.statusCode).toBe(422)
      expect([...reply.body.matchAll(/href="#(f-\w+)"/g)].map(([, id]) => id)).toEqual(['f-fullName', 'f-budget'])
      expect(await leads()).toHaveLength(0)
    })

    it('refuses fields the form does not have, without repeating their names', async () => {
      const reply = await send(await filled({ isAdmin: 'true', constructor: 'x', toString: 'y' }))
      expect(reply.statusCode).toBe(422)
      expect(reply.body).toContain('This form has no such field.')
      expect(reply.body).not.toContain('isAdmin')
      expect(await leads()).toHaveLength(0)
    })
  })

  describe('the page’s token', () => {
    it('of another form, of another tenant, altered, doubled or missing brings the form back with a new one', async () => {
      const other = await server.createTenant()
      const foreign = await publish(DEMO_FORM, other.id)
      const tokens = [
        await ripeToken(`/f/${await publish(DEMO_FORM)}`),
        await ripeToken(`/f/${foreign}?tenant=${other.slug}`),
        `${(await ripeToken()).slice(0, -1)}-`,
        [await ripeToken(), await ripeToken()],
        '',
        [],
      ]
      for (const renderToken of tokens) {
        const reply = await send({ ...answers, renderToken })
        expect(reply.statusCode).toBe(400)
        expect(control(reply.body, 'fullName')).toContain('value="Ada Lovelace"')
        expect([renderToken].flat()).not.toContain(tokenIn(reply.body))
        server.clock.nowMs += 2_000
        expect((await send({ ...answers, renderToken: tokenIn(reply.body) })).statusCode).toBe(303)
      }
      expect(await leads()).toHaveLength(tokens.length)
      expect(await leads(other.id)).toHaveLength(0)
    })

    it('that is too old brings the form back with a new one, and nothing typed is lost', async () => {
      const fields = await filled()
      server.clock.nowMs += 3_600_000
      const reply = await send(fields)
      expect(reply.statusCode).toBe(400)
      expect(reply.body).toContain('The form had been open too long')
      expect(tokenIn(reply.body)).not.toBe(fields['renderToken'])
      expect(reply.body).toContain('A long enough text</textarea>')
    })

    it('that is too young is kept, and the page says how long to wait', async () => {
      const renderToken = tokenIn((await open()).body)
      server.clock.nowMs += 900
      const reply = await send({ ...answers, renderToken })
      expect(reply.statusCode).toBe(429)
      expect(reply.headers['retry-after']).toBe('2')
      expect(reply.body).toContain('You can try again in 2\u00a0seconds.')
      expect(tokenIn(reply.body)).toBe(renderToken)
      expect(reply.body).toContain('data-wait="1100"')
      server.clock.nowMs += 1_100
      expect((await send({ ...answers, renderToken })).statusCode).toBe(303)
    })
  })

  describe('the traps', () => {
    const trapped = async () => {
      const trap = trapIn((await open()).body)
      return [{ [trap]: 'spam' }, { [trap]: ['', 'spam'] }, { honeypot: 'spam' }, { website: 'http://spam.example' }]
    }

    it('answer as if all were well, and store nothing', async () => {
      const kept = await send(await filled())
      for (const changes of await trapped()) {
        const dropped = await send(await filled({ ...changes, email: 'no address', fullName: '' }))
        expect(dropped.statusCode).toBe(kept.statusCode)
        expect(dropped.headers.location).toBe(kept.headers.location)
        expect(Object.keys(dropped.headers)).toEqual(Object.keys(kept.headers))
      }
      expect(await leads()).toHaveLength(1)
    })

    it('are never filled in by the page that comes back', async () => {
      slug = await publish({ ...DEMO_FORM, protection: { honeypot: 'reject' } })
      for (const changes of await trapped()) {
        const reply = await send(await filled({ ...changes, fullName: 'A' }))
        expect(reply.statusCode).toBe(400)
        expect(reply.body).toContain('A field that has to stay empty was filled in')
        expect(reply.body).not.toContain('spam')
        expect(control(reply.body, 'fullName')).toContain('value="A"')
      }
    })

    it('are out of the way of people: not reached by the keyboard, not read aloud, not filled in by browsers', async () => {
      const { body } = await open()
      const trap = trapIn(body)
      expect(body).toContain('<div class="reserve" aria-hidden="true">')
      expect(control(body, trap)).toMatch(/type="text".*tabindex="-1" autocomplete="off">$/)
      expect(body).toContain('Leave this field empty')
    })

    it('leave a field that is called like one alone', async () => {
      slug = await publish({
        title: { en: 'Sites' },
        fields: [{ type: 'text', name: 'website', label: { en: 'Your site' }, required: true }],
      })
      const fields = { email: 'ada@example.org', website: 'example.org', renderToken: await ripeToken() }
      expect((await send(fields)).statusCode).toBe(303)
      expect((await leads())[0]?.data).toEqual({ website: 'example.org' })
    })
  })

  describe('from another site', () => {
    it.each([
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ])('is refused, and shows none of what that site sent: %j', async (headers) => {
      const reply = await send(await filled({ fullName: 'Words of another' }), { headers })
      expect(reply.statusCode).toBe(403)
      expect(reply.headers['content-type']).toBe('text/html; charset=utf-8')
      expect(reply.body).not.toContain('Words of another')
      expect(reply.body).not.toContain('renderToken')
      expect(await leads()).toHaveLength(0)
    })
  })

  describe('beyond its limit', () => {
    beforeEach(async () => {
      await server.close()
      server = await startTestServer(database)
      slug = await publish(DEMO_FORM)
    })

    it('comes back with what was typed and how long to wait, and may be sent then', async () => {
      const fields = await filled({ email: 'x' })
      for (let sent = 0; sent < 10; sent += 1) expect((await send(fields)).statusCode).toBe(422)
      const refused = await send({ ...fields, email: 'ada@example.org' })
      expect(refused.statusCode).toBe(429)
      expect(refused.body).toContain('Too many attempts')
      expect(refused.body).toContain(`You can try again in ${refused.headers['retry-after']}\u00a0seconds.`)
      expect(control(refused.body, 'fullName')).toContain('value="Ada Lovelace"')
      expect(await leads()).toHaveLength(0)

      server.clock.nowMs += 1_000 * Number(refused.headers['retry-after'])
      const token = tokenIn(refused.body)
      expect((await send({ ...fields, email: 'ada@example.org', renderToken: token })).statusCode).toBe(303)
    })

    it('looks up no tenant for its page: those that a limit might depend on are all, ten a minute', async () => {
      const fields = await filled({ email: 'x' })
      for (let sent = 0; sent < 10; sent += 1) await send(fields)
      for (let sent = 0; sent < 30; sent += 1) {
        const reply = await send('a=b', { path: `/f/made-up-${sent}?tenant=made-up-${sent}` })
        expect(reply.statusCode).toBe(429)
      }
      // Answered after whatever was asked before: the pool has six connections.
      await Promise.all(Array.from({ length: 12 }, () => database.app.query('select pg_sleep(0.02)')))
      const [, missing] = /lookups_total.result="missing". (\d+)/.exec(await server.metrics.render()) ?? []
      expect(missing).toBe('10')
    })

    it('gives nothing back to another site, nor of a body that is large or no form', async () => {
      const fields = await filled({ email: 'x' })
      for (let sent = 0; sent < 10; sent += 1) await send(fields)
      const replies = [
        await send(fields, { headers: { origin: 'https://evil.example' } }),
        await send({ ...fields, details: 'x'.repeat(70_000) }),
        await send('fullName=%zz'),
        await send('{"fullName":"Ada Lovelace"}', { headers: { 'content-type': 'application/json' } }),
      ]
      for (const reply of replies) {
        expect(reply.statusCode).toBe(429)
        expect(reply.body).not.toContain('Ada')
        expect(reply.body).not.toContain('<form')
      }
    })
  })

  it('keeps the month’s quota, without a word of it', async () => {
    await server.close()
    server = await startTestServer(database, { policyFile: withoutLimits, tenant: { maxLeadsPerMonth: 1 } })
    slug = await publish(DEMO_FORM)
    expect((await send(await filled())).statusCode).toBe(303)
    const refused = await send(await filled())
    expect(refused.statusCode).toBe(429)
    expect(refused.body).toContain('This form cannot take answers at the moment')
    expect(Object.keys(refused.headers).filter((name) => /ratelimit|retry-after/.test(name))).toEqual([])
    expect(control(refused.body, 'fullName')).toContain('value="Ada Lovelace"')
    expect(await leads()).toHaveLength(1)
  })

  describe('a body', () => {
    it.each([
      ['over a megabyte', `fullName=${'x'.repeat(1_048_576)}`, 413],
      ['with a malformed escape', 'fullName=%E9', 400],
      ['with U+0000', 'fullName=%00', 400],
      ['with a name that reaches a prototype', '__proto__=x', 400],
      ['of more fields than any form has', 'a=1&'.repeat(3_000), 400],
    ])('%s is refused with a page, and stores nothing', async (_what, body, status) => {
      const reply = await send(body)
      expect(reply.statusCode).toBe(status)
      expect(reply.headers['content-type']).toBe('text/html; charset=utf-8')
      expect(await leads()).toHaveLength(0)
    })

    it.each(['application/json', 'multipart/form-data; boundary=x', 'text/plain'])(
      'of type %s is refused',
      async (type) => {
        const reply = await send(JSON.stringify(answers), { headers: { 'content-type': type } })
        expect(reply.statusCode).toBe(415)
      },
    )

    it('of an HTML form is taken here, and nowhere in the API', async () => {
      for (const path of ['/api/v1/contact', `/api/v1/forms/public/${slug}/evaluate`]) {
        expect((await send('a=1', { path })).statusCode).toBe(415)
      }
    })
  })

  it('escapes whatever it repeats, wherever it stands', async () => {
    const attack = '"><script>alert(1)</script><img src=x onerror=alert(1)>\' </textarea><b>'
    const fields = await filled({
      fullName: attack,
      email: attack,
      phone: attack,
      projectType: attack,
      details: `\n${attack}`,
      [attack]: attack,
    })
    const replies = [
      await send(fields),
      await send(fields, { path: `/f/${slug}?lang=${encodeURIComponent(attack)}` }),
      await send(fields, { path: `/f/${encodeURIComponent(attack)}` }),
      await open(`/f/${slug}?tenant=${encodeURIComponent(attack)}`),
      await open(`/f/${slug}/thanks?outcome=${encodeURIComponent(attack)}`),
    ]
    for (const { body } of replies) {
      expect(body.match(/<script/g)).toHaveLength(1)
      expect(body).not.toMatch(/<img|<b>|onerror=alert\(1\)>(?!&#39;)/)
    }
    expect(replies[0]?.body).toContain('&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;')
  })

  it('escapes every text of the definition, and shows markup as text', async () => {
    const attack = '</title></script><script>alert(1)</script>"onfocus="alert(1)'
    const text = { en: attack }
    slug = await publish({
      title: text,
      description: text,
      fields: [
        { type: 'text', name: 'who', label: text, help: text, placeholder: text, required: true },
        { type: 'choice', name: 'pick', label: text, choices: [{ value: attack, label: text }] },
        {
          type: 'choice',
          name: 'unfold',
          label: text,
          choices: Array.from({ length: 9 }, (_, index) => ({ value: `${attack}${index}`, label: text })),
        },
        { type: 'consent', name: 'agree', label: text, consentText: text, version: '1' },
        {
          type: 'text',
          name: 'more',
          label: text,
          showWhen: { all: [{ field: 'pick', op: 'equals', value: attack }] },
        },
      ],
      outcomes: [{ id: 'only', label: text }],
      exposeScore: true,
    })
    for (const { body } of [await open(), await send(await filled()), await open(`/f/${slug}/thanks?outcome=only`)]) {
      expect(body.match(/<script/g)).toHaveLength(1)
      expect(body).not.toContain('"onfocus')
      expect(body).toContain('&lt;/title&gt;')
    }
  })

  it('writes the form, what became of it and why to the log, and nothing that was typed', async () => {
    await send(await filled({ fullName: 'Zebulon Quixote' }))
    await send(await filled({ honeypot: 'spam' }))
    await send(await filled({ fullName: '', email: 'quixote@example.org', phone: 'x' }))
    const log = server.logLines.join('')
    const [lead] = await leads()
    expect(log).toContain(lead?.id)
    expect(log).toContain(slug)
    expect(log).toContain('"reasonBlocked":"honeypot"')
    expect(log).toContain('"reasonBlocked":"answers"')
    for (const secret of ['Zebulon', 'quixote', 'ada@example.org', 'long enough', '127.0.0.1'])
      expect(log).not.toContain(secret)
  })
})

describe('the files of a page', () => {
  it('are kept for a year under the name of their content, and served under an older one without being kept', async () => {
    const { body } = await open()
    const urls = [...body.matchAll(/(?:href|src)="(\/f\/_\/[^"]+)"/g)].map(([, url]) => url ?? '')
    expect(urls).toHaveLength(2)
    for (const url of urls) {
      const reply = await open(url)
      expect(reply.statusCode).toBe(200)
      expect(reply.headers['cache-control']).toBe('public, max-age=31536000, immutable')
      expect(reply.headers['content-type']).toMatch(url.endsWith('css') ? /^text\/css/ : /^text\/javascript/)
      const older = await open(url.replace(/-[\w-]{22}\./, '-old.'))
      expect([older.statusCode, older.headers['cache-control']]).toEqual([200, 'no-store'])
    }
  })

  it('hold the script that embeds a form, which other sites may load', async () => {
    const reply = await open('/f/embed.js')
    expect(reply.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cross-origin-resource-policy': 'cross-origin',
    })
  })
})
