import { Readable } from 'node:stream'
import { Type } from 'typebox'
import type { HeadSigner } from '../../core/audit/heads.ts'
import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { exportAudit } from './export.ts'
import {
  AuditEntry,
  AuditHead,
  AuditHeads,
  AuditHeadsQuery,
  AuditPage,
  AuditQuery,
  AuditVerdict,
  AuditVerifyQuery,
} from './schema.ts'
import { listAudit, listAuditHeads } from './service.ts'
import { verifyAudit } from './verify.ts'

export const auditSchemas = [AuditEntry, AuditPage, AuditVerdict, AuditHead, AuditHeads]

const exported = Type.Unsafe<unknown>({
  description: 'The file.',
  content: { 'application/x-ndjson': { schema: { type: 'string' } } },
})

/** Who did what, and proof that nobody has edited it. */
export function auditRoutes(app: App, { headSigner }: { readonly headSigner: HeadSigner }): void {
  app.get(
    '/audit',
    {
      schema: {
        operationId: 'listAudit',
        summary: 'List the audit log, newest first',
        tags: ['audit'],
        querystring: AuditQuery,
        response: { 200: Ref(AuditPage), ...refusals(400, 401, 403, 422, 429, 503) },
      },
      config: { access: 'audit:read', uncompressed: true },
    },
    (request) => listAudit(request.context, request.query),
  )

  app.get(
    '/audit/verify',
    {
      schema: {
        operationId: 'verifyAudit',
        summary: 'Check that the audit log was not edited',
        description:
          'Walks along the chain of hashes and checks the signed heads, at most 20,000 entries a call; go on behind `nextAfter` until it is null.',
        tags: ['audit'],
        querystring: AuditVerifyQuery,
        response: { 200: Ref(AuditVerdict), ...refusals(400, 401, 403, 422, 429, 503) },
      },
      config: { access: 'audit:read' },
    },
    (request) => verifyAudit(request.context, headSigner.keys, request.query.after),
  )

  app.get(
    '/audit/heads',
    {
      schema: {
        operationId: 'listAuditHeads',
        summary: 'List the signed heads of the audit log, newest first, with the key that signs them',
        tags: ['audit'],
        querystring: AuditHeadsQuery,
        response: { 200: Ref(AuditHeads), ...refusals(400, 401, 403, 422, 429, 503) },
      },
      config: { access: 'audit:read' },
    },
    (request) => listAuditHeads(request.context, headSigner.keys, request.query),
  )

  app.get(
    '/audit/export',
    {
      schema: {
        operationId: 'exportAudit',
        summary: 'Download the whole audit log, to verify it without the server',
        description:
          'Lines of JSON, oldest first, written while they are read; sealed values stay sealed. `rempart audit verify` checks the file offline. One that was cut short lacks its last line.',
        tags: ['audit'],
        response: { 200: exported, ...refusals(400, 401, 403, 429, 503) },
      },
      config: { access: 'audit:read' },
      // Answered by reading the whole file and throwing it away.
      exposeHeadRoute: false,
    },
    async (request, reply) =>
      reply
        .header('content-type', 'application/x-ndjson; charset=utf-8')
        .header('content-disposition', `attachment; filename="audit-${request.context.tenant.slug}.ndjson"`)
        .header('cache-control', 'no-store')
        .send(Readable.from(exportAudit(request.context, headSigner.keys), { objectMode: false })),
  )
}
