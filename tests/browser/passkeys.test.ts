import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createPasswordHasher } from '../../packages/server/src/core/credentials/password-hasher.ts'
import { insertUser } from '../../packages/server/src/core/identity/new-user.ts'
import type { Pool } from '../../packages/server/src/database/connect.ts'
import { inTenant } from '../../packages/server/src/database/tenant.ts'
import { findTenant } from '../../packages/server/src/modules/tenants/service.ts'
import { chromiumPath, noBrowser, startBrowser } from '../support/browser.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { workerPool } from '../support/tenant-with-form.ts'

/** What Chromium's own authenticator makes and signs, at a server of its own, on its pages. */
const shadow = { mode: 'shadow' }
let browser: Browser
let server: ServerProcess
let home: string
let pool: Pool
let tenantId: string
beforeAll(async () => {
  if (chromiumPath === undefined) return
  server = await startServerProcess({
    env: { REMPART_PASSWORD_CHECK_HIBP: 'off' },
    publicUrl: (port) => `http://localhost:${port}`,
    policies: { 'auth.login': shadow, 'passkeys.sign-in': shadow, 'passkeys.challenge': shadow, general: shadow },
  })
  home = `http://localhost:${new URL(server.url).port}`
  pool = workerPool(server)
  tenantId = (await findTenant(pool, 'demo'))?.id ?? ''
  browser = await startBrowser()
})
afterAll(async () => {
  await browser?.close()
  await pool?.end()
  await server?.remove()
})
beforeEach((test) => test.skip(chromiumPath === undefined, noBrowser))

const contexts: BrowserContext[] = []
const complaints: string[] = []
afterEach(async () => {
  expect(complaints.splice(0)).toEqual([])
  await Promise.all(contexts.splice(0).map((context) => context.close()))
})

const password = 'seven purple candles'
let people = 0

async function createPerson(): Promise<string> {
  people += 1
  const email = `person-${people}@example.org`
  const passwordHash = await createPasswordHasher().hash(password)
  const made = { tenantId, email, locale: 'en', emailVerifiedAt: new Date(), passwordHash } as const
  await inTenant(pool, tenantId, (tx) => insertUser(tx, made))
  return email
}

interface Visit {
  readonly page: Page
  readonly devices: CDPSession
  readonly authenticatorId: string
}

/** A browser of its own with an authenticator that verifies whoever asks. */
async function visit(locale = 'en-GB'): Promise<Visit> {
  const context = await browser.newContext({ locale })
  contexts.push(context)
  const page = await context.newPage()
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    const isRefusal = message.text().includes('the server responded with')
    if (message.type() === 'error' && !isRefusal) complaints.push(message.text())
  })
  const devices = await context.newCDPSession(page)
  await devices.send('WebAuthn.enable')
  const { authenticatorId } = await devices.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  return { page, devices, authenticatorId }
}

async function signIn({ page }: Visit, email: string): Promise<void> {
  await page.goto(`${home}/account/sign-in`)
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('heading', { name: 'Your passkeys' }).waitFor()
  await page.getByRole('button', { name: 'Add a passkey' }).waitFor()
}

async function addPasskey({ page }: Visit, label: string): Promise<void> {
  await page.getByLabel('Name of the new passkey').fill(label)
  await page.getByRole('button', { name: 'Add a passkey' }).click()
  await page.getByRole('status').filter({ hasText: 'is added' }).waitFor()
}

async function signOut({ page }: Visit): Promise<void> {
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
}

async function usePasskey({ page }: Visit): Promise<void> {
  await page.getByRole('button', { name: 'Use a passkey' }).click()
}

/** What a page does with a passkey, in its own language: the types of tests know no browser. */
const showIn = `async (asked) => {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked)
  return (await navigator.credentials.get({ publicKey })).toJSON()
}`

interface Answer {
  readonly status: number
  readonly code?: string
}

