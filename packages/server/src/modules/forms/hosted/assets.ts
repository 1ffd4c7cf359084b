import { readFileSync } from 'node:fs'
import { type ConstantText, constantText } from '../../../core/constant-text.ts'
import type { App } from '../../../core/fastify.ts'
import type { AssetUrls } from './page.ts'

/** No form can have this slug. */
const directory = '/f/_'

interface Asset {
  readonly name: string
  readonly ending: string
  readonly content: ConstantText
}

const types = { css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8' } as const

/**
 * Serves the files of the hosted pages, each under a name with its hash, so that browsers keep it for a year, and the
 * script that other sites embed a form with, under a name that stays.
 */
export function assetRoutes(app: App): AssetUrls {
  const style = readAsset(new URL('./assets/form.css', import.meta.url))
  const script = readAsset(new URL('./assets/form.js', import.meta.url))
  const embed = readAsset(new URL('./assets/embed.js', import.meta.url))
  const urlOf = (asset: Asset): string => `${directory}/${fileOf(asset)}`
  const config = (undocumented: string) =>
    ({ schema: { hide: true }, config: { access: 'none', headers: 'form', undocumented } }) as const

  for (const asset of [style, script]) {
    // During a rolling restart a page of the next release asks this one for its files: better ours than none.
    app.get<{ Params: { hash: string } }>(
      `${directory}/${asset.name}-:hash.${asset.ending}`,
      config('a file of the hosted forms'),
      (request, reply) =>
        asset.content.send(
          request,
          reply,
          request.params.hash === asset.content.hash ? 'public, max-age=31536000, immutable' : 'no-store',
        ),
    )
  }
  app.get('/f/embed.js', config('the script that embeds a hosted form'), (request, reply) =>
    embed.content.send(request, reply, 'public, max-age=3600'),
  )
  return { style: urlOf(style), script: urlOf(script) }
}

const fileOf = ({ name, ending, content }: Asset): string => `${name}-${content.hash}.${ending}`

function readAsset(file: URL): Asset {
  const [name = '', ending = ''] = file.pathname.slice(file.pathname.lastIndexOf('/') + 1).split('.')
  return { name, ending, content: constantText(types[ending === 'css' ? 'css' : 'js'], readFileSync(file, 'utf8')) }
}
