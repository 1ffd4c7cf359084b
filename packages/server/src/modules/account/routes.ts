import { readFileSync } from 'node:fs'
import { constantText } from '../../core/constant-text.ts'
import type { App } from '../../core/fastify.ts'
import type { Locale } from '../../core/locale.ts'
import { pageStyle } from '../../core/page-style.ts'
import { accountPage } from './page.ts'
import { accountPages } from './words.ts'

/**
 * Pages for the links in mails, for installations whose application has none of its own yet. They hold no session: each
 * does the one thing its link is for. Nothing of a link reaches the server before its owner presses the button.
 */
export function accountRoutes(app: App): void {
  const style = constantText('text/css; charset=utf-8', pageStyle(new URL('./assets/account.css', import.meta.url)))
  const source = readFileSync(new URL('./assets/account.js', import.meta.url), 'utf8')
  const script = constantText('text/javascript; charset=utf-8', source)
  const config = (undocumented: string) =>
    ({ schema: { hide: true }, config: { access: 'none', headers: 'docs', undocumented } }) as const
  const urls = { style: '/account/style.css', script: '/account/script.js' }

  app.get(urls.style, config('the style of the pages of accounts'), (request, reply) =>
    style.send(request, reply, 'no-cache'),
  )
  app.get(urls.script, config('the script of the pages of accounts'), (request, reply) =>
    script.send(request, reply, 'no-cache'),
  )
  for (const page of accountPages) {
    const inLocale = (locale: Locale) => constantText('text/html; charset=utf-8', accountPage(page, locale, urls))
    const texts = { en: inLocale('en'), fr: inLocale('fr') }
    app.get(`/account/${page}`, config('a page for people'), (request, reply) => {
      reply.header('vary', 'accept-language, accept-encoding')
      return texts[request.locale].send(request, reply, 'no-cache')
    })
  }
}
