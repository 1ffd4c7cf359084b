import { isUtf8 } from 'node:buffer'
import { ProblemError } from '../../../core/problem.ts'

/** Names and values as a browser's form sends them, decoded, in their order. A name may come several times. */
export type Pairs = readonly (readonly [name: string, value: string])[]

/** A form has at most 100 fields, and a multiple choice 200 choices; no page of ours sends as many at once. */
const mostPairs = 2_000
const longestName = 200

/**
 * Parses an `application/x-www-form-urlencoded` body, refusing what another reader would understand otherwise or the
 * database would not store: malformed percent-encoding, bytes that are no UTF-8, U+0000, a pair without a name, and the
 * name that reaches a prototype.
 *
 * @throws ProblemError `invalid-form-body`.
 * @see WHATWG URL, application/x-www-form-urlencoded parsing
 */
export function parsePairs(body: Buffer): Pairs {
  if (!isUtf8(body)) throw fault('invalid-utf8')
  const parts = body.toString('utf8').split('&', mostPairs + 1)
  if (parts.length > mostPairs) throw fault('too-many-pairs')
  return parts.filter((part) => part !== '').map(parsePair)
}

function parsePair(part: string): readonly [string, string] {
  const equals = part.indexOf('=')
  const name = decode(equals === -1 ? part : part.slice(0, equals))
  if (name === '' || name.length > longestName || name === '__proto__') throw fault('forbidden-name')
  return [name, equals === -1 ? '' : decode(part.slice(equals + 1))]
}

function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  let decoded = spaced
  if (spaced.includes('%')) {
    try {
      decoded = decodeURIComponent(spaced)
    } catch {
      throw fault('malformed-escape')
    }
  }
  if (decoded.includes('\0')) throw fault('nul-character')
  return decoded
}

const fault = (reason: string): ProblemError => new ProblemError('invalid-form-body', { reason })
