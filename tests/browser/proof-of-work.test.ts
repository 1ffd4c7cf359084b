import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { chromiumPath, noBrowser, startBrowser } from '../support/browser.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { type StaticSite, startStaticSite } from '../support/static-site.ts'

let browser: Browser
let server: ServerProcess
let site: StaticSite
beforeAll(async () => {
  if (chromiumPath === undefined) return
  site = await startStaticSite()
  // The browser of the tests says that nobody sits in front of it, so the rule has somebody to ask.
  const bots = { kind: 'signal', sources: ['userAgent'], challenge: 60 }
  server = await startServerProcess({
    env: { REMPART_ALLOWED_ORIGINS: site.origin },
    policies: { 'contact.submit': { rules: { bots, burst: 'off' } } },
  })
  browser = await startBrowser()
})
afterAll(async () => {
  await browser?.close()
  await Promise.all([server?.remove(), site?.close()])
})
beforeEach((test) => test.skip(chromiumPath === undefined, noBrowser))

/** What a page does that meets a challenge: it gives the widget what it was answered, and sends the request again. */
const pageScript = `
  const send = (url, headers = {}) =>
    fetch(url + '/api/v1/contact', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ name: 'Ada', email: 'ada@example.org', message: 'Hello' }),
    })
  globalThis.sendWithProof = async (url) => {
    const refused = await send(url)
    const { challenge, code } = await refused.json()
    const widget = document.querySelector('altcha-widget')
    await widget.configure({ challenge: JSON.stringify(challenge) })
    const { payload } = await widget.verify()
    const proof = { 'rempart-proof': payload }
    return [refused.status, code, (await send(url, proof)).status, (await send(url, proof)).status]
  }`

/** The published widget, as a page of somebody else includes it. */
function widgetPage(): string {
  const script = readFileSync(
    createRequire(import.meta.url)
      .resolve('altcha')
      .replace(/\.umd\.cjs$/, '.js'),
    'utf8',
  )
  return `<!doctype html><meta charset="utf-8"><title>Contact</title>
    <form><altcha-widget></altcha-widget></form>
    <script type="module">${script.replaceAll('</script', '<\\/script')}</script>
    <script type="module">${pageScript}</script>`
}

describe('a challenge', () => {
  it('is solved by the ALTCHA widget on another site, and its proof admits one request', async () => {
    site.pages.set('/', widgetPage())
    const page = await browser.newPage()
    await page.goto(site.origin)
    await page.waitForFunction('customElements.get("altcha-widget") && globalThis.sendWithProof')
    const answers = await page.evaluate(`sendWithProof(${JSON.stringify(server.url)})`)
    expect(answers).toEqual([403, 'challenge-required', 201, 403])
    await page.close()
  })
})
