import type { ProblemCode } from '../problem-catalogue.ts'

/** Fields that may come once, and what two of them are refused as. The two credentials count as one. */
const single: ReadonlyMap<string, { readonly bit: number; readonly refusal: ProblemCode }> = new Map([
  ['host', { bit: 1, refusal: 'malformed-request' }],
  ['content-type', { bit: 2, refusal: 'unsupported-media-type' }],
  ['authorization', { bit: 4, refusal: 'ambiguous-credentials' }],
  ['x-api-key', { bit: 4, refusal: 'ambiguous-credentials' }],
])
const lengths = new Set([...single.keys()].map((name) => name.length))

/**
 * Finds a header field that may come once and came twice. Node keeps the first of two, and another reader of the request
 * may keep the last: a proxy that checked one and a server that obeys the other is how requests are smuggled.
 *
 * @param rawHeaders - names and values in turn, as they came.
 * @see RFC 9110 §5.3 (a field that is no list comes once), RFC 9112 §3.2 (Host)
 */
export function doubledField(rawHeaders: readonly string[]): ProblemCode | undefined {
  let seen = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    // The length alone tells most names apart, and costs next to nothing.
    if (!lengths.has(name.length)) continue
    const field = single.get(name) ?? single.get(name.toLowerCase())
    if (field === undefined) continue
    if ((seen & field.bit) !== 0) return field.refusal
    seen |= field.bit
  }
  return undefined
}
