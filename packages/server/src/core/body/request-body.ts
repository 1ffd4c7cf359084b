import { Buffer } from 'node:buffer'
import type { FastifyRequest } from 'fastify'
import type { App } from '../fastify.ts'
import { ProblemError } from '../problem.ts'
import { parseJsonBody } from './json-body.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route declares a body; set when it registers. */
    takesBody?: boolean
    /** Whether a call without a body is the same as one with an empty object. */
    bodyOptional?: boolean
  }
}

/** The largest body of a public route, in bytes. */
export const bodyLimitBytes = 1_048_576

/**
 * Judges a body by its header fields before any byte of it is read, and parses it as strict JSON.
 *
 * A route that declares no body takes none, whatever the method; but programs that put `Content-Type` on every call, or
 * `{}` in every POST, say nothing with it, and are served. A route that declares one takes the media types its schema
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
  app.addHook('preValidation', (request, _reply, done) => {
    // `null` was sent, and is no object.
    if (request.route.bodyOptional === true && request.body === undefined) request.body = {}
    done()
  })
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      done(null, readJson(request, Buffer.isBuffer(body) ? body : Buffer.from(body)))
    } catch (error) {
      done(error instanceof Error ? error : new Error('the body could not be parsed'))
    }
  })
}

const emptyObject = Buffer.from('{}')

/** @returns undefined when nothing was sent to a route that can do without. */
function readJson({ route }: FastifyRequest, body: Buffer): unknown {
  if (route.takesBody === true)
    return body.length === 0 && route.bodyOptional === true ? undefined : parseJsonBody(body)
  if (body.length > 0 && !body.equals(emptyObject)) throw new ProblemError('unexpected-body')
  return undefined
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
  if (config.takesBody !== true) return mayBeEmptyObject(request) ? undefined : new ProblemError('unexpected-body')
  if (!isAccepted(headers, schema?.consumes)) return new ProblemError('unsupported-media-type')
  return Number(headers['content-length'] ?? 0) > bodyLimit ? new ProblemError('body-too-large') : undefined
}

// A coding besides chunked, or chunks in HTTP/1.0, which knows none: the next server on the way may see another end of the
// body. RFC 9112 §6.1.
function hasStrangeFraming({ raw, headers }: FastifyRequest): boolean {
  const coding = headers['transfer-encoding']
  return coding !== undefined && (coding.toLowerCase() !== 'chunked' || raw.httpVersionMinor === 0)
}

/** Read to the end by {@link readJson}. Of other methods than POST nobody expects a body. */
const mayBeEmptyObject = ({ method, headers }: FastifyRequest): boolean =>
  method === 'POST' && headers['content-length'] === String(emptyObject.length) && isAccepted(headers)

const json: readonly string[] = ['application/json']
const mediaType = /^([a-z0-9.+/-]+)\s*(?:;\s*charset\s*=\s*(?:utf-8|"utf-8")\s*)?$/i

function isAccepted(headers: FastifyRequest['headers'], consumes: readonly string[] = json): boolean {
  const said = headers['content-type']
  if (said === undefined || (headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') return false
  if (consumes.includes(said)) return true
  const [, type = ''] = mediaType.exec(said) ?? []
  return consumes.includes(type.toLowerCase())
}
