import { readConfig } from '@rempart/server'
import { withTenantContext } from '../operator.ts'
import { note } from '../terminal.ts'
import { language, words } from '../words.ts'
import { requireForm } from './find-form.ts'

export interface EmbedOptions {
  readonly tenant?: string
  readonly iframe?: true
}

/** Prints the line that shows a form in the page of a website, and says which sites may show it. */
export function embedForm(named: string, chosen: EmbedOptions): Promise<void> {
  return withTenantContext(chosen.tenant, async (context) => {
    const { publicUrl, defaultTenant, allowedOrigins } = await readConfig()
    const { tenant } = context
    const { slug, definition } = await requireForm(context, named)
    const { title } = definition
    const shown = {
      slug,
      // The default tenant is the one that an address without a name means.
      tenant: tenant.slug === defaultTenant ? undefined : tenant.slug,
      title: title[language] ?? title.en ?? title.fr ?? slug,
    }
    console.log(chosen.iframe ? iframeLine(publicUrl, shown) : scriptLine(publicUrl, shown))
    const sites = [...new Set([...allowedOrigins, ...tenant.allowedOrigins])]
    note(sites.length === 0 ? words.embedNowhere : words.embedOn(sites.join(', ')))
  })
}

interface Shown {
  readonly slug: string
  readonly tenant: string | undefined
  readonly title: string
}

function scriptLine(publicUrl: string, { slug, tenant, title }: Shown): string {
  const ofTenant = tenant === undefined ? '' : ` data-tenant="${quoted(tenant)}"`
  return `<script src="${quoted(publicUrl)}/f/embed.js" data-form="${quoted(slug)}"${ofTenant} data-title="${quoted(title)}" async></script>`
}

function iframeLine(publicUrl: string, { slug, tenant, title }: Shown): string {
  const query = tenant === undefined ? '' : `?tenant=${encodeURIComponent(tenant)}`
  return `<iframe src="${quoted(publicUrl)}/f/${quoted(slug)}${query}" title="${quoted(title)}" style="width: 100%; height: 60rem; border: 0"></iframe>`
}

const quoted = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')
