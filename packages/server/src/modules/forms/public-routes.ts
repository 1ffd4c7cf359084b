import { Type } from 'typebox'
import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { formEvaluatePolicy, formViewPolicy } from './policy.ts'
import { requirePublishedForm } from './public.ts'
import {
  EvaluationInput,
  EvaluationResult,
  FieldFault,
  FormSlugParams,
  PublicFormQuery,
  RenderedForm,
} from './public-schema.ts'
import { evaluateForm, type PublicFormDependencies, renderForm } from './public-service.ts'

export const publicFormSchemas = [FieldFault, RenderedForm, EvaluationInput, EvaluationResult]

/** What visitors do with a form before they send it. */
export function publicFormRoutes(app: App, dependencies: PublicFormDependencies): void {
  app.get(
    '/forms/public/:slug',
    {
      schema: {
        operationId: 'renderForm',
        summary: 'Get a published form to show, with its render token',
        tags: ['forms'],
        params: FormSlugParams,
        querystring: PublicFormQuery,
        // It comes as the text that a serialiser of these members has made.
        response: { 200: Type.Unsafe<string>(Ref(RenderedForm)), ...refusals(400, 403, 404, 422, 429, 503) },
      },
      config: { access: 'public', guard: formViewPolicy },
    },
    async (request, reply) => {
      const form = await requirePublishedForm(request.context, dependencies.forms, { slug: request.params.slug })
      request.logFields = { formSlug: form.slug }
      const rendered = renderForm(request.context, dependencies.tokens, form, request.query.locale)
      // The token is for this visitor alone.
      return reply
        .header('content-type', 'application/json; charset=utf-8')
        .header('cache-control', 'no-store')
        .header('content-language', request.locale)
        .serializer(String)
        .send(rendered)
    },
  )

  app.post(
    '/forms/public/:slug/evaluate',
    {
      schema: {
        operationId: 'evaluateForm',
        summary: 'Check answers without sending them: validity, score and outcome',
        tags: ['forms'],
        params: FormSlugParams,
        body: Ref(EvaluationInput),
        response: { 200: Ref(EvaluationResult), ...refusals(400, 403, 404, 413, 415, 422, 429, 503) },
      },
      config: { access: 'public', guard: formEvaluatePolicy },
    },
    async (request, reply) => {
      const form = await requirePublishedForm(request.context, dependencies.forms, { slug: request.params.slug })
      request.logFields = { formSlug: form.slug }
      const { result, dropped } = evaluateForm(request.context, dependencies.tokens, form, request.body)
      if (dropped) request.logFields = { ...request.logFields, reasonBlocked: 'honeypot' }
      return reply.header('cache-control', 'no-store').send(result)
    },
  )
}
