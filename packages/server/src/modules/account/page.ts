import type { Locale } from '../../core/locale.ts'
import { html, type Markup } from '../../core/pages/html.ts'
import { assetLinks, type PageAssets, pageText } from '../../core/pages/page.ts'
import { type AccountPage, commonWords, pageWords } from './words.ts'

/** What a page asks for, and where its script sends it. */
const forms: Readonly<
  Record<
    Exclude<AccountPage, 'security'>,
    {
      readonly api: string
      readonly fields: readonly FieldName[]
      /** Shown once the answer asks for it. */
      readonly onDemand?: FieldName
    }
  >
> = {
  verify: { api: '/api/v1/auth/verify-email', fields: ['password'] },
  reset: { api: '/api/v1/password-reset/confirm', fields: ['newPassword'] },
  // The link of a first owner names nobody.
  invite: { api: '/api/v1/invitations/accept', fields: ['name', 'newPassword'], onDemand: 'email' },
  forgot: { api: '/api/v1/password-reset/request', fields: ['email'] },
  'change-email': { api: '/api/v1/users/me/email/confirm', fields: [] },
  'return-email': { api: '/api/v1/users/me/email/return', fields: [] },
  'end-sessions': { api: '/api/v1/sessions/end', fields: [] },
  'reset-factor': { api: '/api/v1/mfa/reset/confirm', fields: [] },
  'keep-factor': { api: '/api/v1/mfa/reset/cancel', fields: [] },
}

/** Pages of somebody who may have to choose another password as well: they say so, before and after. */
const leadsToPassword: readonly AccountPage[] = ['end-sessions', 'keep-factor']

type FieldName = 'email' | 'name' | 'password' | 'newPassword'

const inputs: Readonly<
  Record<FieldName, { readonly name: string; readonly type: string; readonly autocomplete: string }>
> = {
  email: { name: 'email', type: 'email', autocomplete: 'email' },
  name: { name: 'name', type: 'text', autocomplete: 'name' },
  password: { name: 'password', type: 'password', autocomplete: 'current-password' },
  newPassword: { name: 'password', type: 'password', autocomplete: 'new-password' },
}

/** A page of accounts. The token of its link stands in the fragment, which the page's own script reads. */
export function accountPage(page: AccountPage, locale: Locale, assets: PageAssets): string {
  const { title, text, submit, done } = pageWords[locale][page]
  const content =
    page === 'security' ? linkTo(commonWords[locale].forgot) : formOf(page, locale, submit ?? '', done ?? '')
  return pageText({
    locale,
    title,
    head: assetLinks(assets),
    body: html`<main>
<h1>${title}</h1>
<p class="lead">${text}</p>
${content}
</main>`,
  })
}

const linkTo = (text: string): Markup => html`<p><a href="/account/forgot">${text}</a></p>`

function formOf(page: Exclude<AccountPage, 'security'>, locale: Locale, submit: string, done: string): Markup {
  const words = commonWords[locale]
  const { api, fields, onDemand } = forms[page]
  const needsToken = page === 'forgot' ? undefined : html` data-token data-no-token="${words.noToken}"`
  return html`<noscript><p class="fault">${words.noScript}</p></noscript>
<p class="fault" role="alert" hidden></p>
<p class="done" role="status" hidden>${done}</p>
${leadsToPassword.includes(page) ? linkTo(words.forgot) : undefined}
<form method="post" action="${api}" data-failed="${words.failed}"${needsToken}>
${onDemand && fieldOf(onDemand, words[onDemand], html` hidden`, html` disabled`)}
${fields.map((field) => fieldOf(field, words[field]))}
<button type="submit">${submit}</button>
</form>
${page === 'reset' ? linkTo(words.again) : undefined}`
}

function fieldOf(field: FieldName, label: string, place?: Markup, state?: Markup): Markup {
  const { name, type, autocomplete } = inputs[field]
  return html`<p class="field"${place}>
<label for="${name}">${label}</label>
<input id="${name}" name="${name}" type="${type}" autocomplete="${autocomplete}" maxlength="254" required${state} aria-describedby="${name}-fault">
<span class="fault" id="${name}-fault"></span>
</p>`
}
