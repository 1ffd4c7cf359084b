import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { FormDefinition } from './definition/schema.ts'
import { definitionValidator } from './definition-input.ts'
import {
  Form,
  FormChange,
  FormDetail,
  FormInput,
  FormPage,
  FormParams,
  FormQuery,
  FormVersion,
  FormVersionInput,
  FormVersionPage,
  FormVersionParams,
  FormVersionQuery,
  FormVersionSummary,
  PublishInput,
} from './schema.ts'
import {
  addFormVersion,
  changeForm,
  createForm,
  listForms,
  listFormVersions,
  publishForm,
  readForm,
  readFormVersion,
  unpublishForm,
} from './service.ts'

export const formSchemas = [
  FormDefinition,
  Form,
  FormDetail,
  FormPage,
  FormInput,
  FormChange,
  FormVersion,
  FormVersionSummary,
  FormVersionPage,
  FormVersionInput,
  PublishInput,
]

export interface FormRouteDependencies {
  /** Called after each change that the public may see. */
  readonly onFormChanged: (tenantId: string, formId: string) => void
}

// A definition leaves as it is stored: written out through its schema it would cost a trial of every field type.
const plainJson = () => (data: unknown) => JSON.stringify(data)

/** What staff do with forms. */
export function formRoutes(app: App, { onFormChanged }: FormRouteDependencies): void {
  const validatorCompiler = definitionValidator([FormDefinition, FormInput, FormVersionInput])

  app.get(
    '/forms',
    {
      schema: {
        operationId: 'listForms',
        summary: 'List forms, newest first',
        tags: ['forms'],
        querystring: FormQuery,
        response: { 200: Ref(FormPage), ...refusals(400, 401, 403, 422, 429, 503) },
      },
      config: { access: 'forms:read' },
    },
    (request) => listForms(request.context, request.query),
  )

  app.post(
    '/forms',
    {
      schema: {
        operationId: 'createForm',
        summary: 'Make a form, as a draft with version 1',
        tags: ['forms'],
        body: Ref(FormInput),
        response: { 201: Ref(FormDetail), ...refusals(400, 401, 403, 409, 413, 415, 422, 429, 503) },
      },
      config: { access: 'forms:write' },
      validatorCompiler,
      serializerCompiler: plainJson,
    },
    async (request, reply) => {
      const form = await createForm(request.context, request.body)
      return reply.code(201).header('location', `/api/v1/forms/${form.id}`).send(form)
    },
  )

  app.get(
    '/forms/:id',
    {
      schema: {
        operationId: 'readForm',
        summary: 'Read one form, with the definition of its latest version',
        tags: ['forms'],
        params: FormParams,
        response: { 200: Ref(FormDetail), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'forms:read' },
      serializerCompiler: plainJson,
    },
    (request) => readForm(request.context, request.params),
  )

  app.put(
    '/forms/:id',
    {
      schema: {
        operationId: 'changeForm',
        summary: 'Rename a form, change its slug, archive or restore it',
        tags: ['forms'],
        params: FormParams,
        body: Ref(FormChange),
        response: { 200: Ref(Form), ...refusals(400, 401, 403, 404, 409, 413, 415, 422, 429, 503) },
      },
      config: { access: 'forms:write' },
    },
    async (request) => {
      const form = await changeForm(request.context, request.params.id, request.body)
      onFormChanged(request.context.tenant.id, form.id)
      return form
    },
  )

  app.get(
    '/forms/:id/versions',
    {
      schema: {
        operationId: 'listFormVersions',
        summary: 'List the versions of a form, newest first',
        tags: ['forms'],
        params: FormParams,
        querystring: FormVersionQuery,
        response: { 200: Ref(FormVersionPage), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'forms:read' },
    },
    (request) => listFormVersions(request.context, request.params.id, request.query),
  )

  app.post(
    '/forms/:id/versions',
    {
      schema: {
        operationId: 'addFormVersion',
        summary: 'Save the next version of a form, as a draft',
        tags: ['forms'],
        params: FormParams,
        body: Ref(FormVersionInput),
        response: { 201: Ref(FormVersion), ...refusals(400, 401, 403, 404, 413, 415, 422, 429, 503) },
      },
      config: { access: 'forms:write' },
      validatorCompiler,
      serializerCompiler: plainJson,
    },
    async (request, reply) => {
      const version = await addFormVersion(request.context, request.params.id, request.body.definition)
      return reply
        .code(201)
        .header('location', `/api/v1/forms/${version.formId}/versions/${version.version}`)
        .send(version)
    },
  )

  app.get(
    '/forms/:id/versions/:version',
    {
      schema: {
        operationId: 'readFormVersion',
        summary: 'Read one version of a form',
        tags: ['forms'],
        params: FormVersionParams,
        response: { 200: Ref(FormVersion), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'forms:read' },
      serializerCompiler: plainJson,
    },
    (request) => readFormVersion(request.context, request.params.id, request.params.version),
  )

  app.post(
    '/forms/:id/publish',
    {
      schema: {
        operationId: 'publishForm',
        summary: 'Show a version of a form to the public',
        tags: ['forms'],
        params: FormParams,
        body: Ref(PublishInput),
        response: { 200: Ref(Form), ...refusals(400, 401, 403, 404, 409, 413, 415, 422, 429, 503) },
      },
      config: { access: 'forms:write', bodyOptional: true },
      // No body at all asks for the latest version, as an empty object does.
      preValidation: (request, _reply, done) => {
        if (request.body === undefined) request.body = {}
        done()
      },
    },
    async (request) => {
      const form = await publishForm(request.context, request.params.id, request.body.version)
      onFormChanged(request.context.tenant.id, form.id)
      return form
    },
  )

  app.post(
    '/forms/:id/unpublish',
    {
      schema: {
        operationId: 'unpublishForm',
        summary: 'Hide a form from the public',
        tags: ['forms'],
        params: FormParams,
        response: { 200: Ref(Form), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'forms:write' },
    },
    async (request) => {
      const form = await unpublishForm(request.context, request.params.id)
      onFormChanged(request.context.tenant.id, form.id)
      return form
    },
  )
}
