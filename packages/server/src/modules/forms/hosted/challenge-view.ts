import type { ProofChallenge } from '@rempart/guard'
import type { Locale } from '../../../core/locale.ts'
import { html, type Markup } from '../../../core/pages/html.ts'
import { attributesOf } from './field-view.ts'
import type { AssetUrls } from './page.ts'
import { pageWords } from './words.ts'

/** Work that the visitor's browser has to do before the server goes on. */
export interface ChallengeView {
  readonly challenge: ProofChallenge
  /** Whether the page goes on by itself once it is done. */
  readonly goesOn: boolean
}

/** The files of a page that shows a challenge. */
export function challengeHead({ challenge }: AssetUrls, locale: Locale): Markup {
  return html`<link rel="stylesheet" href="${challenge.style}">
<script type="module" src="${challenge.widget}"></script>
${locale === 'fr' ? html`<script type="module" src="${challenge.french}"></script>` : undefined}
<script type="module" src="${challenge.script}"></script>`
}

/** Where the widget takes the place of what is said to a browser without a script. */
export function challengePlace(view: ChallengeView, assets: AssetUrls, locale: Locale): Markup {
  const attributes = attributesOf({
    class: 'challenge',
    'data-challenge': JSON.stringify(view.challenge),
    'data-worker': assets.challenge.worker,
    'data-language': locale === 'fr' ? 'fr-fr' : 'en',
    'data-auto': view.goesOn,
  })
  return html`<div${attributes}><p>${pageWords[locale].needsScript}</p></div>`
}
