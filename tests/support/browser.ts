import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

/** The Chromium of this machine, or the one `REMPART_TEST_CHROMIUM` names; undefined when there is none. */
export const chromiumPath: string | undefined = [
  process.env['REMPART_TEST_CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path !== undefined && existsSync(path))

/** Why a test that needs a browser is skipped. */
export const noBrowser = 'no Chromium (apt-get install chromium, or set REMPART_TEST_CHROMIUM)'

/** Starts the browser, which talks to this machine alone. */
export function startBrowser(): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error(noBrowser)
  return chromium.launch({
    executablePath: chromiumPath,
    args: [
      // The tests may run as root, which has no sandbox to enter.
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      '--no-first-run',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
    ],
  })
}
