import type { Locale } from '../../core/locale.ts'
import { html, type Markup } from '../../core/pages/html.ts'
import { assetLinks, type PageAssets, pageText } from '../../core/pages/page.ts'
import { type SessionPage, type SessionWords, sessionWords } from './session-words.ts'

/** A page to sign in on, or of who is signed in. What it shows of a person comes by its script, from the API. */
export function sessionPage(page: SessionPage, locale: Locale, assets: PageAssets): string {
  const words = sessionWords[locale][page]
  return pageText({
    locale,
    title: words.title,
    head: assetLinks(assets),
    body: html`<main data-page="${page}" data-said="${JSON.stringify(words.said)}">
<h1>${words.title}</h1>
<p class="lead">${words.text}</p>
<noscript><p class="fault">${words.noScript}</p></noscript>
<p class="fault" role="alert" hidden></p>
<p class="done" role="status" hidden></p>
${page === 'sign-in' ? signInOf(words) : passkeysOf(words)}
</main>`,
  })
}

const signInOf = (words: SessionWords): Markup => html`<form method="post">
${field('email', words.email, { type: 'email', autocomplete: 'username webauthn' })}
${field('password', words.password, { type: 'password', autocomplete: 'current-password' })}
${field('code', words.code, { type: 'text', autocomplete: 'one-time-code', isOnDemand: true })}
<button type="submit">${words.signIn}</button>
<button type="button" class="second" id="use-passkey">${words.usePasskey}</button>
</form>
<p><a href="/account/forgot">${words.forgot}</a></p>`

const passkeysOf = (words: SessionWords): Markup => html`<ul class="items"></ul>
<form method="post" hidden>
${field('label', words.label, { type: 'text', autocomplete: 'off', isOptional: true })}
<button type="submit">${words.add}</button>
<button type="button" class="second" id="confirm" hidden>${words.confirm}</button>
<button type="button" class="second" id="sign-out">${words.signOut}</button>
</form>
<p id="again" hidden><a href="/account/sign-in">${words.again}</a></p>`

function field(
  name: string,
  label: string,
  input: {
    readonly type: string
    readonly autocomplete: string
    readonly isOnDemand?: boolean
    readonly isOptional?: boolean
  },
): Markup {
  const place = input.isOnDemand ? html` hidden` : undefined
  const state = input.isOnDemand ? html` disabled` : undefined
  const duty = input.isOptional ? undefined : html` required`
  return html`<p class="field"${place}>
<label for="${name}">${label}</label>
<input id="${name}" name="${name}" type="${input.type}" autocomplete="${input.autocomplete}" maxlength="254"${duty}${state}>
</p>`
}
