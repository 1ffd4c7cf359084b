import type { Locale } from '../../core/locale.ts'
import { html, Markup } from '../../core/pages/html.ts'
import { pageText } from '../../core/pages/page.ts'
import { pageStyle } from '../../core/pages/style.ts'
import type { ExportedValue, ExportSection } from '../../core/privacy/export.ts'
import type { Export } from './service.ts'

const style = new Markup(pageStyle(new URL('./assets/export.css', import.meta.url)))

const words = {
  en: {
    title: 'Your personal data',
    lead: 'Everything that is stored about you, for what, and for how long.',
    from: 'From',
    at: 'Written',
    account: 'Account',
    contents: 'Contents',
    kept: 'Kept',
    nothing: 'Nothing is stored about you.',
    cut: 'There is more: these are the newest.',
    yes: 'yes',
    no: 'no',
    names: { address: 'Address', userAgent: 'User-Agent', email: 'E-mail address', name: 'Name' },
  },
  fr: {
    title: 'Vos données personnelles',
    lead: 'Tout ce qui est enregistré sur vous, pourquoi et pour combien de temps.',
    from: 'De',
    at: 'Établi le',
    account: 'Compte',
    contents: 'Sommaire',
    kept: 'Conservation',
    nothing: 'Rien n’est enregistré sur vous.',
    cut: 'Il y en a davantage : voici les plus récents.',
    yes: 'oui',
    no: 'non',
    names: { address: 'Adresse', userAgent: 'Navigateur', email: 'Adresse électronique', name: 'Nom' },
  },
} as const satisfies Record<Locale, unknown>

/** How values read: in a language, and in the time zone of the tenant. */
interface Reading {
  readonly locale: Locale
  readonly timeZone: string
}

/** An export as one page that needs no script, no network and no other file. */
export function exportPage(
  { exportedAt, userId, sections }: Export,
  tenant: { readonly name: string; readonly timeZone: string },
  locale: Locale,
): string {
  const say = words[locale]
  const reading = { locale, timeZone: tenant.timeZone }
  return pageText({
    locale,
    title: `${say.title} – ${tenant.name}`,
    head: html`<meta name="referrer" content="no-referrer">
<style>${style}</style>`,
    body: html`<main>
<h1>${say.title}</h1>
<p class="lead">${say.lead}</p>
<dl>
<dt>${say.from}</dt><dd>${tenant.name}</dd>
<dt>${say.at}</dt><dd>${instantOf(exportedAt.toISOString(), reading)}</dd>
${userId === null ? undefined : html`<dt>${say.account}</dt><dd><code>${userId}</code></dd>`}
</dl>
${
  sections.length === 0
    ? html`<p>${say.nothing}</p>`
    : html`<nav aria-label="${say.contents}"><ul>
${sections.map(({ table, title, rows }) => html`<li><a href="#${table}">${title[locale]}</a> <small>${rows.length}</small></li>\n`)}</ul></nav>`
}
${sections.map((section) => sectionOf(section, reading))}
</main>`,
  })
}

function sectionOf({ table, title, purpose, retention, rows, isCut }: ExportSection, reading: Reading): Markup {
  const { locale } = reading
  const say = words[locale]
  const [first, ...others] = rows
  return html`<section id="${table}">
<h2>${title[locale]}</h2>
<p class="about">${purpose[locale]} ${say.kept}${locale === 'fr' ? ' :' : ':'} ${retention[locale]}</p>
${isCut ? html`<p class="about">${say.cut}</p>` : undefined}
${first === undefined ? undefined : others.length === 0 ? listOf(first, reading) : tableOf(rows, first, title[locale], reading)}
</section>
`
}

const listOf = (row: readonly ExportedValue[], reading: Reading): Markup =>
  html`<dl>
${row.map(({ label, value }) => html`<dt>${label[reading.locale]}</dt><dd>${shownValue(value, reading)}</dd>\n`)}</dl>`

const tableOf = (
  rows: readonly (readonly ExportedValue[])[],
  head: readonly ExportedValue[],
  name: string,
  reading: Reading,
): Markup => html`<div class="wide" role="region" aria-label="${name}" tabindex="0"><table>
<thead><tr>${head.map(({ label }) => html`<th scope="col">${label[reading.locale]}</th>`)}</tr></thead>
<tbody>
${rows.map((row) => html`<tr>${row.map(({ value }) => html`<td>${shownValue(value, reading)}</td>`)}</tr>\n`)}</tbody>
</table></div>`

function shownValue(value: unknown, reading: Reading): Markup | string {
  const { yes, no, names } = words[reading.locale]
  if (value === null || value === undefined || value === '') return '–'
  if (typeof value === 'boolean') return value ? yes : no
  if (typeof value === 'string') return /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) ? instantOf(value, reading) : value
  if (typeof value !== 'object') return String(value)
  if (Array.isArray(value))
    return html`${value.map((each, index) => [index === 0 ? '' : ', ', shownValue(each, reading)])}`
  const named: Readonly<Record<string, string>> = names
  const members = Object.entries(value)
  if (members.length === 0) return '–'
  return html`<dl class="inner">${members.map(
    ([name, each]) => html`<dt>${named[name] ?? name}</dt><dd>${shownValue(each, reading)}</dd>`,
  )}</dl>`
}

function instantOf(instant: string, { locale, timeZone }: Reading): Markup {
  const text = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', timeZone }).format(
    new Date(instant),
  )
  return html`<time datetime="${instant}">${text}</time>`
}
