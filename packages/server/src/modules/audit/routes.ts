import type { HeadSigner } from '../../core/audit/heads.ts'
import type { App } from '../../core/fastify.ts'
import { Ref } from '../../core/fields.ts'
import { refusals } from '../../core/openapi.ts'
import { AuditEntry, AuditPage, AuditQuery, AuditVerdict, AuditVerifyQuery } from './schema.ts'
import { listAudit } from './service.ts'
import { verifyAudit } from './verify.ts'

export const auditSchemas = [AuditEntry, AuditPage, AuditVerdict]

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
    (request) => verifyAudit(request.context, headSigner.key, request.query.after),
  )
}
