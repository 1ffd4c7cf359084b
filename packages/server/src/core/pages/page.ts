import type { Locale } from '../locale.ts'
import { html, type Markup } from './html.ts'

/** Where a page's own files are. */
export interface PageAssets {
  readonly style: string
  readonly script: string
}

/** What a page's head says of them. */
export const assetLinks = ({ style, script }: PageAssets): Markup =>
  html`<link rel="stylesheet" href="${style}">
<script type="module" src="${script}"></script>`

/** A page that people see. */
export interface Page {
  readonly locale: Locale
  readonly title: string
  /** Its styles and scripts. */
  readonly head: Markup
  readonly body: Markup
  /** Attributes of the root element. */
  readonly root?: Markup | undefined
  /** Whether search engines may show it: no, unless a page says so. */
  readonly isPublic?: boolean
}

/** A page as it is sent, in the colours of day or night that its reader prefers. */
export function pageText({ locale, title, head, body, root, isPublic = false }: Page): string {
  return html`<!doctype html>
<html lang="${locale}"${root}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${isPublic ? undefined : html`<meta name="robots" content="noindex">\n`}<title>${title}</title>
<link rel="icon" href="data:,">
${head}
</head>
<body>
${body}
</body>
</html>
`.text
}
