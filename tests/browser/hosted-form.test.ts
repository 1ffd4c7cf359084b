import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createId } from '../../packages/server/src/core/ids.ts'
import type { Pool } from '../../packages/server/src/database/connect.ts'
import { inTenant } from '../../packages/server/src/database/tenant.ts'
import { DEMO_FORM } from '../../packages/server/src/modules/forms/definition/demo.ts'
import type { FormDefinition } from '../../packages/server/src/modules/forms/definition/schema.ts'
import { insertPublishedForm } from '../../packages/server/src/modules/forms/seed-queries.ts'
import { findTenant } from '../../packages/server/src/modules/tenants/service.ts'
import { chromiumPath, noBrowser, startBrowser } from '../support/browser.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { type StaticSite, startStaticSite } from '../support/static-site.ts'
import { workerPool } from '../support/tenant-with-form.ts'

const contrastFaults = readFileSync(join(import.meta.dirname, 'contrast.js'), 'utf8')

let browser: Browser
let server: ServerProcess
let site: StaticSite
let stranger: StaticSite
let pool: Pool
let tenantId: string
/** The demo's form, for tests to which it is nothing how long it was open. */
let prompt: string
beforeAll(async () => {
  if (chromiumPath === undefined) return
  site = await startStaticSite()
  stranger = await startStaticSite()
  const off = { rules: { burst: 'off' } }
  server = await startServerProcess({
    env: { REMPART_ALLOWED_ORIGINS: site.origin },
    policies: { 'forms.view': off, 'leads.submit': off, general: off },
  })
  pool = workerPool(server)
  tenantId = (await findTenant(pool, 'demo'))?.id ?? ''
  prompt = await publish({ ...DEMO_FORM, protection: { minimumFillSeconds: 0 } })
  browser = await startBrowser()
})
afterAll(async () => {
  await browser?.close()
  await pool?.end()
  await Promise.all([server?.remove(), site?.close(), stranger?.close()])
})
beforeEach((test) => test.skip(chromiumPath === undefined, noBrowser))

/** What the browser complained of: errors of scripts, and whatever a policy refused. */
let complaints: string[]
let contexts: BrowserContext[]
beforeEach(() => {
  complaints = []
  contexts = []
})
afterEach(async () => {
  await Promise.all(contexts.map((context) => context.close()))
})

async function visit(path: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ locale: 'en-GB', ...options })
  contexts.push(context)
  const page = await context.newPage()
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('console', (message) => {
    // A page of status 422 is one that was asked for.
    if (message.type() === 'error' && !message.text().includes('the server responded with'))
      complaints.push(message.text())
  })
  await page.goto(path.startsWith('http') ? path : `${server.url}${path}`)
  return page
}

const withoutScript = { javaScriptEnabled: false }
const narrow = { viewport: { width: 320, height: 640 } }

const lead = (email: string) =>
  inTenant(pool, tenantId, (tx) => tx.selectFrom('lead').selectAll().where('email', '=', email).execute())

/** Fills in the demo form as far as it has to be. */
async function fill(form: Pick<Page, 'getByLabel'>, email: string): Promise<void> {
  await form.getByLabel('Your name').fill('Ada Lovelace')
  await form.getByLabel('E-mail address').fill(email)
  await form.getByLabel('A website').check()
  await form.getByLabel('Your project in a few words').fill('A site for the museum')
  await form.getByLabel('I agree').check()
}

/** What assistive tools are told of an element: name, description, states. */
async function computed(page: Page, selector: string) {
  const session = await page.context().newCDPSession(page)
  const { root } = await session.send('DOM.getDocument')
  const { nodeId } = await session.send('DOM.querySelector', { nodeId: root.nodeId, selector })
  const { nodes } = await session.send('Accessibility.getPartialAXTree', { nodeId, fetchRelatives: false })
  const [node] = nodes
  const plain = (text: unknown): string => String(text ?? '').replaceAll(/\s+/g, ' ')
  return {
    name: plain(node?.name?.value),
    description: plain(node?.description?.value),
    properties: Object.fromEntries((node?.properties ?? []).map(({ name, value }) => [name, value.value])),
  }
}

