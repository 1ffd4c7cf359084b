import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import type { AnswerBlocks } from '../../../core/answer/answer-blocks.ts'
import type { Page, ProblemPage } from '../../../core/answer/problem-page.ts'
import type { RenderTokens } from '../../../core/challenge/render-token.ts'
import type { Context } from '../../../core/context.ts'
import { type Locale, negotiateLocale } from '../../../core/locale.ts'
import type { ContentFault, ProblemOptions } from '../../../core/problem.ts'
import { type ProblemCode, problemTypes } from '../../../core/problem-catalogue.ts'
import type { PublishedForm, PublishedForms } from '../public.ts'
import { type ChallengeView, challengeHead, challengePlace } from './challenge-view.ts'
import type { Fault } from './form-view.ts'
import { type AssetUrls, hostedPage, noticeContent } from './page.ts'
import { readRefusedPairs } from './refused-body.ts'
import { isFromOwnPage } from './same-origin.ts'
import { emailControl, readSentForm } from './sent-form.ts'
import { showForm, waitMs } from './show-form.ts'
import type { Pairs } from './urlencoded-body.ts'
import { inPageLanguage, isFramed, pageUrl, visitOf } from './visit.ts'
import { pageWords } from './words.ts'

export interface RefusalPageDependencies {
  readonly forms: PublishedForms
  readonly tokens: RenderTokens
  readonly blocks: Pick<AnswerBlocks, 'letFrame'>
  readonly assets: AssetUrls
  readonly publicUrl: string
  readonly defaultLocale: Locale
  readonly log: Logger
  /** The context of a request that was refused before it was identified; undefined where there is none. */
  readonly contextOf: (request: FastifyRequest) => Context | undefined
}

/** Refusals after which a visitor can do better: the form comes back as it was sent. The others are told, no more. */
const comesBack: ReadonlySet<ProblemCode> = new Set([
  'invalid-content',
  'invalid-submission',
  'submitted-too-quickly',
  'form-expired',
  'render-token-invalid',
  'idempotency-key-reused',
  'form-unavailable',
  'rate-limited',
  'challenge-required',
  'service-unavailable',
  'internal-error',
])

/** Of those, the ones after which the token is of no more use. */
const needsToken: ReadonlySet<ProblemCode> = new Set(['form-expired', 'render-token-invalid', 'idempotency-key-reused'])

/**
 * Shows a refusal in place: the form with what was typed, a fresh token where the old one is of no use, and what to
 * change beside each answer. What another site sent is never shown, for it would be that site's words on this page.
 */
export function createRefusalPage(dependencies: RefusalPageDependencies): ProblemPage {
  async function show(...[request, reply, { code, options }]: Parameters<ProblemPage>): Promise<Page> {
    const identified: Context | undefined = request.context
    const context = identified ?? dependencies.contextOf(request)
    if (context !== undefined) dependencies.blocks.letFrame(reply, context.tenant)
    const isOwn = request.method === 'POST' && isFromOwnPage(request, dependencies.publicUrl)
    // Nothing has counted a request that the guard refused: what is not in memory is not looked up for it.
    const form =
      context && isOwn && comesBack.has(code)
        ? dependencies.forms.recall(context.tenant.id, { slug: slugOf(request) })
        : undefined
    const pairs = form && (await pairsOf(request, code))
    return context && form && pairs
      ? returned(context, request, reply, { form, pairs, code, options }, dependencies)
      : told(context, request, { code, options }, dependencies)
  }

  return async (request, reply, problem) => {
    try {
      return await show(request, reply, problem)
    } catch (error) {
      // The refusal is still answered; that its page failed is a fault of ours.
      dependencies.log.error({ err: error, requestId: request.id, code: problem.code }, 'the page of a refusal failed')
      throw error
    }
  }
}

function slugOf({ params }: FastifyRequest): string {
  const slug: unknown = typeof params === 'object' && params !== null ? Reflect.get(params, 'slug') : undefined
  return typeof slug === 'string' ? slug : ''
}

