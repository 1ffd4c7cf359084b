/** The hops a forwarding header tells, nearest first. Both formats answer with the same words. */

/** A header names at most this many hops that are looked at; a longer chain ends where the looking ends. */
const MAX_HOPS = 64

/** The node of one hop as written, or undefined where nothing to be believed is written. */
export type Hop = string | undefined

/** Looks at one hop, nearest first; answers whether to go on to the next. */
export type HopVisitor = (hop: Hop) => boolean

/**
 * Visits the entries of `X-Forwarded-For` from the right, where the trusted proxies wrote, to the
 * left, where anyone may have. An empty entry is a hop that cannot be believed.
 */
export function visitForwardedFor(value: string, visit: HopVisitor): void {
  let end = value.length
  for (let hops = 0; hops < MAX_HOPS && end >= 0; hops += 1) {
    const comma = end === 0 ? -1 : value.lastIndexOf(',', end - 1)
    if (!visit(value.slice(comma + 1, end).trim())) return
    end = comma
  }
}

/**
 * Visits the elements of `Forwarded` from the right. The header is read from the left, since a comma
 * may stand in a quoted string; a quote left open reaches to the end, so that it spoils the element
 * visited first and nothing of the header is believed.
 *
 * @see RFC 7239 §4
 */
export function visitForwarded(value: string, visit: HopVisitor): void {
  const bounds = elementBounds(value)
  const last = bounds.length - 1
  for (let index = last; index > 0 && last - index < MAX_HOPS; index -= 1) {
    if (!visit(forNode(value.slice((bounds[index - 1] ?? 0) + 1, bounds[index])))) return
  }
}

/** Positions of the commas outside quotes, with -1 before the first element and the length behind the last. */
function elementBounds(value: string): number[] {
  const bounds = [-1]
  let quoted = false
  for (let position = 0; position < value.length; position += 1) {
    const code = value.charCodeAt(position)
    if (code === 34) quoted = !quoted
    else if (code === 92 && quoted) position += 1
    else if (code === 44 && !quoted) bounds.push(position)
  }
  bounds.push(value.length)
  return bounds
}

const pair = /^[ \t]*([!#$%&'*+.^_`|~\w-]+)=(?:([!#$%&'*+.^_`|~\w-]+)|"((?:[^"\\]|\\.)*)")[ \t]*(?:;|$)/

/** The value of the one `for` parameter of an element; undefined when it has none, two, or is malformed. */
function forNode(element: string): Hop {
  let node: Hop
  let rest = element
  while (rest !== '') {
    const match = pair.exec(rest)
    if (match === null) return undefined
    const [whole, name = '', token, quoted] = match
    if (name.toLowerCase() === 'for') {
      if (node !== undefined) return undefined
      node = token ?? quoted?.replaceAll(/\\(.)/g, '$1')
    }
    rest = rest.slice(whole.length)
  }
  return node
}