async function publish(definition: FormDefinition): Promise<string> {
  const form = { id: createId(), slug: `f-${createId()}` }
  await inTenant(pool, tenantId, (tx) => insertPublishedForm(tx, { tenantId, ...form, name: 'Test', definition }))
  return form.slug
}

describe('without JavaScript', () => {
  it('a form is filled in, sent and thanked for', async () => {
    const page = await visit(`/f/${prompt}`, withoutScript)
    await fill(page, 'plain@example.org')
    await page.getByRole('button', { name: 'Send' }).click()
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Thank you')
    expect(page.url()).toBe(`${server.url}/f/${prompt}/thanks?outcome=standard`)
    await page.reload()
    await page.goBack()
    expect(await lead('plain@example.org')).toHaveLength(1)
    expect(complaints).toEqual([])
  })

  it('a field that may not apply is there, says when it does, and is not stored when it does not', async () => {
    const page = await visit(`/f/${prompt}`, withoutScript)
    await fill(page, 'hinted@example.org')
    const products = page.getByLabel('How many products will you sell?')
    expect(await page.getByText('Only if your answer to “What do you need?” is “An online shop”.').isVisible()).toBe(
      true,
    )
    await products.fill('250')
    await page.getByRole('button', { name: 'Send' }).click()
    expect((await lead('hinted@example.org'))[0]?.data).not.toHaveProperty('productCount')
  })

  it('a form that is refused comes back as it was, with the focus on what to change', async () => {
    const page = await visit(`/f/${prompt}`, withoutScript)
    await fill(page, 'nobody')
    await page.getByLabel('An online shop').check()
    await page.getByLabel('Budget').fill('a lot')
    await page.getByRole('button', { name: 'Send' }).click()

    expect(await page.title()).toBe('Error: Request a quote')
    expect(await page.locator('.summary').evaluate((element) => element === element.ownerDocument.activeElement)).toBe(
      true,
    )
    expect(await page.getByLabel('Your name').inputValue()).toBe('Ada Lovelace')
    expect(await page.getByLabel('An online shop').isChecked()).toBe(true)
    expect(await page.getByLabel('Budget').inputValue()).toBe('a lot')

    // From the summary to the field, by its link.
    await page.getByRole('link', { name: /^How many products/ }).click()
    await page.keyboard.type('12')
    expect(await page.getByLabel('How many products').inputValue()).toBe('12')
    await page.getByLabel('E-mail address').fill('mended@example.org')
    await page.getByLabel('Budget').fill('9 000')
    await page.getByRole('button', { name: 'Send' }).click()
    expect(await lead('mended@example.org')).toMatchObject([{ data: { productCount: 12, budget: 9000 } }])
  })

  it('a form sent too soon says so, and is taken a moment later', async () => {
    const page = await visit('/f/demo', withoutScript)
    await fill(page, 'quick@example.org')
    const sent = page.waitForResponse((response) => response.request().method() === 'POST')
    await page.getByRole('button', { name: 'Send' }).click()
    // Whether a machine is slow enough to be believed is its own matter.
    if ((await sent).status() === 429) {
      expect(await page.getByRole('heading', { name: 'That was quick' }).isVisible()).toBe(true)
      // What the server waits for is a time, not a state.
      await page.waitForTimeout(2_000)
      await page.getByRole('button', { name: 'Send' }).click()
    }
    await page.waitForURL('**/thanks?*')
    expect(await lead('quick@example.org')).toHaveLength(1)
  })
})

