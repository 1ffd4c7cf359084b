import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Coding, compressText, preferredCoding } from './compression.ts'

/** A text that does not change while the server runs. */
export interface ConstantText {
  readonly text: string
  /** 22 characters of base64url that name the content. */
  readonly hash: string
  /** Answers with it: whole, compressed, or 304 for a client that has it. */
  send(request: FastifyRequest, reply: FastifyReply, cacheControl: string): Promise<FastifyReply>
}

/** Prepares a text to be sent: measured once, and compressed once for each coding. */
export function constantText(type: string, text: string): ConstantText {
  const hash = createHash('sha256').update(text).digest('base64url').slice(0, 22)
  // Weak: one tag for the text, whatever it is compressed with.
  const etag = `W/"${hash}"`
  const compressed = new Map<Coding, Promise<Buffer>>()
  return {
    text,
    hash,
    async send(request, reply, cacheControl) {
      reply.header('content-type', type).header('cache-control', cacheControl).header('etag', etag)
      if (request.headers['if-none-match'] === etag) return reply.code(304).send()
      const coding = preferredCoding(request.headers['accept-encoding'] ?? '')
      if (coding === undefined) return reply.serializer(asIs).send(text)
      const body = compressed.get(coding) ?? compressText(coding, text)
      compressed.set(coding, body)
      return reply.header('content-encoding', coding).send(await body)
    },
  }
}

const asIs = (text: unknown): string => String(text)
