/**
 * One way of reading a request target: its path in segments, empty ones left out. `folded` where the reading takes upper
 * and lower case for the same.
 */
export interface PathReading {
  readonly segments: readonly string[]
  readonly folded: boolean
}

/** Ways in which servers differ; of each, those are on that a reading goes by. */
interface Ways {
  /** How often percent-encoding is undone; with 0, only of what cannot be written otherwise. */
  readonly rounds: 0 | 1 | 2
  /** Whether an encoded slash and a backslash separate. */
  readonly separates: boolean
  /** Whether `;…`, `#…`, a NUL and what follows it, and blanks and dots at the end of a segment are dropped. */
  readonly trims: boolean
  /** Whether `.` and `..` are resolved. */
  readonly resolves: boolean
  readonly folds: boolean
}

/**
 * Every way in which a server may read a request target. A path of plain lower-case letters has one; each oddity (an
 * escape, a capital, a dot segment, a backslash, a `;`) adds those that servers disagree about.
 *
 * A policy cannot know what stands behind it. A reading left out would be a way around: through a server that resolves
 * dots if they are kept here, and through one that keeps them if they are resolved.
 *
 * @param target - As it came: a path with or without a query, or the absolute form.
 * @returns One reading, which is its own fold, for a plain path. Undefined for a path too long for the many ways in
 * which it can be read: nobody links to such a path, and to read it would cost more than to send it.
 */
export function readRequestPath(target: string): readonly PathReading[] | undefined {
  const path = pathOf(target)
  if (isPlain(path)) {
    return [{ segments: path.split('/').filter(isFilled), folded: true }]
  }
  const ways = waysOf(path)
  if (path.length * ways.length > MOST_READ) return undefined
  const readings = new Map<string, PathReading>()
  for (const way of ways) {
    const reading = read(path, way)
    // An encoded slash may be part of a segment, so the segments are told apart by their lengths.
    const key = `${reading.folded}${reading.segments.map((segment) => `/${segment.length}:${segment}`).join('')}`
    readings.set(key, reading)
  }
  return [...readings.values()]
}

/** Whether every server reads a request target alike, but for upper and lower case in its own patterns. */
export const isPlainTarget = (target: string): boolean => isPlain(pathOf(target))

/** Undoes percent-encoding once. What is not UTF-8 stays as it is, but for ASCII. */
export function percentDecoded(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text.replace(/(?:%[\da-f]{2})+/gi, decodeRun)
  }
}

/** A text without regard to case, to compatible forms of a letter, and to what only one of the two cases tells apart. */
export function foldCase(text: string): string {
  return text.normalize('NFKC').toUpperCase().toLowerCase()
}

/** Characters of a path times its readings: some 150 µs. Capitals and escapes alone are read up to 1,365 characters. */
const MOST_READ = 8_192

/** Lower case, nothing to decode, no empty segment, and no dot at the start of one. */
const plain = /^(?:\/[a-z\d_\-~!$&'()*+,=:@][a-z\d_\-~!$&'()*+,=:@.]*)*\/?$/

const isPlain = (path: string): boolean => plain.test(path) && !path.includes('./') && !path.endsWith('.')

const isFilled = (segment: string): boolean => segment !== ''

function pathOf(target: string): string {
  const query = target.indexOf('?')
  const path = query === -1 ? target : target.slice(0, query)
  if (path.startsWith('/')) return path
  const absolute = /^[a-z][a-z\d+.-]*:\/\/[^/\\]*/i.exec(path)
  return absolute === null ? `/${path}` : `/${path.slice(absolute[0].length)}`
}

function decodeRun(run: string): string {
  try {
    return decodeURIComponent(run)
  } catch {
    return run.replace(/%([0-7][\da-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  }
}

/** The ways in which servers can differ about this path: one of each pair that comes to the same is left out. */
function waysOf(path: string): readonly Ways[] {
  const once = percentDecoded(path)
  const twice = percentDecoded(once)
  const flat = twice.replaceAll('\\', '/')
  const rounds = twice !== once ? 2 : Number(once !== path)
  const separates = twice.includes('\\') || countOf(flat, '/') > countOf(path, '/')
  const trims = trimmed.test(flat)
  const resolves = dotted.test(flat)
  return allWays.filter(
    (way) =>
      way.rounds <= rounds && (separates || !way.separates) && (trims || !way.trims) && (resolves || !way.resolves),
  )
}

const either = [false, true] as const
const allWays: readonly Ways[] = ([0, 1, 2] as const).flatMap((rounds) =>
  either.flatMap((separates) =>
    either.flatMap((trims) =>
      either.flatMap((resolves) => either.map((folds) => ({ rounds, separates, trims, resolves, folds }))),
    ),
  ),
)

/** Something a lenient server drops: parameters, a fragment, a NUL, or blanks and dots at the end of a segment. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const trimmed = /[;#\x00]|[\x01-\x20\x7f.](?=\/|$)/
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const dotted = /(?:^|\/)\.{1,2}(?=[/;#\x00-\x20\x7f]|$)/

function read(path: string, ways: Ways): PathReading {
  const whole = ways.separates ? decoded(path, ways.rounds).replaceAll('\\', '/') : path
  const uncut = ways.trims ? whole.replace(/#.*$/s, '') : whole
  let segments = uncut.split('/')
  if (!ways.separates) segments = segments.map((segment) => decoded(segment, ways.rounds))
  if (ways.trims) segments = segments.map(trim)
  segments = segments.filter(isFilled)
  if (ways.resolves) segments = resolve(segments)
  if (ways.folds) segments = segments.map(foldCase)
  return { segments, folded: ways.folds }
}

function decoded(text: string, rounds: 0 | 1 | 2): string {
  if (rounds === 0) return text.replace(inexpressible, (run) => percentDecoded(run))
  const once = percentDecoded(text)
  return rounds === 2 ? percentDecoded(once) : once
}

/** What no path can hold but encoded: a server that undoes no encoding can only know it so. */
const inexpressible = /(?:%[89a-f][\da-f])+|%(?:20|22|3c|3e|5e|60|7b|7c|7d)/gi

function trim(segment: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is dropped.
  const kept = segment.replace(/[;#\x00].*$/s, '').replace(/[\x01-\x20\x7f]+$/, '')
  return kept === '.' || kept === '..' ? kept : kept.replace(/\.+$/, '')
}

function resolve(segments: readonly string[]): string[] {
  const resolved: string[] = []
  for (const segment of segments) {
    if (segment === '..') resolved.pop()
    else if (segment !== '.') resolved.push(segment)
  }
  return resolved
}

function countOf(text: string, character: string): number {
  let count = 0
  for (let at = text.indexOf(character); at !== -1; at = text.indexOf(character, at + 1)) count += 1
  return count
}
