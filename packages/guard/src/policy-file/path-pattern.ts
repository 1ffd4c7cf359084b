import { foldCase, percentDecoded } from './request-path.ts'

/** The requests a policy is for: methods, absent for every one but OPTIONS, and a checked path pattern. */
export interface RequestMatch {
  readonly methods: readonly string[] | undefined
  readonly path: string
}

/** One segment of a pattern: a word as written and as compared without regard to case, any segment, or all the rest. */
export type PatternSegment =
  | { readonly kind: 'word'; readonly exact: string; readonly folded: string }
  | { readonly kind: 'parameter' }
  | { readonly kind: 'rest' }

/** What reading a pattern gives: its segments, or why it is none. */
export type PatternReading =
  | { readonly ok: true; readonly segments: readonly PatternSegment[] }
  | { readonly ok: false; readonly message: string; readonly suggestion?: string }

const MAX_PATTERN_LENGTH = 512

/**
 * Reads a path pattern: words, `:name` for one segment of any content, and a last `*` for whatever follows, nothing
 * included (`/admin/*` is `/admin` too). Words may be percent-encoded; a trailing slash says nothing.
 */
export function readPattern(value: unknown): PatternReading {
  if (typeof value !== 'string' || !value.startsWith('/')) {
    const meant = typeof value === 'string' && /^[\w:]/.test(value) ? { suggestion: `/${value}` } : {}
    return { ok: false, message: 'must be a path that begins with "/"', ...meant }
  }
  if (value.length > MAX_PATTERN_LENGTH)
    return { ok: false, message: `is longer than ${MAX_PATTERN_LENGTH} characters` }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  const strange = /[?#\\\x00-\x20\x7f]/.exec(value)
  if (strange !== null) {
    return {
      ok: false,
      message: `cannot contain ${JSON.stringify(strange[0])}: a pattern is matched against the path alone`,
    }
  }
  const parts = value.slice(1).replace(/\/$/, '').split('/')
  const segments: PatternSegment[] = []
  for (const [index, part] of value === '/' ? [] : parts.entries()) {
    const fault = faultOf(part, index === parts.length - 1)
    if (fault !== undefined) return { ok: false, ...fault }
    segments.push(segmentOf(part))
  }
  return { ok: true, segments }
}

/**
 * How specific a pattern is, as a text: of two patterns that fit one path, the one whose text is greater goes first.
 * From the left, a word counts more than a parameter and a parameter more than the rest; then a named method more than
 * any.
 */
export function patternRank(segments: readonly PatternSegment[], hasMethod: boolean): string {
  // The end of a pattern says as much as a word: `/a` is more specific than `/a/*`.
  return `${segments.map(({ kind }) => weights[kind]).join('')}${weights.word}${hasMethod ? '1' : '0'}`
}

/** The rank of a route's own pattern, in this notation, with its method named; undefined for another notation. */
export function rankRoute(path: string): string | undefined {
  const reading = readPattern(path)
  return reading.ok ? patternRank(reading.segments, true) : undefined
}

const weights = { word: '3', parameter: '2', rest: '1' } as const

function segmentOf(part: string): PatternSegment {
  if (part === '*') return { kind: 'rest' }
  if (part.startsWith(':')) return { kind: 'parameter' }
  const exact = percentDecoded(part)
  return { kind: 'word', exact, folded: foldCase(exact) }
}

function faultOf(part: string, isLast: boolean): { message: string; suggestion?: string } | undefined {
  if (part === '') return { message: 'has an empty segment ("//")' }
  const decoded = percentDecoded(part)
  if (decoded === '.' || decoded === '..') return { message: `has a segment "${part}", which no path keeps` }
  if (decoded.includes('/')) return { message: 'has an encoded slash: whether it separates depends on the server' }
  const braces = /^[{<](?:\w+:)?(\w+)(?::\w+)?[}>]$/.exec(part)
  if (braces?.[1] !== undefined) {
    return { message: `has a segment "${part}": a parameter is written ":name"`, suggestion: `:${braces[1]}` }
  }
  if (part.startsWith(':') && !/^:[A-Za-z_]\w*$/.test(part)) {
    return { message: `has a segment "${part}": a parameter is ":" and a name, and nothing else` }
  }
  if (part === '*' && isLast) return undefined
  if (part.includes('*')) return { message: 'has a "*" that is not its whole last segment', ...starMeant(part, isLast) }
  return undefined
}

const starMeant = (part: string, isLast: boolean): { suggestion?: string } => {
  if (part === '**' && isLast) return { suggestion: '*' }
  return part === '*' || part === '**' ? { suggestion: ':any' } : {}
}