// The guard refuses before the body is read; every other refusal that brings the form back comes after.
function pairsOf(request: FastifyRequest, code: ProblemCode): Promise<Pairs | undefined> | Pairs | undefined {
  if (code === 'rate-limited' || code === 'challenge-required') return readRefusedPairs(request)
  // The parser of these routes makes nothing else.
  return request.body as Pairs | undefined
}

function returned(
  given: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  refused: {
    readonly form: PublishedForm
    readonly pairs: Pairs
    readonly code: ProblemCode
    readonly options: ProblemOptions
  },
  dependencies: RefusalPageDependencies,
): Page {
  const { form, pairs, code, options } = refused
  const context = inPageLanguage(given, request, form)
  const { locale, clock } = context
  const sent = readSentForm(form, pairs).renderToken ?? ''
  const token = dependencies.tokens.verify(sent, { tenantId: context.tenant.id, formId: form.id })
  let { retryAfterSeconds } = options
  if (code === 'submitted-too-quickly') {
    retryAfterSeconds = token && Math.ceil(waitMs(form, token.issuedAtMs, clock.now()) / 1_000)
    if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds))
  }
  const text = showForm(context, request, form, dependencies, {
    pairs,
    notice: { ...noticeOf(code, locale), more: waitText(retryAfterSeconds, locale) },
    faults: (options.errors ?? []).map((error) => faultOf(error, form)),
    token: token === undefined || needsToken.has(code) ? undefined : sent,
    challenge: challengeOf(request, options),
  })
  return { text, locale }
}

function told(
  given: Context | undefined,
  request: FastifyRequest,
  { code, options }: { readonly code: ProblemCode; readonly options: ProblemOptions },
  { assets, defaultLocale }: RefusalPageDependencies,
): Page {
  const locale =
    given === undefined
      ? (visitOf(request).lang ?? negotiateLocale(request.headers['accept-language'], defaultLocale))
      : inPageLanguage(given, request).locale
  const notice = noticeOf(code, locale)
  const more = waitText(options.retryAfterSeconds, locale)
  const slug = slugOf(request)
  const isThere = request.method === 'POST' && slug !== '' && problemTypes[code].status !== 404
  const link = { href: pageUrl(`/f/${encodeURIComponent(slug)}`, visitOf(request)), text: pageWords[locale].open }
  const challenge = challengeOf(request, options)
  const content = noticeContent(
    { ...notice, more },
    {
      link: isThere ? link : undefined,
      challenge: challenge && challengePlace(challenge, assets, locale),
    },
  )
  const head = challenge && challengeHead(assets, locale)
  return {
    text: hostedPage({ locale, title: notice.title, isFramed: isFramed(request), head, content }, assets),
    locale,
  }
}

// Where a proof was sent already and another is asked for, something else is wrong: a person decides to go on.
function challengeOf({ query }: FastifyRequest, { challenge }: ProblemOptions): ChallengeView | undefined {
  const hasProof = typeof query === 'object' && query !== null && Object.hasOwn(query, 'proof')
  return challenge && { challenge, goesOn: !hasProof }
}

function noticeOf(code: ProblemCode, locale: Locale): { readonly title: string; readonly text: string } {
  const { title, detail } = problemTypes[code] as { title: Record<Locale, string>; detail?: Record<Locale, string> }
  return pageWords[locale].problems[code] ?? { title: title[locale], text: detail?.[locale] ?? '' }
}

function waitText(seconds: number | undefined, locale: Locale): string | undefined {
  return seconds === undefined ? undefined : pageWords[locale].wait(seconds)
}

/** The control that a fault of the answers belongs to. */
function faultOf({ pointer, message }: ContentFault, form: PublishedForm): Fault {
  if (pointer === '/email') return { control: emailControl(form), message }
  const name = pointer.startsWith('/data/') ? pointer.slice('/data/'.length) : ''
  return { control: form.compiled.positions.has(name) ? name : undefined, message }
}