describe('with JavaScript', () => {
  it('a field appears when it applies, and is neither sent nor in the way when it does not', async () => {
    const page = await visit(`/f/${prompt}`)
    const products = page.getByLabel('How many products will you sell?')
    expect(await products.isVisible()).toBe(false)
    await fill(page, 'live@example.org')
    await page.getByLabel('An online shop').check()
    expect(await products.isVisible()).toBe(true)
    await products.fill('many')
    await page.getByLabel('A website').check()
    expect(await products.isVisible()).toBe(false)
    const sent = page.waitForRequest((request) => request.method() === 'POST')
    await page.getByRole('button', { name: 'Send' }).click()
    expect((await sent).postData()).not.toContain('productCount')
    await page.waitForURL('**/thanks?*')
    expect((await lead('live@example.org'))[0]?.data).not.toHaveProperty('productCount')
    expect(complaints).toEqual([])
  })

  it('an answer that cannot be right says so when it is left, and stops when it is set right', async () => {
    const page = await visit(`/f/${prompt}?lang=fr`)
    const name = page.getByLabel('Votre nom')
    const fault = page.getByText('Saisissez au moins 2 caractères.')
    await name.fill('A')
    expect(await fault.isVisible()).toBe(false)
    await name.blur()
    expect(await fault.isVisible()).toBe(true)
    expect(await name.getAttribute('aria-invalid')).toBe('true')
    await name.pressSequentially('da')
    expect(await fault.isVisible()).toBe(false)
    expect(await name.getAttribute('aria-invalid')).toBeNull()
  })

  it('a double click sends one lead, and nobody is too quick', async () => {
    const page = await visit('/f/demo')
    await fill(page, 'double@example.org')
    const sent: string[] = []
    page.on('request', (request) => void (request.method() === 'POST' && sent.push(request.url())))
    await page.getByRole('button', { name: 'Send' }).dblclick()
    expect(await page.getByRole('button', { name: 'Sending…' }).getAttribute('aria-disabled')).toBe('true')
    await page.waitForURL('**/thanks?*')
    expect(sent).toHaveLength(1)
    expect(await lead('double@example.org')).toHaveLength(1)
  })

  it('shows what the server shows, on every condition there is', async () => {
    const page = await visit(`/f/${await publish(everyCondition)}`)
    const shown = () =>
      page.locator('[data-field^=when]:visible').evaluateAll((rows) => rows.map((row) => row.dataset['field']))
    expect(await shown()).toEqual(['whenNot', 'whenNone', 'whenExcludes', 'whenUnanswered'])
    await page.getByRole('textbox', { name: 'Name' }).fill('Ada')
    await page.getByRole('textbox', { name: 'Count' }).fill('1 500,5')
    await page.getByRole('checkbox', { name: 'Red' }).check()
    await page.getByLabel('Day').fill('2030-01-02')
    await page.getByRole('checkbox', { name: 'Agreed' }).check()
    const now = await shown()
    expect(now).toEqual(['whenNot', 'whenAnswered', 'whenMore', 'whenLater', 'whenIncludes', 'whenAgreed', 'whenBoth'])
    // Without an address the form comes back.
    const sent = page.waitForResponse((response) => response.request().method() === 'POST')
    await page.getByRole('button', { name: 'Send' }).click()
    const fields = [...(await (await sent).text()).matchAll(/data-field="(when\w+)"(.*?)>/g)]
    expect(fields.filter(([, , rest]) => rest?.includes('data-unshown') === false).map(([, name]) => name)).toEqual(now)
    // What is wrong counts as no answer, there and here.
    await page.getByRole('textbox', { name: 'Count' }).fill('1 500,5 or so')
    expect(await shown()).not.toContain('whenMore')
  })

  it('is sent again from a page that the browser kept', async () => {
    const page = await visit(`/f/${prompt}`)
    await fill(page, 'back@example.org')
    await page.getByRole('button', { name: 'Send' }).click()
    await page.waitForURL('**/thanks?*')
    await page.goBack()
    expect(await page.getByRole('button', { name: 'Send' }).isVisible()).toBe(true)
    expect(await page.locator('button[aria-disabled]').count()).toBe(0)
  })
})

it('is filled in with the keyboard alone, which never comes upon the trap', async () => {
  const page = await visit(`/f/${prompt}`)
  const press = (...keys: string[]) =>
    keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve())
  const type = (text: string) => page.keyboard.type(text)
  await press('Tab')
  await type('Ada Lovelace')
  await press('Tab')
  await type('keys@example.org')
  await press('Tab', 'Tab', 'Space', 'ArrowDown', 'Tab')
  await type('12')
  await press('Tab', 'Tab')
  await type('01022027')
  await press('Tab')
  // A date control has a button of its own.
  if (await page.evaluate("document.activeElement.type === 'date'")) await press('Tab')
  await type('A shop for the museum')
  await press('Tab', 'Space', 'Tab')
  expect(await page.evaluate('document.activeElement.textContent')).toBe('Send')
  expect(
    await page.evaluate(
      'getComputedStyle(document.activeElement).outlineStyle + getComputedStyle(document.activeElement).outlineWidth',
    ),
  ).toBe('solid3px')
  await press('Enter')
  await page.waitForURL('**/thanks?*')
  expect(await lead('keys@example.org')).toMatchObject([
    { data: { projectType: 'shop', productCount: 12, consent: true } },
  ])
})

