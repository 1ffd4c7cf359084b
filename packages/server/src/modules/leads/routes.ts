import { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { PageQuery } from '../../core/shapes/pagination.ts'
import { exportLeads, type LeadExport } from './export.ts'
import {
  Lead,
  LeadExportQuery,
  LeadNote,
  LeadNoteInput,
  LeadNotePage,
  LeadPage,
  LeadParams,
  LeadQuery,
  LeadQuota,
  LeadStatusInput,
} from './schema.ts'
import { addLeadNote, deleteLead, listLeadNotes, listLeads, readLead, readLeadQuota, setLeadStatus } from './service.ts'

export const leadSchemas = [Lead, LeadPage, LeadStatusInput, LeadNote, LeadNotePage, LeadNoteInput, LeadQuota]

/** What staff do with leads. */
export function leadRoutes(app: App): void {
  app.get(
    '/leads',
    {
      schema: {
        operationId: 'listLeads',
        summary: 'List leads, newest first',
        tags: ['leads'],
        querystring: LeadQuery,
        response: { 200: Ref(LeadPage), ...refusals(400, 401, 403, 422, 429, 503) },
      },
      config: { access: 'leads:read' },
    },
    (request) => listLeads(request.context, request.query),
  )

  app.get(
    '/leads/quota',
    {
      schema: {
        operationId: 'readLeadQuota',
        summary: 'How much of this month’s quota of leads is spent',
        tags: ['leads'],
        response: { 200: Ref(LeadQuota), ...refusals(400, 401, 403, 429, 503) },
      },
      config: { access: 'leads:read' },
    },
    (request) => readLeadQuota(request.context),
  )

  app.get(
    '/leads/export',
    {
      schema: {
        operationId: 'exportLeads',
        summary: 'Download leads as a CSV or JSON file, oldest first',
        description:
          'The file is written while it is read. One that was cut short ends with a broken connection, never with an end that looks whole.',
        tags: ['leads'],
        querystring: LeadExportQuery,
        response: { 200: exported, ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'leads:read' },
      // Answered by reading the whole file and throwing it away.
      exposeHeadRoute: false,
    },
    async (request, reply) => {
      const file = await exportLeads(request.context, request.query)
      return reply
        .header('content-type', file.contentType)
        .header('content-disposition', `attachment; filename="${file.filename}"`)
        .header('cache-control', 'no-store')
        .send(Readable.from(writeFile(file, request), { objectMode: false }))
    },
  )

  app.get(
    '/leads/:id',
    {
      schema: {
        operationId: 'readLead',
        summary: 'Read one lead',
        tags: ['leads'],
        params: LeadParams,
        response: { 200: Ref(Lead), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'leads:read' },
    },
    (request) => readLead(request.context, request.params.id),
  )

  app.put(
    '/leads/:id/status',
    {
      schema: {
        operationId: 'setLeadStatus',
        summary: 'Say how far a lead has come',
        tags: ['leads'],
        params: LeadParams,
        body: Ref(LeadStatusInput),
        response: { 200: Ref(Lead), ...refusals(400, 401, 403, 404, 413, 415, 422, 429, 503) },
      },
      config: { access: 'leads:write' },
    },
    (request) => setLeadStatus(request.context, request.params.id, request.body.status),
  )

  app.delete(
    '/leads/:id',
    {
      schema: {
        operationId: 'deleteLead',
        summary: 'Delete a lead and its notes for good',
        tags: ['leads'],
        params: LeadParams,
        response: { 204: { type: 'null', description: 'Deleted.' }, ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'leads:write' },
    },
    async (request, reply) => {
      await deleteLead(request.context, request.params.id)
      return reply.code(204).send(null)
    },
  )

  app.get(
    '/leads/:id/notes',
    {
      schema: {
        operationId: 'listLeadNotes',
        summary: 'List the notes on a lead, newest first',
        tags: ['leads'],
        params: LeadParams,
        querystring: PageQuery,
        response: { 200: Ref(LeadNotePage), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'leads:read' },
    },
    (request) => listLeadNotes(request.context, request.params.id, request.query),
  )

  app.post(
    '/leads/:id/notes',
    {
      schema: {
        operationId: 'addLeadNote',
        summary: 'Write a note on a lead',
        tags: ['leads'],
        params: LeadParams,
        body: Ref(LeadNoteInput),
        response: { 201: Ref(LeadNote), ...refusals(400, 401, 403, 404, 413, 415, 422, 429, 503) },
      },
      config: { access: 'leads:write' },
    },
    async (request, reply) =>
      reply.code(201).send(await addLeadNote(request.context, request.params.id, request.body.body)),
  )
}

// Typed as anything: the handler sends a stream, which no schema describes.
const exported = Type.Unsafe<unknown>({
  description: 'The file.',
  content: {
    'text/csv': { schema: { type: 'string' } },
    'application/json': { schema: { type: 'array', items: { $ref: 'Lead#' } } },
  },
})

// A connection that is merely closed looks like the end of the file to an HTTP/1.0 reader, which many proxies are. A
// reset one does not.
async function* writeFile({ pages }: LeadExport, request: FastifyRequest): AsyncGenerator<string> {
  try {
    for await (const page of pages) if (page.text !== '') yield page.text
  } catch (error) {
    request.context.log.error({ err: error, requestId: request.id }, 'an export of leads was cut short')
    request.raw.socket.resetAndDestroy()
    throw error
  }
}
