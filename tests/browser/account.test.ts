import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { simpleParser } from 'mailparser'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { chromiumPath, noBrowser, startBrowser } from '../support/browser.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'

let browser: Browser
let server: ServerProcess
beforeAll(async () => {
  if (chromiumPath === undefined) return
  server = await startServerProcess({ env: { REMPART_PASSWORD_CHECK_HIBP: 'off' } })
  browser = await startBrowser()
})
afterAll(async () => {
  await browser?.close()
  await server?.remove()
})
beforeEach((test) => test.skip(chromiumPath === undefined, noBrowser))

const contexts: BrowserContext[] = []
const complaints: string[] = []
afterEach(async () => {
  expect(complaints.splice(0)).toEqual([])
  await Promise.all(contexts.splice(0).map((context) => context.close()))
})

async function visit(path: string, locale = 'en-GB'): Promise<Page> {
  const context = await browser.newContext({ locale })
  contexts.push(context)
  const page = await context.newPage()
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    const isRefusal = message.text().includes('the server responded with')
    if (message.type() === 'error' && !isRefusal) complaints.push(message.text())
  })
  await page.goto(`${server.url}${path}`)
  return page
}

const post = (path: string, body: object, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${server.url}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

/** The path of the newest link to a page in the mails to an address. */
async function linkTo(address: string, page: string): Promise<string> {
  const mailbox = join(server.dataDir, 'mailbox')
  return vi.waitFor(
    async () => {
      const files = readdirSync(mailbox).filter((file) => file.endsWith('.eml'))
      const mails = await Promise.all(files.sort().map((file) => simpleParser(readFileSync(join(mailbox, file)))))
      const texts = mails.filter(({ to }) => [to].flat()[0]?.text === address).map(({ text = '' }) => text)
      const links = texts.flatMap((text) => new RegExp(`/account/${page}#token=[\\w-]+`).exec(text)?.[0] ?? [])
      const link = links.at(-1)
      if (link === undefined) throw new Error('the mail has not come')
      return link
    },
    { timeout: 10_000 },
  )
}

const password = 'seven purple candles'

describe('the pages that mails lead to', () => {
  it('confirm an address and then choose another password, in the browser of their reader', async () => {
    const email = 'ada@example.org'
    await post('/auth/register', { email, password, name: 'Ada' })
    const confirming = await visit(await linkTo(email, 'verify'))
    // The token is in no history, and in nothing that is copied from the address bar.
    expect(confirming.url()).not.toContain('token')
    await confirming.getByLabel('Password').fill('not the one')
    await confirming.getByRole('button').click()
    await confirming.getByRole('alert').waitFor()
    expect(await confirming.getByRole('alert').textContent()).toContain('not right')
    await confirming.getByLabel('Password').fill(password)
    await confirming.getByRole('button').click()
    await confirming.getByRole('status').waitFor()
    expect((await post('/auth/login', { email, password })).status).toBe(200)

    const asking = await visit('/account/forgot')
    await asking.getByLabel('E-mail address').fill(email)
    await asking.getByRole('button').click()
    await asking.getByRole('status').waitFor()
    const choosing = await visit(await linkTo(email, 'reset'), 'fr-FR')
    expect(await choosing.getByRole('heading').textContent()).toBe('Choisissez un nouveau mot de passe')
    await choosing.getByLabel('Nouveau mot de passe').fill('password1234')
    await choosing.getByRole('button').click()
    await vi.waitFor(async () =>
      expect(await choosing.locator('#password-fault').textContent()).toBe(
        'Nouveau mot de passe est parmi les plus employés',
      ),
    )
    await choosing.getByLabel('Nouveau mot de passe').fill('eight green lanterns')
    await choosing.getByRole('button').click()
    await choosing.getByRole('status').waitFor()
    expect((await post('/auth/login', { email, password: 'eight green lanterns' })).status).toBe(200)
  })

  it('move an account to another address, take it back, and end its sessions', async () => {
    const [email, other] = ['mary@example.org', 'mary@example.net']
    await post('/auth/register', { email, password, name: 'Mary' })
    const confirming = await visit(await linkTo(email, 'verify'))
    await confirming.getByLabel('Password').fill(password)
    await confirming.getByRole('button').click()
    await confirming.getByRole('status').waitFor()
    const signedIn = (await (await post('/auth/login', { email, password })).json()) as { access_token: string }
    const authorization = { authorization: `Bearer ${signedIn.access_token}` }
    expect((await post('/users/me/email', { email: other }, authorization)).status).toBe(202)

    const press = async (address: string, page: string, locale: string, done: RegExp): Promise<void> => {
      const opened = await visit(await linkTo(address, page), locale)
      expect(opened.url()).not.toContain('token')
      await opened.getByRole('button').click()
      await opened.getByRole('status').filter({ hasText: done }).waitFor()
      expect(await opened.getByRole('button').isVisible()).toBe(false)
    }
    await press(other, 'change-email', 'en-GB', /address is changed/)
    await press(email, 'return-email', 'fr-FR', /retrouvé cette adresse/)
    expect((await post('/auth/login', { email: other, password })).status).toBe(401)
    await press(email, 'end-sessions', 'en-GB', /Every session has ended/)
  })

  it('say so when a link is not complete or not good any more', async () => {
    const broken = await visit('/account/reset')
    expect(await broken.getByRole('alert').textContent()).toContain('not complete')
    const spent = await visit(`/account/reset#token=rmp_rst_${'A'.repeat(43)}`)
    await spent.getByLabel('New password').fill(password)
    await spent.getByRole('button').click()
    await spent.getByRole('alert').filter({ hasText: 'has been used' }).waitFor()
  })

  it('ask for an address where the link names nobody: that of the first owner, from the first start', async () => {
    const link = /\/account\/invite#token=[\w-]+/.exec(server.stderr())?.[0] ?? ''
    const page = await visit(link)
    expect(await page.getByLabel('E-mail address').isVisible()).toBe(false)
    await page.getByLabel('Your name').fill('Grace')
    await page.getByLabel('New password').fill(password)
    await page.getByRole('button').click()
    await page.getByLabel('E-mail address').fill('grace@example.org')
    await page.getByRole('button').click()
    await page.getByRole('status').waitFor()
    expect((await post('/auth/login', { email: 'grace@example.org', password })).status).toBe(200)
  })

  it('may not be framed, and load nothing from elsewhere', async () => {
    for (const path of ['verify', 'reset', 'invite', 'forgot', 'security']) {
      const answer = await fetch(`${server.url}/account/${path}`)
      expect(answer.status, path).toBe(200)
      expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
      const page = await answer.text()
      expect(page).not.toMatch(/(?:src|href)="https?:/)
    }
  })
})
