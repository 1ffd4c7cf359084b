import { type OutgoingHttpHeader, type OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Decision } from '../decision.ts'
import { rateLimitHeaders } from '../headers.ts'
import type { QuotaLabel } from '../store.ts'
import { createTurnClock } from '../turn-clock.ts'
import { type FieldBlock, linesBeside } from './field-block.ts'

/**
 * Gives an answer fields that are ready as text. Node checks and joins each field of each answer one by one, which for a
 * dozen constant ones costs more than the limiter does; here they follow the status line as one text. Such fields do not
 * show in `getHeaders()`. What the application sets itself goes before a prepared field of that name.
 *
 * An answer that does not write its own head (HTTP/2, a call in process, a class of somebody else's) is given ordinary
 * header fields.
 */
export function setBlock(response: ServerResponse, block: FieldBlock): void {
  if (block.text === '') return
  if (writesItsHead(response)) response[blockKey] = block
  else for (const [name, value] of block.fields) if (!response.hasHeader(name)) setField(response, name, value)
}

/** Gives an answer the rate-limit fields of a decision, in place of any it had. */
export function setQuota(response: ServerResponse, decision: Decision): void {
  if (decision.quota === undefined && decision.retryAfterMs === undefined) return
  if (writesItsHead(response)) response[quotaKey] = quotaLines(decision)
  else
    for (const [name, value] of Object.entries(rateLimitHeaders(decision, nowUnixMs()))) response.setHeader(name, value)
}

/** Adds the fields of a refusal. */
export function setRefusal(
  response: ServerResponse,
  refusal: { headers: Readonly<Record<string, string>>; text: string },
): void {
  if (writesItsHead(response)) response[quotaKey] = (response[quotaKey] ?? '') + refusal.text
  else for (const [name, value] of Object.entries(refusal.headers)) setField(response, name, value)
}

const blockKey = Symbol('rempart block')
const quotaKey = Symbol('rempart quota')

interface OwnHead extends ServerResponse {
  [blockKey]: FieldBlock | undefined
  [quotaKey]: string | undefined
  _storeHeader: StoreHeader
}

type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[] | null | undefined
type StoreHeader = (this: ServerResponse, firstLine: string, headers: Headers) => void

// Where Node writes the head of an answer: the first line, then its fields. Its types leave it out, and a Node without it
// is given ordinary fields.
const storeHeader: StoreHeader | undefined = Reflect.get(ServerResponse.prototype, '_storeHeader')

/** Whether an answer writes its head through this module, from now on or already. */
function writesItsHead(response: ServerResponse): response is OwnHead {
  // The types know `_storeHeader` only on the answers this module has taken over.
  const own = response as OwnHead
  const current: unknown = own._storeHeader
  if (current === storeHeaderWithFields) return true
  // A call in process has a socket that goes nowhere, and an answer whose head nobody sends.
  if (current !== storeHeader || !(response.req?.socket instanceof Socket)) return false
  own[blockKey] = undefined
  own[quotaKey] = undefined
  own._storeHeader = storeHeaderWithFields
  return true
}

function storeHeaderWithFields(this: ServerResponse, firstLine: string, headers: Headers): void {
  // Only answers that `writesItsHead` has prepared have this method.
  const { [blockKey]: block, [quotaKey]: quota } = this as OwnHead
  let lines = firstLine
  if (block !== undefined) lines += isBeside(block, headers) ? block.text : linesBeside(block, setNames(headers))
  if (quota !== undefined) lines += quota
  storeHeader?.call(this, lines, headers)
}

/** Whether an answer's own fields are all others than the block's. */
function isBeside({ single }: FieldBlock, headers: Headers): boolean {
  if (headers === undefined || headers === null) return true
  if (Array.isArray(headers)) return !namesOf(headers).some((name) => single.has(name))
  for (const name in headers) if (single.has(name) || single.has(name.toLowerCase())) return false
  return true
}

function setNames(headers: Headers): (name: string) => boolean {
  const names = new Set(namesOf(headers))
  return (name) => names.has(name)
}

/** The names of fields as Node passes them: by name, in pairs, or in one list of names and values. */
function namesOf(headers: Headers): readonly string[] {
  if (headers === undefined || headers === null) return []
  if (!Array.isArray(headers)) return Object.keys(headers).map((name) => name.toLowerCase())
  const paired = headers.every((entry) => Array.isArray(entry))
  const names = paired ? headers.map(([name]) => name) : headers.filter((_, index) => index % 2 === 0)
  return names.map((name) => String(name).toLowerCase())
}

function setField(response: ServerResponse, name: string, value: string): void {
  if (name === 'vary') response.appendHeader(name, value)
  else response.setHeader(name, value)
}

/** The lines of a quota: those that no answer changes, and those of its last one, which the next often repeats. */
interface QuotaText {
  readonly head: string
  resetS: number
  resetAtS: number
  tail: string
}

/** The wall clock: `X-RateLimit-Reset` is told in seconds. */
const nowUnixMs = createTurnClock(() => Date.now())

const quotaTexts = new WeakMap<QuotaLabel, QuotaText>()

/** The same fields as `rateLimitHeaders`. The guard writes figures, and names that a policy's check holds to a safe alphabet. */
function quotaLines({ quota, remaining, resetMs, retryAfterMs }: Decision): string {
  const retryAfter =
    retryAfterMs === undefined ? '' : `retry-after: ${Math.max(1, Math.ceil(retryAfterMs / 1_000))}\r\n`
  if (quota === undefined) return retryAfter
  const text = textOf(quota)
  const resetS = Math.ceil(resetMs / 1_000)
  const resetAtS = Math.ceil((nowUnixMs() + resetMs) / 1_000)
  if (text.resetS !== resetS || text.resetAtS !== resetAtS) {
    text.resetS = resetS
    text.resetAtS = resetAtS
    text.tail = `;t=${resetS}\r\nx-ratelimit-reset: ${resetAtS}\r\nx-ratelimit-remaining: `
  }
  return `${text.head}${remaining}${text.tail}${remaining}\r\n${retryAfter}`
}

function textOf(quota: QuotaLabel): QuotaText {
  const known = quotaTexts.get(quota)
  if (known !== undefined) return known
  const { limit, policy, name } = quota
  const head = `x-ratelimit-limit: ${limit}\r\nratelimit-policy: ${policy}\r\nratelimit: ${name};r=`
  const text = { head, resetS: -1, resetAtS: -1, tail: '' }
  quotaTexts.set(quota, text)
  return text
}
