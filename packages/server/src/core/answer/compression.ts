import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App } from '../fastify.ts'

/** Shorter bodies fit in a packet or two: compressing them costs more than it saves. */
const thresholdBytes = 1_000

const brotli = promisify(brotliCompress)
const zip = promisify(gzip)

// Quality 4 gives most of what 11 gives, at a fiftieth of its time.
const compressors = {
  br: (text: Buffer) =>
    brotli(text, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 4,
        [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
        [constants.BROTLI_PARAM_SIZE_HINT]: text.length,
      },
    }),
  gzip: (text: Buffer) => zip(text, { level: 6 }),
} as const

/** A content coding this server writes. */
export type Coding = keyof typeof compressors

/** A text in UTF-8, compressed off the main thread. */
export const compressText = (coding: Coding, text: string): Promise<Buffer> => compressors[coding](Buffer.from(text))

/**
 * Compresses text answers of 1,000 bytes or more, with Brotli or gzip, off the main thread. Short answers go on after
 * one comparison; a route with `uncompressed` and an answer that has a coding are left alone. `Vary: Accept-Encoding` is
 * in the header block of every answer.
 *
 * @see RFC 9110 §8.4, §12.5.3
 */
export function installCompression(app: App): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    if (typeof payload !== 'string' || payload.length < thresholdBytes) return done(null, payload)
    const coding = codingFor(request, reply)
    if (coding === undefined) return done(null, payload)
    compressText(coding, payload).then((compressed) => {
      reply.header('content-encoding', coding).removeHeader('content-length')
      done(null, compressed)
    }, done)
  })
}

function codingFor(request: FastifyRequest, reply: FastifyReply): Coding | undefined {
  const accepted = request.headers['accept-encoding']
  if (accepted === undefined || reply.hasHeader('content-encoding')) return undefined
  if (request.route.uncompressed === true || request.method === 'HEAD') return undefined
  return preferredCoding(accepted)
}

/** The best coding a client takes, Brotli before gzip at the same weight; undefined: send it as it is. */
export function preferredCoding(acceptEncoding: string): Coding | undefined {
  const weights = new Map<string, number>()
  for (const item of acceptEncoding.slice(0, 256).toLowerCase().split(',')) {
    const [name = '', ...parameters] = item.split(';').map((part) => part.trim())
    const weight = parameters.find((parameter) => parameter.startsWith('q='))
    weights.set(name, weight === undefined ? 1 : Number(weight.slice(2)))
  }
  const weightOf = (coding: string): number => weights.get(coding) ?? weights.get('*') ?? 0
  const [br, gz] = [weightOf('br'), weightOf('gzip')]
  const identity = weights.get('identity') ?? 0
  if (br > 0 && br >= gz && br >= identity) return 'br'
  return gz > 0 && gz >= identity ? 'gzip' : undefined
}
