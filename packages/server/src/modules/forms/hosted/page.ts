import type { Locale } from '../../../core/locale.ts'
import { html, type Markup } from '../../../core/pages/html.ts'
import { assetLinks, type PageAssets, pageText } from '../../../core/pages/page.ts'

/** Where a page's own files are. */
export interface AssetUrls extends PageAssets {
  /** Of the pages that show a challenge. */
  readonly challenge: {
    readonly style: string
    readonly widget: string
    readonly worker: string
    readonly french: string
    readonly script: string
  }
}

/** The frame of every hosted page. */
export function hostedPage(
  page: {
    readonly locale: Locale
    readonly title: string
    /** The browser asked for it to show in a frame. */
    readonly isFramed: boolean
    /** More files of its own. */
    readonly head?: Markup | undefined
    readonly content: Markup
  },
  assets: AssetUrls,
): string {
  return pageText({
    locale: page.locale,
    title: page.title,
    root: page.isFramed ? html` class="framed"` : undefined,
    isPublic: true,
    head: html`${assetLinks(assets)}
${page.head}`,
    body: html`<main>
${page.content}
</main>`,
  })
}

/** A page that says one thing. */
export function noticeContent(
  notice: { readonly title: string; readonly text: string; readonly more?: string | undefined },
  options: {
    /** Whose page it is, and of what. */
    readonly owner?: string
    readonly link?: { readonly href: string; readonly text: string } | undefined
    readonly challenge?: Markup | undefined
  } = {},
): Markup {
  const { owner, link, challenge } = options
  return html`${owner && html`<p class="owner">${owner}</p>`}
<h1>${notice.title}</h1>
<p>${notice.text}</p>
${notice.more && html`<p class="more">${notice.more}</p>`}
${challenge}
${link && html`<p><a href="${link.href}">${link.text}</a></p>`}`
}
