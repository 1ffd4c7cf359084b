/** A place in a text; both figures count from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** One thing wrong with a policy: where it stands, what is wrong, and what was probably meant. */
export interface PolicyFault {
  /** Dotted path from the top of the policy or of the file, such as `contact.submit.rules.burst.limit`. */
  readonly path: string
  readonly message: string
  /** The nearest valid spelling, absent when nothing comes close. */
  readonly suggestion?: string
  /** Where it stands in the file, when whoever read it can tell. */
  readonly position?: Position
}

/** A policy that cannot be enforced as written. Carries every fault found, not only the first. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError'
  readonly faults: readonly PolicyFault[]

  constructor(faults: readonly PolicyFault[]) {
    super(`Policy refused: ${faults.map(describeFault).join('; ')}`)
    this.faults = faults
  }
}

/** Writes a fault on one line: its place in the file, the path, what is wrong, the suggestion. */
export function describeFault(fault: PolicyFault): string {
  const suggestion = fault.suggestion === undefined ? '' : ` (did you mean "${fault.suggestion}"?)`
  const place = fault.position === undefined ? '' : `${fault.position.line}:${fault.position.column} `
  return `${place}${fault.path}: ${fault.message}${suggestion}`
}

/** Builds a fault about a word that is not one of those known, with the nearest known one as suggestion. */
export function unknownWord(path: string, what: string, word: string, known: readonly string[]): PolicyFault {
  const nearest = nearestWord(word, known)
  const message = `unknown ${what} "${clip(word)}", expected one of ${known.join(', ')}`
  return nearest === undefined ? { path, message } : { path, message, suggestion: nearest }
}

/**
 * The known word closest to what was written.
 *
 * @returns Undefined when every known word is further than a third of the word away: a wild guess
 * would send the reader to the wrong place.
 */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  const written = clip(word).toLowerCase()
  let nearest: string | undefined
  let nearestDistance = Math.max(2, Math.floor(written.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(written, candidate.toLowerCase())
    if (distance < nearestDistance) {
      nearest = candidate
      nearestDistance = distance
    }
  }
  return nearest
}

/** A word of a file can be megabytes long; distances and messages look at its first 64 characters. */
function clip(word: string): string {
  return word.length > 64 ? `${word.slice(0, 64)}…` : word
}

function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const substitution = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1)
      const insertion = (current[column - 1] ?? 0) + 1
      const deletion = (previous[column] ?? 0) + 1
      current.push(Math.min(substitution, insertion, deletion))
    }
    previous = current
  }
  return previous[to.length] ?? 0
}
