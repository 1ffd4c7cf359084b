import { readFileSync } from 'node:fs'
import { type ConstantText, constantText } from '../../../core/answer/constant-text.ts'
import type { App } from '../../../core/fastify.ts'
import { pageStyle } from '../../../core/pages/style.ts'
import type { AssetUrls } from './page.ts'

/** No form can have this slug. */
const directory = '/f/_'

const types = { css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8' } as const

/**
 * Serves the files of the hosted pages, each under a name with its hash, so that browsers keep it for a year, and the
 * script that other sites embed a form with, under a name that stays. The ALTCHA widget comes from its package, in the
 * parts that a strict content security policy can do with.
 */
export function assetRoutes(app: App): AssetUrls {
  const config = (undocumented: string) =>
    ({ schema: { hide: true }, config: { access: 'none', headers: 'form', undocumented } }) as const

  function serve(name: string, file: URL, text = readFileSync(file, 'utf8')): string {
    const { content, ending } = prepare(file, text)
    // During a rolling restart a page of the next release asks this one for its files: better ours than none.
    app.get<{ Params: { hash: string } }>(
      `${directory}/${name}-:hash.${ending}`,
      config('a file of the hosted forms'),
      (request, reply) => {
        const isThis = request.params.hash === content.hash
        return content.send(request, reply, isThis ? 'public, max-age=31536000, immutable' : 'no-store')
      },
    )
    return `${directory}/${name}-${content.hash}.${ending}`
  }

  const embedding = new URL('./assets/embed.js', import.meta.url)
  const embed = prepare(embedding, readFileSync(embedding, 'utf8')).content
  app.get('/f/embed.js', config('the script that embeds a hosted form'), (request, reply) =>
    embed.send(request, reply, 'public, max-age=3600'),
  )
  const altcha = (file: string): URL => new URL(`../${file}`, import.meta.resolve('altcha/external'))
  const ownStyle = new URL('./assets/form.css', import.meta.url)
  return {
    style: serve('form', ownStyle, pageStyle(ownStyle)),
    script: serve('form', new URL('./assets/form.js', import.meta.url)),
    challenge: {
      style: serve('altcha', altcha('external/altcha.css')),
      widget: serve('altcha', altcha('external/altcha.min.js')),
      worker: serve('pbkdf2', altcha('workers/pbkdf2.js')),
      french: serve('altcha-fr', altcha('i18n/fr-fr.js')),
      script: serve('challenge', new URL('./assets/challenge.js', import.meta.url)),
    },
  }
}

function prepare(file: URL, text: string): { readonly content: ConstantText; readonly ending: 'css' | 'js' } {
  const ending = file.pathname.endsWith('.css') ? 'css' : 'js'
  return { ending, content: constantText(types[ending], text) }
}
