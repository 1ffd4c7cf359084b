import type { FastifyReply, FastifyRequest, FastifyTypeProviderDefault } from 'fastify'
import { type ConstantText, constantText } from '../answer/constant-text.ts'
import type { App } from '../fastify.ts'
import { docsPage, type ShownDocument } from './docs-page.ts'
import { docsStyle } from './docs-style.ts'
import { refusals } from './openapi.ts'

const addresses = { document: '/api/v1/openapi.json', style: '/docs/style.css' } as const

/**
 * The OpenAPI document and the page that shows it. Both are made once, on the first request, from the routes that are
 * there. Register on the root, not under a prefix.
 */
export function docsRoutes(server: App): void {
  // What is sent is text already: no schema gives it a type.
  const app = server.withTypeProvider<FastifyTypeProviderDefault>()
  const document = constant('application/json; charset=utf-8', () => JSON.stringify(app.swagger()))
  // The page reads the document that `completeDocument` made.
  const page = constant('text/html; charset=utf-8', () =>
    docsPage(app.swagger() as unknown as ShownDocument, addresses),
  )
  const style = constant('text/css; charset=utf-8', () => docsStyle)

  app.get(
    addresses.document,
    {
      schema: {
        operationId: 'openapi',
        summary: 'This document',
        tags: ['documentation'],
        response: {
          200: {
            description: 'OpenAPI 3.1',
            type: 'object',
            additionalProperties: true,
            examples: [{ openapi: '3.1.0' }],
          },
          ...refusals(400, 429),
        },
      },
      config: { access: 'none' },
    },
    document,
  )
  app.get(
    '/docs',
    {
      schema: {
        operationId: 'docs',
        summary: 'The page that shows this document',
        tags: ['documentation'],
        response: {
          200: {
            description: 'A page.',
            content: { 'text/html': { schema: { type: 'string', examples: ['<!doctype html>'] } } },
          },
          ...refusals(400, 429),
        },
      },
      config: { access: 'none', headers: 'docs' },
    },
    page,
  )
  app.get(
    addresses.style,
    { schema: { hide: true }, config: { access: 'none', headers: 'docs', undocumented: 'the style sheet of /docs' } },
    style,
  )
}

/** Answers with a text that is made on the first request. */
function constant(type: string, make: () => string) {
  let made: ConstantText | undefined
  return (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    made ??= constantText(type, make())
    return made.send(request, reply, 'no-cache')
  }
}