async function post(
  path: string,
  body: object,
): Promise<{ readonly status: number; readonly content: Partial<Answer> }> {
  const answer = await fetch(`${server.url}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const content = (await answer.json()) as Partial<Answer>
  return { status: answer.status, content }
}

/** Signs in from the page that a browser is on, and asks it for something else than the server did. */
async function signInFrom(page: Page, change: object = {}): Promise<Answer> {
  const { content } = await post('/passkeys/authentication/options', {})
  const credential = await page.evaluate(`(${showIn})(${JSON.stringify({ ...content, ...change })})`)
  const { status, content: answer } = await post('/passkeys/authentication', { credential })
  return { status, ...(answer.code !== undefined && { code: answer.code }) }
}

describe('the pages to sign in on', () => {
  it('add a passkey, sign in with it and nothing else, and remove it', async () => {
    const visitor = await visit()
    const { page } = visitor
    await signIn(visitor, await createPerson())
    expect(await page.getByRole('listitem').textContent()).toBe('You have no passkey yet.')
    await addPasskey(visitor, 'Blue key')
    expect(await page.getByRole('listitem').textContent()).toContain('Blue key')
    await signOut(visitor)
    await usePasskey(visitor)
    await page.getByText('last used').waitFor()
    // No script reads what signs the person in.
    expect(await page.evaluate('document.cookie')).toBe('')
    await page.getByRole('button', { name: 'Remove: Blue key' }).click()
    await page.getByRole('status').filter({ hasText: 'is removed' }).waitFor()
    await signOut(visitor)
    await usePasskey(visitor)
    await page.getByRole('alert').filter({ hasText: 'does not sign you in' }).waitFor()
  })

  it('ask for a fresh proof where one is due, and take the passkey as one', async () => {
    const visitor = await visit()
    const { page } = visitor
    const email = await createPerson()
    await signIn(visitor, email)
    await addPasskey(visitor, 'Blue key')
    await inTenant(pool, tenantId, (tx) =>
      tx
        .updateTable('session')
        .set({ auth_time: new Date(Date.now() - 11 * 60_000) })
        .execute(),
    )
    await page.getByRole('button', { name: 'Remove: Blue key' }).click()
    await page.getByRole('button', { name: 'Confirm with a passkey' }).click()
    await page.getByRole('status').filter({ hasText: 'Confirmed' }).waitFor()
    await page.getByRole('button', { name: 'Remove: Blue key' }).click()
    await page.getByRole('status').filter({ hasText: 'is removed' }).waitFor()
  })

  it('make no second passkey on a device that has one', async () => {
    const visitor = await visit()
    const { page } = visitor
    await signIn(visitor, await createPerson())
    await addPasskey(visitor, 'Blue key')
    await page.getByRole('button', { name: 'Add a passkey' }).click()
    await page.getByRole('alert').waitFor()
    expect(await page.getByRole('listitem').count()).toBe(1)
  })

  it('speak French, and send who is not signed in to sign in', async () => {
    const { page } = await visit('fr-FR')
    await page.goto(`${home}/account/passkeys`)
    await page.getByRole('link', { name: 'Se reconnecter' }).click()
    await page.getByRole('heading', { name: 'Connexion' }).waitFor()
    expect(await page.getByRole('button', { name: 'Utiliser une clé d’accès' }).isVisible()).toBe(true)
  })

  it('may not be framed, and load nothing from elsewhere', async () => {
    for (const path of ['sign-in', 'passkeys']) {
      const answer = await fetch(`${server.url}/account/${path}`)
      expect(answer.status, path).toBe(200)
      expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
      expect(await answer.text()).not.toMatch(/(?:src|href)="https?:/)
    }
  })
})

describe('a browser that does what an attacker wants', () => {
  it('is refused a passkey whose device did not verify the person', async () => {
    const visitor = await visit()
    const { page, devices, authenticatorId } = visitor
    await signIn(visitor, await createPerson())
    await addPasskey(visitor, 'Blue key')
    await signOut(visitor)
    await devices.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false })
    // Chromium itself gives none where one is asked for that verifies.
    await usePasskey(visitor)
    await page.getByRole('alert').filter({ hasText: 'No passkey was used' }).waitFor()
    const lax = { userVerification: 'discouraged' }
    expect(await signInFrom(page, lax)).toEqual({ status: 401, code: 'passkey-refused' })
    await devices.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true })
    expect((await signInFrom(page)).status).toBe(200)
  })

  it('is refused a copy, and from then on the original', async () => {
    const visitor = await visit()
    const { page, devices, authenticatorId } = visitor
    await signIn(visitor, await createPerson())
    await addPasskey(visitor, 'Blue key')
    await signOut(visitor)
    const [stolen] = (await devices.send('WebAuthn.getCredentials', { authenticatorId })).credentials
    expect((await signInFrom(page)).status).toBe(200)
    expect((await signInFrom(page)).status).toBe(200)
    const thief = await visit()
    await thief.page.goto(`${home}/account/sign-in`)
    if (stolen === undefined) throw new Error('there is no passkey to steal')
    await thief.devices.send('WebAuthn.addCredential', {
      authenticatorId: thief.authenticatorId,
      credential: stolen,
    })
    expect(await signInFrom(thief.page)).toEqual({ status: 401, code: 'passkey-refused' })
    expect(await signInFrom(page)).toEqual({ status: 401, code: 'passkey-refused' })
  })

  it('is refused what it signed on a page of another origin of the same host', async () => {
    const visitor = await visit()
    const { page } = visitor
    await signIn(visitor, await createPerson())
    await addPasskey(visitor, 'Blue key')
    await signOut(visitor)
    await page.route('http://localhost:9999/**', (route) =>
      route.fulfill({ contentType: 'text/html', body: '<!doctype html><link rel="icon" href="data:,"><p>free prizes' }),
    )
    await page.goto('http://localhost:9999/')
    expect(await signInFrom(page)).toEqual({ status: 401, code: 'passkey-refused' })
  })
})