describe('in French', () => {
  it('is read aloud whole: every control with its name, its help and what is asked', async () => {
    const page = await visit(`/f/${prompt}`, { locale: 'fr-FR' })
    expect(await page.locator('html').getAttribute('lang')).toBe('fr')
    await page.getByLabel('Une boutique en ligne').check()
    expect(await page.locator('main').ariaSnapshot()).toBe(
      `
- main:
  - paragraph: Demo
  - heading "Demander un devis" [level=1]
  - paragraph: "Parlez-nous de votre projet : nous répondons sous deux jours ouvrés."
  - text: Votre nom
  - textbox "Votre nom"
  - text: Adresse e-mail
  - textbox "Adresse e-mail"
  - text: Téléphone (facultatif)
  - paragraph: Seulement si vous préférez être rappelé.
  - textbox "Téléphone (facultatif)"
  - radiogroup "De quoi avez-vous besoin ?":
    - text: De quoi avez-vous besoin ?
    - radio "Un site web"
    - text: Un site web
    - radio "Une boutique en ligne" [checked]
    - text: Une boutique en ligne
    - radio "Une application métier"
    - text: Une application métier
    - radio "Autre chose"
    - text: Autre chose
  - text: Combien de produits vendrez-vous ?
  - textbox "Combien de produits vendrez-vous ?"
  - text: Budget, en euros (facultatif)
  - textbox "Budget, en euros (facultatif)"
  - text: Quand souhaitez-vous commencer ? (facultatif)
  - textbox "Quand souhaitez-vous commencer ? (facultatif)"
  - text: Votre projet en quelques mots
  - textbox "Votre projet en quelques mots"
  - group "Vie privée":
    - text: Vie privée
    - checkbox "J’accepte que mes réponses servent à établir ce devis et à me recontacter à son sujet."
    - text: J’accepte que mes réponses servent à établir ce devis et à me recontacter à son sujet.
  - button "Envoyer"
  - link "English":
    - /url: /f/${prompt}?lang=en
`.trim(),
    )
  })

  it('says what is wrong in French, at each field', async () => {
    const page = await visit(`/f/${prompt}`, { locale: 'fr-FR', ...withoutScript })
    await page.getByRole('button', { name: 'Envoyer' }).click()
    expect(await page.getByRole('alert').getByRole('link').allTextContents()).toEqual([
      'Votre nom – Ce champ est obligatoire.',
      'Adresse e-mail – Ce champ est obligatoire.',
      'De quoi avez-vous besoin\u202f? – Ce champ est obligatoire.',
      'Votre projet en quelques mots – Ce champ est obligatoire.',
      'Vie privée – Votre accord est nécessaire pour continuer.',
    ])
    const described = await computed(page, '#f-fullName')
    expect(described).toMatchObject({ name: 'Votre nom', description: 'Erreur : Ce champ est obligatoire.' })
    expect(described.properties).toMatchObject({ required: true, invalid: 'true' })
    const choice = await computed(page, '[role=radiogroup]')
    expect(choice.description).toBe('Erreur : Ce champ est obligatoire.')
    expect(choice.properties).toMatchObject({ required: true, invalid: 'true' })
  })
})

