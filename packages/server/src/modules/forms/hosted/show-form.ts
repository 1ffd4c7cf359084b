import type { FastifyRequest } from 'fastify'
import type { RenderTokens } from '../../../core/challenge/render-token.ts'
import type { Context } from '../../../core/context.ts'
import { textIn } from '../definition/schema.ts'
import type { PublishedForm } from '../public.ts'
import { type ChallengeView, challengeHead, challengePlace } from './challenge-view.ts'
import { type Fault, type FormView, formContent } from './form-view.ts'
import { type AssetUrls, hostedPage } from './page.ts'
import type { Pairs } from './urlencoded-body.ts'
import { isFramed, languagesOf, pageUrl, visitOf } from './visit.ts'
import { pageWords } from './words.ts'

/** What a form comes back with, after it was sent. */
export interface Return {
  readonly pairs: Pairs
  readonly notice: NonNullable<FormView['notice']>
  readonly faults: readonly Fault[]
  /** The token it was sent with, where it still holds: it is older than a new one, so that nobody has to wait again. */
  readonly token: string | undefined
  readonly challenge?: ChallengeView | undefined
}

/** The page of a form, empty or as it was sent. @param context - in the language of the page. */
export function showForm(
  context: Context,
  request: FastifyRequest,
  form: PublishedForm,
  dependencies: { readonly tokens: RenderTokens; readonly assets: AssetUrls },
  back?: Return,
): string {
  const { locale, tenant, clock } = context
  const { assets } = dependencies
  const subject = { tenantId: tenant.id, formId: form.id }
  const token = back?.token ?? dependencies.tokens.issue(subject, clock.now())
  const visit = visitOf(request)
  const path = `/f/${form.slug}`
  const other = languagesOf(form).find((each) => each !== locale)
  const title = textIn(form.definition.title, locale)
  const isWrong = back !== undefined && back.faults.length > 0
  const content = formContent(context, {
    form,
    token,
    waitMs: waitMs(form, dependencies.tokens.verify(token, subject)?.issuedAtMs ?? clock.now(), clock.now()),
    action: pageUrl(path, visit),
    otherLanguage: other && { href: pageUrl(path, { ...visit, lang: other }), locale: other },
    pairs: back?.pairs ?? [],
    notice: back?.notice,
    faults: back?.faults ?? [],
    challenge: back?.challenge && challengePlace(back.challenge, assets, locale),
  })
  return hostedPage(
    {
      locale,
      title: isWrong ? pageWords[locale].errorTitle(title) : title,
      isFramed: isFramed(request),
      head: back?.challenge && challengeHead(assets, locale),
      content,
    },
    assets,
  )
}

/** Milliseconds until a form shown at that moment is taken. */
export function waitMs(form: PublishedForm, issuedAtMs: number, nowMs: number): number {
  return Math.max(0, issuedAtMs + form.protection.minimumFillSeconds * 1_000 - nowMs)
}
