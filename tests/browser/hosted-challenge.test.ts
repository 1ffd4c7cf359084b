import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Pool } from '../../packages/server/src/database/connect.ts'
import { inTenant } from '../../packages/server/src/database/tenant.ts'
import { findTenant } from '../../packages/server/src/modules/tenants/service.ts'
import { chromiumPath, noBrowser, startBrowser } from '../support/browser.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { workerPool } from '../support/tenant-with-form.ts'

/** A browser without a window says so in its name, which is evidence enough for these policies. */
const bots = { kind: 'signal', sources: ['userAgent'], challenge: 40 }

let browser: Browser
beforeAll(async () => {
  if (chromiumPath !== undefined) browser = await startBrowser()
})
afterAll(() => browser?.close())
beforeEach((test) => test.skip(chromiumPath === undefined, noBrowser))

describe.each([
  ['sending a form', { 'leads.submit': { rules: { bots } } }],
  ['opening and sending a form', { 'leads.submit': { rules: { bots } }, 'forms.view': { rules: { bots } } }],
])('a policy that asks for a proof of work at %s', (_what, policies) => {
  let server: ServerProcess
  let pool: Pool
  beforeAll(async () => {
    if (chromiumPath === undefined) return
    server = await startServerProcess({ policies })
    pool = workerPool(server)
  })
  afterAll(async () => {
    await pool?.end()
    await server?.remove()
  })

  const complaints: string[] = []
  async function visit(path: string, javaScriptEnabled = true): Promise<Page> {
    const page = await (await browser.newContext({ javaScriptEnabled })).newPage()
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('console', (message) => {
      // A page of status 403 is one that was asked for.
      const isOurs = message.text().includes('the server responded with')
      if (message.type() === 'error' && !isOurs) complaints.push(message.text())
    })
    await page.goto(`${server.url}${path}`)
    return page
  }

  async function fill(page: Page, email: string): Promise<void> {
    await page.getByLabel('Votre nom').fill('Ada Lovelace')
    await page.getByLabel('Adresse e-mail').fill(email)
    await page.getByLabel('Un site web').check()
    await page.getByLabel('Votre projet').fill('Un site pour le musée')
    await page.getByLabel('J’accepte').check()
  }

  const leads = async () => {
    const tenant = await findTenant(pool, 'demo')
    return inTenant(pool, tenant?.id ?? '', (tx) => tx.selectFrom('lead').select(['email', 'data']).execute())
  }

  it('costs a visitor a moment and nothing that was typed, and the strict policy of the page nothing', async () => {
    const page = await visit('/f/demo?lang=fr')
    await fill(page, 'proof@example.org')
    const statuses: number[] = []
    page.on('response', (response) => void (response.request().method() === 'POST' && statuses.push(response.status())))
    await page.getByRole('button', { name: 'Envoyer' }).click()
    await page.getByRole('heading', { name: 'Merci' }).waitFor()
    expect(statuses).toEqual([403, 303])
    expect(page.url()).not.toContain('proof')
    expect(await leads()).toMatchObject([{ email: 'proof@example.org', data: { fullName: 'Ada Lovelace' } }])
    expect(complaints).toEqual([])
  })

  it('says what it needs where there is no script', async () => {
    const page = await visit('/f/demo?lang=fr', false)
    if (await page.getByRole('button', { name: 'Envoyer' }).isVisible()) {
      await fill(page, 'plain@example.org')
      await page.getByRole('button', { name: 'Envoyer' }).click()
      expect(await page.getByLabel('Votre nom').inputValue()).toBe('Ada Lovelace')
    }
    expect(await page.getByText('Cette étape a besoin de JavaScript.').isVisible()).toBe(true)
    expect(await leads()).toHaveLength(1)
  })
})