describe('to those who see little', () => {
  it.each([
    ['light', false],
    ['dark', false],
    ['light', true],
    ['dark', true],
  ] as const)('has enough contrast in %s colours, with faults: %s', async (colorScheme, isWrong) => {
    const page = await visit(`/f/${prompt}`, { colorScheme, ...withoutScript })
    if (isWrong) {
      await page.getByRole('button', { name: 'Send' }).click()
      expect(await page.getByRole('alert').count()).toBe(1)
    }
    await page.getByLabel('A website').check()
    expect(await page.evaluate(contrastFaults)).toEqual([])
  })

  it.each([
    ['320 pixels wide', narrow],
    ['zoomed to 200 %', { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 }],
    ['zoomed to 400 %', { viewport: { width: 320, height: 256 }, deviceScaleFactor: 4 }],
  ])('is whole %s: nothing is cut off and nothing scrolls sideways', async (_what, options) => {
    const page = await visit(`/f/${prompt}?lang=fr`, { ...options, ...withoutScript })
    await page.getByRole('button', { name: 'Envoyer' }).click()
    const [content, window] = await page.evaluate<[number, number]>(
      '[document.documentElement.scrollWidth, innerWidth]',
    )
    expect(content).toBeLessThanOrEqual(window)
    const outside =
      "[...document.querySelectorAll('main *:not(.reserve *, .reserve, .unseen)')].filter((each) => each.getBoundingClientRect().right > innerWidth + 0.5).map((each) => each.outerHTML.slice(0, 80))"
    expect(await page.evaluate(outside)).toEqual([])
  })

  it('has controls that a finger can hit', async () => {
    const page = await visit(`/f/${prompt}`, narrow)
    const sizes = await page
      .locator('input:visible:not([type=radio], [type=checkbox]), .option label, button, select, textarea')
      .evaluateAll((all) =>
        all.filter((each) => each.closest('[aria-hidden]') === null).map((each) => each.getBoundingClientRect().height),
      )
    expect(sizes.length).toBeGreaterThan(8)
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(44)
  })
})

describe('in another site’s page', () => {
  const embedding = (attributes: string): string =>
    `<!doctype html><html lang="en"><title>Museum</title><h1>Museum</h1><script src="${server.url}/f/embed.js" ${attributes} async></script><p>After</p></html>`

  it('is as high as it needs to be, is sent from there, and thanks there', async () => {
    site.pages.set('/', embedding(`data-form="${prompt}" data-lang="en" data-title="Ask the museum"`))
    const page = await visit(`${site.origin}/`)
    const element = page.locator('iframe[title="Ask the museum"]')
    const frame = page.frameLocator('iframe')
    await fill(frame as unknown as Page, 'framed@example.org')
    const fits = async (): Promise<boolean> => {
      const wanted = await frame.locator('body').evaluate((body) => Math.ceil(body.offsetHeight))
      return (await element.boundingBox())?.height === wanted
    }
    await expect.poll(fits).toBe(true)
    const before = (await element.boundingBox())?.height ?? 0
    await frame.getByLabel('An online shop').check()
    await expect.poll(async () => (await element.boundingBox())?.height ?? 0).toBeGreaterThan(before)
    await frame.getByLabel('A website').check()
    await expect.poll(async () => (await element.boundingBox())?.height).toBe(before)

    await frame.getByRole('button', { name: 'Send' }).click()
    await frame.getByRole('heading', { name: 'Thank you' }).waitFor()
    await expect.poll(fits).toBe(true)
    expect(await lead('framed@example.org')).toHaveLength(1)
    expect(page.url()).toBe(`${site.origin}/`)
    expect(complaints).toEqual([])
  })

  it('tells its height to nobody but the page around it, and takes the word of no other window', async () => {
    site.pages.set('/', embedding('data-form="demo"'))
    const page = await visit(`${site.origin}/`)
    const element = page.locator('iframe')
    await page.frameLocator('iframe').getByRole('button', { name: 'Send' }).waitFor()
    await expect.poll(async () => (await element.boundingBox())?.height ?? 0).toBeGreaterThan(700)
    const height = (await element.boundingBox())?.height
    await page.evaluate("postMessage({ type: 'rempart:height', height: 5000 }, '*')")
    await page.evaluate(
      "new Promise((resolve) => { const frame = document.createElement('iframe'); frame.srcdoc = '<script>parent.postMessage({type:`rempart:height`,height:6000},`*`)</script>'; frame.onload = () => setTimeout(resolve, 50); document.body.append(frame) })",
    )
    expect((await element.first().boundingBox())?.height).toBe(height)
  })

  it('is not shown to a site that nobody listed', async () => {
    stranger.pages.set('/', embedding('data-form="demo"'))
    const page = await visit(`${stranger.origin}/`)
    await expect.poll(() => complaints.join()).toContain('frame-ancestors')
    expect(await page.frameLocator('iframe').getByRole('button').count()).toBe(0)
  })

  it('cannot be sent by a form of that site, though it has a token', async () => {
    const token = await (await visit(`/f/${prompt}`, withoutScript)).locator('[name=renderToken]').inputValue()
    stranger.pages.set(
      '/',
      `<!doctype html><form method="post" action="${server.url}/f/${prompt}"><input name="renderToken" value="${token}"><input name="email" value="forged@example.org"><input name="fullName" value="Forged words"><button>Go</button></form>`,
    )
    const page = await visit(`${stranger.origin}/`)
    await page.getByRole('button').click()
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('The form was sent from another site')
    expect(await page.content()).not.toContain('Forged words')
    expect(await lead('forged@example.org')).toHaveLength(0)
  })
})

