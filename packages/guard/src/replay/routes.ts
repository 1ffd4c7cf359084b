import { createRecentCache } from '../recent-cache.ts'
import { addBytes, createByteCache, findBytes } from './byte-cache.ts'
import { decodeText, type Escapes } from './log-formats.ts'
import type { LogLine } from './log-line.ts'

/** Which policies a request is under, as the server or the gateway would say. */
export interface ReplayRouting {
  /**
   * The policies of a request, in the order in which they are asked; empty for one that nothing limits.
   *
   * @param target - The path without its query, as it came.
   */
  policiesOf(method: string, target: string): readonly RoutedPolicy[]
}

/** A policy of a request, and the pattern of the route: what rules count that count by `route`. */
export interface RoutedPolicy {
  readonly policyId: string
  readonly pattern: string
}

/** A policy of a route by its number in its set. */
export interface RouteStep {
  readonly policy: number
  readonly pattern: string
}

/** One answer of the routings, shared by all paths that have it. */
export interface LoggedRoute {
  /** For each policy set under trial, its policies of the route. */
  readonly steps: readonly (readonly RouteStep[])[]
  /** Whether it is something a page loads: an image, a script, a style sheet, a font. */
  readonly isAsset: boolean
}

/** The routes of a log by number, in a bounded memory. */
export interface RouteTable {
  numberOf(bytes: Buffer, view: DataView, line: LogLine, escapes: Escapes): number
  route(number: number): LoggedRoute
  /** A hash of the path that was last looked for. */
  pathHash(): number
}

const LONGEST_CELL = 128
const MOST_ROUTES = 65_535
const asset =
  /\.(?:css|js|mjs|map|png|jpe?g|gif|svg|webp|avif|ico|bmp|woff2?|ttf|otf|eot|mp4|webm|mp3|ogg|wasm|webmanifest)$/i

/**
 * Creates a table over the routings of the policy sets under trial. Each path is matched once, as long as it is remembered.
 *
 * @param routings - Tells the policies of a request, for each set.
 */
export function createRouteTable(
  routings: readonly ((method: string, target: string) => readonly RouteStep[])[],
): RouteTable {
  const cache = createByteCache(32_768, LONGEST_CELL)
  const longPaths = createRecentCache<number>(4_096)
  const routes: LoggedRoute[] = []
  const byAnswer = new Map<string, number>()
  const methods = createMethodReader()

  const match = (method: string, path: string): number => {
    const steps = routings.map((stepsOf) => stepsOf(method, path))
    const isAsset = asset.test(path)
    const answer = `${steps.map((each) => each.map(({ policy, pattern }) => `${policy} ${pattern}`).join()).join('\n')}${isAsset}`
    const known = byAnswer.get(answer)
    if (known !== undefined) return known
    const number = Math.min(routes.length, MOST_ROUTES)
    routes[number] = { steps, isAsset }
    byAnswer.set(answer, number)
    return number
  }
  const readLong = (method: string, path: string): number => {
    const text = `${method} ${path.slice(0, 8_192)}`
    const known = longPaths.get(text)
    if (known !== undefined) return known
    const number = match(method, path)
    longPaths.set(text, number)
    return number
  }

  return {
    numberOf(bytes, view, line, escapes) {
      const { pathStart, pathEnd } = line
      const method = methods.codeOf(bytes, line.methodStart, line.methodEnd)
      const known = findBytes(cache, view, pathStart, pathEnd, method)
      if (known >= 0) return known
      const { hash } = cache
      const path = readPath(bytes, pathStart, pathEnd, escapes)
      const name = methods.nameOf(bytes, line.methodStart, line.methodEnd)
      const isCached = pathEnd - pathStart <= LONGEST_CELL && method > 0
      const number = isCached ? match(name, path) : readLong(name, path)
      cache.hash = hash
      if (isCached) addBytes(cache, view, pathStart, pathEnd, method, number)
      return number
    },
    route: (number) => routes[number] ?? noRoute,
    pathHash: () => cache.hash,
  }
}

const noRoute: LoggedRoute = { steps: [], isAsset: false }

/** W3C logs write paths with their own escapes, which are the path's: they are left to whoever matches it. */
function readPath(bytes: Buffer, start: number, end: number, escapes: Escapes): string {
  return escapes === 'percent' ? bytes.toString('utf8', start, end) : decodeText(bytes, start, end, escapes)
}

const methodNames = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** Tells methods apart by their first bytes; a code of 0 is a method of no great use. */
function createMethodReader() {
  const codeOf = (bytes: Buffer, start: number, end: number): number => {
    // Nearly all of a log.
    if (end - start === 3 && bytes[start] === 71 && bytes[start + 1] === 69 && bytes[start + 2] === 84) return 1
    const code = guess(bytes[start] ?? 0, bytes[start + 1] ?? 0)
    const name = methodNames[code - 1]
    if (name?.length !== end - start) return 0
    // The letters in between: `POOT` is no POST.
    for (let index = 0; index < name.length; index += 1) {
      if (bytes[start + index] !== name.charCodeAt(index)) return 0
    }
    return code
  }
  const nameOf = (bytes: Buffer, start: number, end: number): string => {
    const code = codeOf(bytes, start, end)
    return methodNames[code - 1] ?? bytes.toString('latin1', start, Math.min(end, start + 32))
  }
  return { codeOf, nameOf }
}

function guess(first: number, second: number): number {
  switch (first) {
    case 71:
      return 1
    case 72:
      return 2
    case 80:
      if (second === 79) return 3
      return second === 85 ? 4 : 5
    case 68:
      return 6
    case 79:
      return 7
    default:
      return 0
  }
}
