import { readFileSync } from 'node:fs'
import { type ConstantText, constantText } from '../../core/answer/constant-text.ts'
import type { App } from '../../core/fastify.ts'
import type { Locale } from '../../core/locale.ts'
import { pageStyle } from '../../core/pages/style.ts'
import { accountPage } from './page.ts'
import { sessionPage } from './session-page.ts'
import type { SessionPage } from './session-words.ts'
import { accountPages } from './words.ts'

const sessionPages: readonly SessionPage[] = ['sign-in', 'passkeys']

/**
 * Pages for installations whose application has none of its own yet. Those that links in mails lead to hold no session:
 * each does the one thing its link is for, and nothing of a link reaches the server before its owner presses the button.
 * The others sign in with cookies. Every page is the same for everybody; what is somebody's own comes over the API.
 */
export function accountRoutes(app: App): void {
  const style = constantText('text/css; charset=utf-8', pageStyle(new URL('./assets/account.css', import.meta.url)))
  const scriptOf = (file: URL): ConstantText =>
    constantText('text/javascript; charset=utf-8', readFileSync(file, 'utf8'))
  const config = (undocumented: string) =>
    ({ schema: { hide: true }, config: { access: 'none', headers: 'docs', undocumented } }) as const
  const urls = { style: '/account/style.css', script: '/account/script.js' }
  const sessionUrls = { style: urls.style, script: '/account/session.js' }
  const assets = [
    [urls.style, style, 'the style of the pages of accounts'],
    [
      urls.script,
      scriptOf(new URL('./assets/account.js', import.meta.url)),
      'the script of the pages that mails lead to',
    ],
    [
      sessionUrls.script,
      scriptOf(new URL('./assets/session.js', import.meta.url)),
      'the script of the pages to sign in on',
    ],
  ] as const

  for (const [url, text, what] of assets) {
    app.get(url, config(what), (request, reply) => text.send(request, reply, 'no-cache'))
  }
  const addPage = (page: string, inLocale: (locale: Locale) => string): void => {
    const texts = {
      en: constantText('text/html; charset=utf-8', inLocale('en')),
      fr: constantText('text/html; charset=utf-8', inLocale('fr')),
    }
    app.get(`/account/${page}`, config('a page for people'), (request, reply) => {
      reply.header('vary', 'accept-language, accept-encoding')
      return texts[request.locale].send(request, reply, 'no-cache')
    })
  }
  for (const page of accountPages) addPage(page, (locale) => accountPage(page, locale, urls))
  for (const page of sessionPages) addPage(page, (locale) => sessionPage(page, locale, sessionUrls))
}