it('runs nothing that a definition or a visitor slips in', async () => {
  const attack = '"><img src=x onerror="alert(1)"></textarea><script>alert(2)</script>'
  const text = { en: attack }
  const slug = await publish({
    title: text,
    description: text,
    fields: [
      { type: 'text', name: 'who', label: text, help: text, placeholder: text },
      { type: 'longText', name: 'what', label: { en: 'What' } },
      { type: 'choice', name: 'pick', label: text, choices: [{ value: attack, label: text }] },
      { type: 'consent', name: 'agree', label: text, consentText: text, version: '1', required: true },
    ],
  })
  const page = await visit(`/f/${slug}`)
  await page.locator('[name=who]').fill(attack)
  await page.getByLabel('What').fill(`\n${attack}`)
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByRole('alert').waitFor()
  expect(await page.locator('[name=who]').inputValue()).toBe(attack)
  expect(await page.getByLabel('What').inputValue()).toBe(`\n${attack}`)
  expect(await page.locator('img').count()).toBe(0)
  expect(complaints).toEqual([])
})

const label = (en: string) => ({ en })
const everyCondition: FormDefinition = {
  title: label('Conditions'),
  fields: [
    { type: 'text', name: 'name', label: label('Name') },
    { type: 'number', name: 'count', label: label('Count') },
    {
      type: 'choice',
      name: 'colours',
      multiple: true,
      label: label('Colours'),
      choices: [
        { value: 'red', label: label('Red') },
        { value: 'blue', label: label('Blue') },
      ],
    },
    { type: 'date', name: 'day', label: label('Day') },
    { type: 'consent', name: 'agreed', label: label('Consent'), consentText: label('Agreed'), version: '1' },
    ...(
      [
        ['whenNot', { field: 'name', op: 'notEquals', value: 'Grace' }],
        ['whenNone', { field: 'name', op: 'noneOf', values: ['Ada', 'Grace'] }],
        ['whenAnswered', { field: 'name', op: 'answered' }],
        ['whenMore', { field: 'count', op: 'moreThan', value: 1500 }],
        ['whenLater', { field: 'day', op: 'atLeast', value: 'today+1d' }],
        ['whenIncludes', { field: 'colours', op: 'includes', value: 'red' }],
        ['whenExcludes', { field: 'colours', op: 'excludes', value: 'red' }],
        ['whenAgreed', { field: 'agreed', op: 'equals', value: true }],
        ['whenUnanswered', { field: 'day', op: 'notAnswered' }],
      ] as const
    ).map(([name, comparison]) => ({
      type: 'text' as const,
      name,
      label: label(`Field ${name}`),
      showWhen: { all: [comparison.op === 'noneOf' ? { ...comparison, values: [...comparison.values] } : comparison] },
    })),
    {
      type: 'text',
      name: 'whenBoth',
      label: label('Field whenBoth'),
      showWhen: {
        all: [
          { field: 'name', op: 'oneOf', values: ['Ada', 'Grace'] },
          {
            any: [
              { field: 'count', op: 'lessThan', value: 0 },
              { field: 'agreed', op: 'answered' },
            ],
          },
        ],
      },
    },
  ],
}
