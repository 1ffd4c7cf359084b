import type { FastifyReply } from 'fastify'
import type { Context } from '../../core/context.ts'
import type { App } from '../../core/fastify.ts'
import { forgetCookies } from '../../core/identity/session-kit.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { inventory } from '../../core/privacy/inventory.ts'
import { isSignedReceipt, type ErasureReceipt as SignedErasure } from '../../core/privacy/receipt.ts'
import { ProblemError } from '../../core/problem.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { exportPage } from './page.ts'
import { exportPolicy } from './policy.ts'
import {
  AnonymizeInput,
  ErasureQuery,
  ErasureReceipt,
  ExportQuery,
  Inventory,
  InventoryTable,
  PersonalData,
  PersonParams,
  ReceiptVerdict,
} from './schema.ts'
import { type Export, erasePerson, exportPerson, type PrivacyDependencies } from './service.ts'

export const privacySchemas = [InventoryTable, Inventory, PersonalData, ErasureReceipt, AnonymizeInput, ReceiptVerdict]

/** An export as JSON, or as a page that needs nothing besides itself. */
export const exportedReply = {
  description: 'Everything stored about the person.',
  content: {
    'application/json': { schema: Ref(PersonalData) },
    'text/html': { schema: { type: 'string' } },
  },
} as const

/** Writes an export in the language of the request, to be kept as a file and by no cache. */
export function sendExport(reply: FastifyReply, context: Context, data: Export, format: 'json' | 'html' = 'json') {
  const { locale, tenant } = context
  const day = data.exportedAt.toISOString().slice(0, 10)
  reply
    .header('cache-control', 'no-store')
    .header('content-language', locale)
    .header('content-disposition', `attachment; filename="personal-data-${tenant.slug}-${day}.${format}"`)
  if (format === 'html') return reply.type('text/html; charset=utf-8').send(exportPage(data, tenant, locale))
  return reply.send({
    exportedAt: data.exportedAt.toISOString(),
    tenant: { slug: tenant.slug, name: tenant.name },
    userId: data.userId,
    sections: data.sections.map(({ table, title, purpose, retention, rows, isCut }) => ({
      ...{ table, isCut, title: title[locale], purpose: purpose[locale], retention: retention[locale] },
      rows: rows.map((row) => Object.fromEntries(row.map(({ name, value }) => [name, value]))),
    })),
  })
}

/** What is stored about people, a copy of it, and erasing it (GDPR art. 15, 17, 20, 30). */
export function privacyRoutes(app: App, dependencies: PrivacyDependencies): void {
  const { receiptSigner } = dependencies
  app.get(
    '/gdpr/inventory',
    {
      schema: {
        operationId: 'readInventory',
        summary: 'Read what is stored about people, what for, for how long, and what erasure does with it',
        tags: ['privacy'],
        response: { 200: Ref(Inventory), ...refusals(400, 401, 403, 429, 503) },
      },
      config: { access: 'privacy:read' },
    },
    async () => ({ tables: structuredClone(inventory()) as Inventory['tables'] }),
  )

  app.get(
    '/gdpr/export',
    {
      schema: {
        operationId: 'exportMyData',
        summary: 'Export everything that is stored about oneself',
        description: 'With what was sent from the account’s address, once that was proved. Secrets are left out.',
        tags: ['privacy'],
        querystring: ExportQuery,
        response: { 200: exportedReply, ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'session', stepUp: true, guard: exportPolicy, uncompressed: true },
      exposeHeadRoute: false,
    },
    async (request, reply) =>
      sendExport(reply, request.context, await exportPerson(request.context, dependencies), request.query.format),
  )

  app.get(
    '/gdpr/export/:userId',
    {
      schema: {
        operationId: 'exportDataOfUser',
        summary: 'Export everything that is stored about somebody',
        tags: ['privacy'],
        params: PersonParams,
        querystring: ExportQuery,
        response: { 200: exportedReply, ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'privacy:write', stepUp: true, guard: exportPolicy, uncompressed: true },
      exposeHeadRoute: false,
    },
    async (request, reply) => {
      const data = await exportPerson(request.context, dependencies, request.params.userId)
      return sendExport(reply, request.context, data, request.query.format)
    },
  )

  app.delete(
    '/gdpr/delete',
    {
      schema: {
        operationId: 'deletePersonalData',
        summary: 'Erase oneself, or somebody, at once and for good',
        description:
          'Rows are deleted, values in the audit log become unreadable, and the answer is a signed receipt. The last owner of a tenant cannot be erased.',
        tags: ['privacy'],
        querystring: ErasureQuery,
        response: { 200: Ref(ErasureReceipt), ...refusals(400, 401, 403, 404, 409, 422, 429, 503) },
      },
      config: { access: 'session', stepUp: true },
    },
    async (request, reply) => {
      // Another API would name the person in a body: to pass over one would erase whoever asks.
      if (request.body != null) throw new ProblemError('invalid-request', { reason: 'body' })
      const { userId } = request.query
      const receipt = await erasePerson(request.context, dependencies, 'erase', userId)
      return answerErasure(reply, request.context, receipt)
    },
  )

  app.post(
    '/gdpr/anonymize',
    {
      schema: {
        operationId: 'anonymizePersonalData',
        summary: 'Make what is stored about oneself, or somebody, nobody’s',
        description: 'As erasing, but emptied rows stay where statistics need them: an account, forms sent, messages.',
        tags: ['privacy'],
        body: Ref(AnonymizeInput),
        response: { 200: Ref(ErasureReceipt), ...refusals(400, 401, 403, 404, 409, 413, 415, 422, 429, 503) },
      },
      config: { access: 'session', stepUp: true },
    },
    async (request, reply) => {
      const receipt = await erasePerson(request.context, dependencies, 'anonymise', request.body.userId)
      return answerErasure(reply, request.context, receipt)
    },
  )

  app.post(
    '/gdpr/receipts/verify',
    {
      schema: {
        operationId: 'verifyErasureReceipt',
        summary: 'Check the receipt of an erasure',
        tags: ['privacy'],
        body: Ref(ErasureReceipt),
        response: { 200: Ref(ReceiptVerdict), ...refusals(400, 401, 403, 413, 415, 422, 429, 503) },
      },
      config: { access: 'public' },
    },
    async ({ body }) => ({ isValid: isSignedReceipt(body, receiptSigner.keys), keys: [...receiptSigner.keys] }),
  )
}

/** Whoever erased themselves is signed out in their browser too. */
export function answerErasure(reply: FastifyReply, { actor }: Context, receipt: SignedErasure): FastifyReply {
  if (actor.kind === 'user' && actor.id === receipt.userId && actor.transport === 'cookie') forgetCookies(reply)
  return reply.header('cache-control', 'no-store').send(receipt)
}
