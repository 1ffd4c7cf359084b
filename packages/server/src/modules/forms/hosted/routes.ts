import type { PolicyInput } from '@rempart/guard'
import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import type { Context } from '../../../core/context.ts'
import type { App } from '../../../core/fastify.ts'
import { ProblemError } from '../../../core/problem.ts'
import { canonicalEmail } from '../../../core/shapes/email.ts'
import { refusalMessage } from '../definition/messages.ts'
import { textIn } from '../definition/schema.ts'
import { formViewPolicy } from '../policy.ts'
import { type PublishedForm, requirePublishedForm } from '../public.ts'
import { FormSlugParams } from '../public-schema.ts'
import { evaluateForm } from '../public-service.ts'
import { assetRoutes } from './assets.ts'
import { hostedPage, noticeContent } from './page.ts'
import { createRefusalPage, type RefusalPageDependencies } from './refusal-page.ts'
import { isFromOwnPage } from './same-origin.ts'
import { readSentForm, type SentForm } from './sent-form.ts'
import { showForm } from './show-form.ts'
import { type Pairs, parsePairs } from './urlencoded-body.ts'
import { inPageLanguage, isFramed, pageUrl, visitOf } from './visit.ts'
import { pageWords } from './words.ts'

export interface HostedFormDependencies extends Omit<RefusalPageDependencies, 'assets'> {
  /** Takes one submission, with every defence of the API. */
  readonly submit: (
    context: Context,
    form: PublishedForm,
    input: SentForm,
    idempotencyKey: string | undefined,
  ) => Promise<{
    readonly receipt: { readonly id: string; readonly outcome?: string }
    readonly fate: 'stored' | 'dropped' | 'replayed'
  }>
  readonly submitPolicy: PolicyInput
}

const SentPairs = Type.Array(Type.Tuple([Type.String(), Type.String()]))
const form = 'application/x-www-form-urlencoded'

/**
 * Forms as pages of their own, for sites that write no form, and for browsers without JavaScript. Register in a scope of
 * its own: the urlencoded bodies of HTML forms are parsed here and nowhere else.
 */
export function hostedFormRoutes(app: App, given: HostedFormDependencies): void {
  const dependencies = { ...given, assets: assetRoutes(app) }
  const { forms, tokens, blocks, assets } = dependencies
  const problemPage = createRefusalPage(dependencies)
  const shared = { access: 'public', headers: 'form', problemPage } as const

  app.addContentTypeParser(form, { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parsePairs(Buffer.from(body)))
    } catch (error) {
      done(error instanceof Error ? error : new Error('the body could not be parsed'))
    }
  })

  app.get(
    '/f/:slug',
    {
      schema: { hide: true, params: FormSlugParams },
      config: { ...shared, guard: formViewPolicy, undocumented: 'the page of a form, for people' },
    },
    async (request, reply) => {
      const found = await requirePublishedForm(request.context, forms, { slug: request.params.slug })
      request.logFields = { formSlug: found.slug }
      const context = inPageLanguage(request.context, request, found)
      blocks.letFrame(reply, context.tenant)
      return sendPage(reply, context, showForm(context, request, found, { tokens, assets }))
    },
  )

  app.post(
    '/f/:slug',
    {
      schema: { hide: true, params: FormSlugParams, consumes: [form], body: SentPairs },
      config: { ...shared, guard: given.submitPolicy, intake: 'lead', undocumented: 'where the page of a form posts' },
      onRequest: (request, _reply, done) => {
        const isOwn = isFromOwnPage(request, dependencies.publicUrl)
        done(isOwn ? undefined : new ProblemError('cross-site-request', { reason: 'cross-site' }))
      },
    },
    async (request, reply) => {
      const found = await requirePublishedForm(request.context, forms, { slug: request.params.slug })
      request.logFields = { formSlug: found.slug }
      const context = inPageLanguage(request.context, request, found)
      blocks.letFrame(reply, context.tenant)
      // The validator has seen pairs of texts: what the parser makes.
      const { receipt, fate } = await take(context, found, request.body as Pairs, dependencies)
      request.logFields = {
        formSlug: found.slug,
        fate,
        ...(fate === 'dropped' ? { reasonBlocked: 'honeypot' } : { leadId: receipt.id }),
      }
      const thanks = pageUrl(`/f/${found.slug}/thanks`, visitOf(request), { outcome: receipt.outcome })
      return reply.header('cache-control', 'no-store').redirect(thanks, 303)
    },
  )

  app.get(
    '/f/:slug/thanks',
    {
      schema: { hide: true, params: FormSlugParams },
      // The general policy: whoever was let in to send a form is not kept from reading that it arrived.
      config: { ...shared, undocumented: 'the page after a form was sent' },
    },
    async (request, reply) => {
      const found = await requirePublishedForm(request.context, forms, { slug: request.params.slug })
      request.logFields = { formSlug: found.slug }
      const context = inPageLanguage(request.context, request, found)
      blocks.letFrame(reply, context.tenant)
      const { thanks, another } = pageWords[context.locale]
      const content = noticeContent(
        { ...thanks, more: outcomeText(context, found, request.query) },
        {
          owner: `${context.tenant.name} – ${textIn(found.definition.title, context.locale)}`,
          link: { href: pageUrl(`/f/${found.slug}`, visitOf(request)), text: another },
        },
      )
      const page = { locale: context.locale, title: thanks.title, isFramed: isFramed(request), content }
      return sendPage(reply, context, hostedPage(page, assets))
    },
  )
}

function sendPage(reply: FastifyReply, context: Context, page: string): FastifyReply {
  return reply
    .header('content-type', 'text/html; charset=utf-8')
    .header('content-language', context.locale)
    .header('cache-control', 'no-store')
    .send(page)
}

/**
 * Takes what a page sent. The page's token is the key of its submission as well: one page stores one lead, however often
 * it is sent.
 */
function take(context: Context, found: PublishedForm, pairs: Pairs, dependencies: HostedFormDependencies) {
  const { tokens } = dependencies
  const input = readSentForm(found, pairs)
  const { renderToken = '' } = input
  if (canonicalEmail(input.email) === undefined) {
    const { result, dropped } = evaluateForm(context, tokens, found, { ...input, email: '' })
    if (!dropped) throw addressRefused(context, input.email, result.errors)
  }
  const isOurs = tokens.verify(renderToken, { tenantId: context.tenant.id, formId: found.id }) !== undefined
  return dependencies.submit(context, found, input, isOurs ? renderToken : undefined)
}

function addressRefused(
  { locale }: Context,
  email: string,
  others: ReturnType<typeof evaluateForm>['result']['errors'],
): ProblemError {
  const code = email.trim() === '' ? 'required' : 'email-invalid'
  const own = { pointer: '/email', code, message: refusalMessage({ code }, locale) }
  const errors = [own, ...others.filter(({ pointer }) => pointer !== '/data/email')]
  return new ProblemError('invalid-content', { errors, reason: 'answers' })
}

/** What became of the answers, in words, where the form tells it. The address names an outcome, and only one of the form's counts. */
function outcomeText({ locale }: Context, { definition }: PublishedForm, query: unknown): string | undefined {
  if (definition.exposeScore !== true || typeof query !== 'object' || query === null) return undefined
  const asked: unknown = Reflect.get(query, 'outcome')
  const label = definition.outcomes?.find(({ id }) => id === asked)?.label
  return label && textIn(label, locale)
}
