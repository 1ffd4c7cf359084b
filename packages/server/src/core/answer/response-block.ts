import { type OutgoingHttpHeader, type OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { RateLimitHeaders } from '@rempart/guard'
import type { FastifyReply } from 'fastify'
import type { HeaderBlock } from './security-headers.ts'

/** Header fields in the two forms that an answer can take them in. */
export interface ResponseBlock {
  readonly fields: HeaderBlock
  /** The same as they stand on the wire: `name: value` lines, each with its line end. */
  readonly text: string
}

/**
 * Prepares fields that are the same on every answer of a kind.
 *
 * @throws RangeError a name or a value could end its line: it would add fields of its own.
 */
export function responseBlock(fields: HeaderBlock): ResponseBlock {
  for (const [name, value] of Object.entries(fields)) {
    if (!/^[a-z0-9-]+$/.test(name) || !/^[\x20-\x7e]+$/.test(value)) throw new RangeError(`${name} is no header field`)
  }
  const text = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  return Object.freeze({ fields: Object.freeze({ ...fields }), text: text.join('') })
}

/**
 * An answer that carries a prepared block of fields. Node checks and joins each field of each answer one by one, which
 * for a dozen constant ones costs more than the limiter does; here they follow the status line as one text.
 */
export class BlockResponse extends ServerResponse {
  block = ''
  /** The rate-limit fields, in the same form. */
  quota = ''

  /** Where Node writes the head of an answer: the first line, then its fields. */
  _storeHeader(firstLine: string, headers: OutgoingHttpHeaders | OutgoingHttpHeader[] | undefined): void {
    storeHeader.call(this, firstLine + this.block + this.quota, headers)
  }
}

// Of OutgoingMessage; Node's types leave it out. The runtime is pinned, and the acceptance tests read the fields off the wire.
const storeHeader: (this: ServerResponse, firstLine: string, headers: unknown) => void = Reflect.get(
  ServerResponse.prototype,
  '_storeHeader',
)

/** Gives an answer its block. Nobody else sets a field of a block, but for Vary, which is a list and may come twice. */
export function setBlock(reply: FastifyReply, block: ResponseBlock): void {
  const { raw } = reply
  if (raw instanceof BlockResponse) raw.block = block.text
  // A call without a socket, as tests make, has an answer of another class.
  else reply.headers(block.fields)
}

/** Puts another block in the place of the one an answer was given, and keeps what was added to it. */
export function changeBlock(reply: FastifyReply, from: ResponseBlock, to: ResponseBlock): void {
  const { raw } = reply
  if (raw instanceof BlockResponse) {
    raw.block = raw.block.replace(from.text, () => to.text)
    return
  }
  for (const name of Object.keys(from.fields)) reply.removeHeader(name)
  reply.headers(to.fields)
}

/**
 * Adds one field of the product's own to an answer that has its block. The value is made here, never taken from a request
 * as it came: it is not checked again.
 */
export function addField(reply: FastifyReply, name: string, value: string): void {
  const { raw } = reply
  if (raw instanceof BlockResponse) raw.block += `${name}: ${value}\r\n`
  else reply.header(name, value)
}

/** Gives an answer its rate-limit fields, in place of any it had; with none, takes them away. */
export function setQuota(reply: FastifyReply, fields: RateLimitHeaders): void {
  const { raw } = reply
  if (raw instanceof BlockResponse) raw.quota = quotaText(fields)
  else for (const name of quotaNames) setOrRemove(reply, name, fields[name])
}

const quotaNames = [
  'x-ratelimit-limit',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
  'ratelimit',
  'ratelimit-policy',
  'retry-after',
] as const satisfies readonly (keyof RateLimitHeaders)[]

// The guard writes figures, and names that a policy's check has held to a safe alphabet.
function quotaText(fields: RateLimitHeaders): string {
  if (fields['ratelimit'] === undefined) return ''
  const figures = `x-ratelimit-limit: ${fields['x-ratelimit-limit']}\r\nx-ratelimit-remaining: ${fields['x-ratelimit-remaining']}\r\nx-ratelimit-reset: ${fields['x-ratelimit-reset']}\r\n`
  const draft = `ratelimit: ${fields['ratelimit']}\r\nratelimit-policy: ${fields['ratelimit-policy']}\r\n`
  return fields['retry-after'] === undefined
    ? figures + draft
    : `${figures}${draft}retry-after: ${fields['retry-after']}\r\n`
}

function setOrRemove(reply: FastifyReply, name: string, value: string | undefined): void {
  if (value === undefined) reply.removeHeader(name)
  else reply.header(name, value)
}
