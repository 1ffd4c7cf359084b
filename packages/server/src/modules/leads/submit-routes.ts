import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { type PublishedForms, requirePublishedForm } from '../forms/public.ts'
import { leadSubmitPolicy } from './policy.ts'
import { SubmissionInput, SubmissionReceipt, SubmitHeaders, SubmitParams } from './submit-schema.ts'
import { type SubmitDependencies, submitForm } from './submit-service.ts'

export const submitSchemas = [SubmissionInput, SubmissionReceipt]

/** Where a website's forms post. */
export function submitRoutes(app: App, dependencies: SubmitDependencies & { readonly forms: PublishedForms }): void {
  app.post(
    '/leads/forms/:formId/submit',
    {
      schema: {
        operationId: 'submitForm',
        summary: 'Submit a published form',
        tags: ['leads'],
        params: SubmitParams,
        headers: SubmitHeaders,
        body: Ref(SubmissionInput),
        response: { 201: Ref(SubmissionReceipt), ...refusals(400, 403, 404, 413, 415, 422, 429, 503) },
      },
      config: { access: 'public', guard: leadSubmitPolicy, tenantOfForm: true, intake: 'lead' },
    },
    async (request, reply) => {
      const { params, body, headers } = request
      const form = await requirePublishedForm(request.context, dependencies.forms, { id: params.formId.toLowerCase() })
      request.logFields = { formSlug: form.slug }
      const { fate, receipt } = await submitForm(request.context, dependencies, form, body, headers['idempotency-key'])
      const isDropped = fate === 'dropped'
      request.logFields = {
        formSlug: form.slug,
        fate,
        ...(isDropped ? { reasonBlocked: 'honeypot' } : { leadId: receipt.id }),
      }
      if (fate === 'replayed') reply.header('idempotency-replayed', 'true')
      return reply.code(201).send(receipt)
    },
  )
}
