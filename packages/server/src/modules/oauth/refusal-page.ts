import type { ProblemPage } from '../../core/answer/problem-page.ts'
import type { Locale } from '../../core/locale.ts'
import { html } from '../../core/pages/html.ts'
import { pageText } from '../../core/pages/page.ts'
import { type ProblemType, problemTypes } from '../../core/problem-catalogue.ts'

/**
 * Shows a refusal to the person whom a provider sends back: a browser that asks for a page gets one, everything else
 * problem+json. It repeats nothing of the address, which the provider or a stranger wrote.
 */
export const oauthRefusalPage: ProblemPage = async (request, reply, { code, options }) => {
  reply.header('vary', 'accept, accept-language')
  if (!asksForPage(request.headers.accept)) return undefined
  const { locale } = request
  const { title, detail }: ProblemType = problemTypes[code]
  const text = detail?.[locale].replaceAll(/\{(\w+)\}/g, (_, name: string) => options.parameters?.[name] ?? '')
  return { text: pageOf(locale, title[locale], text, request.id), locale }
}

/** A browser names the type when it goes somewhere; a script that takes anything does not. */
const asksForPage = (accept: string | undefined): boolean =>
  /(?:^|,)\s*text\/html\s*(?:;(?!\s*q=0(?:\.0*)?\s*(?:,|$))[^,]*)?(?:,|$)/i.test(accept ?? '')

const words = {
  en: { again: 'Go back to where you wanted to sign in, and start again.', reference: 'Reference' },
  fr: { again: 'Retournez là où vous vouliez vous connecter, et recommencez.', reference: 'Référence' },
} as const

function pageOf(locale: Locale, title: string, detail: string | undefined, requestId: string): string {
  const { again, reference } = words[locale]
  return pageText({
    locale,
    title,
    head: html`<link rel="stylesheet" href="/account/style.css">`,
    body: html`<main>
<h1>${title}</h1>
${detail && html`<p class="lead">${detail}</p>`}
<p>${again}</p>
<p>${reference}${locale === 'fr' ? ' :' : ':'} <code>${requestId}</code></p>
</main>`,
  })
}
