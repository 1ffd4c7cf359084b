import { Buffer } from 'node:buffer'
import type { FastifyRequest } from 'fastify'
import type { App } from '../fastify.ts'
import { ProblemError } from '../problem.ts'
import { parseJsonBody } from './json-body.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route declares a body; set when it registers. */
    takesBody?: boolean
  }
}

/** The largest body of a public route, in bytes. */
export const bodyLimitBytes = 1_048_576

/**
 * Judges a body by its header fields before any byte of it is read, and parses it as strict JSON.
 *
 * A route that declares no body takes none, whatever the method. One that does takes the media types its schema
 * `consumes`, or JSON: in UTF-8, without content coding, in a length that is known or chunked. Install last, so that
 * `100 Continue` goes out only to a client that guard and authentication let pass.
 */
export function installRequestBodies(app: App): void {
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, takesBody: route.schema?.body !== undefined }
  })
  app.addHook('onRequest', (request, reply, done) => {
    const refusal = bodyRefusal(request)
    if (refusal !== undefined) return done(refusal)
    if (request.headers.expect !== undefined && hasBody(request)) reply.raw.writeContinue()
    done()
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseJsonBody(Buffer.isBuffer(body) ? body : Buffer.from(body)))
    } catch (error) {
      done(error instanceof Error ? error : new Error('the body could not be parsed'))
    }
  })
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}

function bodyRefusal(request: FastifyRequest): Error | undefined {
  const { headers } = request
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue') {
    return new ProblemError('expectation-failed')
  }
  if (!hasBody(request)) return undefined
  if (hasStrangeFraming(request)) return new ProblemError('malformed-request')
  const { config, schema, bodyLimit } = request.routeOptions
  if (config.takesBody !== true) return new ProblemError('unexpected-body')
  if (!isAccepted(headers, schema?.consumes)) return new ProblemError('unsupported-media-type')
  return Number(headers['content-length'] ?? 0) > bodyLimit ? new ProblemError('body-too-large') : undefined
}

// A coding besides chunked, or chunks in HTTP/1.0, which knows none: the next server on the way may see another end of the
// body. RFC 9112 §6.1.
function hasStrangeFraming({ raw, headers }: FastifyRequest): boolean {
  const coding = headers['transfer-encoding']
  return coding !== undefined && (coding.toLowerCase() !== 'chunked' || raw.httpVersionMinor === 0)
}

const json: readonly string[] = ['application/json']
const mediaType = /^([a-z0-9.+/-]+)\s*(?:;\s*charset\s*=\s*(?:utf-8|"utf-8")\s*)?$/i

function isAccepted(headers: FastifyRequest['headers'], consumes: readonly string[] = json): boolean {
  const said = headers['content-type']
  if (said === undefined || (headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') return false
  if (consumes.includes(said)) return true
  const [, type = ''] = mediaType.exec(said) ?? []
  return consumes.includes(type.toLowerCase())
}
