import { readFileSync } from 'node:fs'
import { describeFault, locateFaults, PolicyError, type Position } from '@rempart/guard'
import { type Document, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, stringify, visit } from 'yaml'

/** One fault of a policy file. `position` is absent where the file as a whole cannot be read. */
export interface PolicyFileFault {
  readonly position?: Position
  /** Dotted path in the file, `policies.contact.submit.rules.burst.limit`; empty for what is no YAML. */
  readonly path: string
  readonly message: string
  readonly suggestion?: string
}

/** A policy file that cannot be enforced as written, with every fault, in the order of the file. */
export class PolicyFileError extends Error {
  override readonly name = 'PolicyFileError'
  readonly file: string
  readonly faults: readonly PolicyFileFault[]
  constructor(file: string, faults: readonly PolicyFileFault[]) {
    super(faults.map((fault) => placeFault(file, fault)).join('\n'))
    this.file = file
    this.faults = faults
  }
}

/** A policy file as read: what it says is judged by the guard. */
export interface PolicyDocument {
  readonly file: string
  readonly text: string
  readonly parsed: unknown
  /** Where a dotted path stands, as the guard names places. */
  readonly locate: (path: string) => Position | undefined
}

/** Writes a fault on one line, in the form that editors and CI turn into a link: `file:line:column: what is wrong`. */
export function placeFault(file: string, { position, path, message, suggestion }: PolicyFileFault): string {
  const place = position === undefined ? file : `${file}:${position.line}:${position.column}`
  const described = describeFault({ path, message, ...(suggestion !== undefined && { suggestion }) })
  return `${place}: ${path === '' ? described.slice(2) : described}`
}

/**
 * Reads a `rempart.policy.yaml` (JSON is YAML too).
 *
 * @throws PolicyFileError when it cannot be read, or is no YAML that this product takes (aliases are not).
 */
export function readPolicyFile(file: string): PolicyDocument {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    throw new PolicyFileError(file, [{ path: '', message: 'the file cannot be read' }])
  }
  return parsePolicyFile(file, text)
}

/**
 * Reads the text of a policy file.
 *
 * @param file - What faults call it.
 * @throws PolicyFileError like `readPolicyFile`.
 */
export function parsePolicyFile(file: string, text: string): PolicyDocument {
  const lines = new LineCounter()
  // A byte order mark is what some editors begin a file with.
  const source = text.replace(/^\uFEFF/, '')
  const document = parseDocument(source, { strict: true, uniqueKeys: true, prettyErrors: false, lineCounter: lines })
  const positionOf = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const faults = [...document.errors, ...document.warnings].map(({ pos: [offset], message }) => ({
    position: positionOf(offset),
    path: '',
    message,
  }))
  // A few lines of aliases can stand for gigabytes, so none is followed.
  for (const offset of aliasesOf(document)) {
    faults.push({ position: positionOf(offset), path: '', message: 'aliases are not supported: write the text out' })
  }
  if (faults.length > 0) throw new PolicyFileError(file, faults)
  const places = mapPlaces(document, positionOf)
  return { file, text, parsed: document.toJS(), locate: (path) => places.get(path) }
}

/** What the guard says of a file's content, as faults of the file; any other error as it is. */
export function inFile(document: PolicyDocument, error: unknown): unknown {
  if (!(error instanceof PolicyError)) return error
  return new PolicyFileError(document.file, locateFaults(error.faults, document.locate))
}

/** A policy file as a text that `parsePolicyFile` reads back. */
export function formatPolicyFile(content: Readonly<Record<string, unknown>>): string {
  return stringify(content, { lineWidth: 110, aliasDuplicateObjects: false })
}

function aliasesOf(document: Document): readonly number[] {
  const offsets: number[] = []
  visit(document, {
    Alias: (_, node) => void offsets.push(node.range?.[0] ?? 0),
  })
  return offsets
}

/** The place of every key and list item by its dotted path. */
function mapPlaces(document: Document, positionOf: (offset: number) => Position): ReadonlyMap<string, Position> {
  const places = new Map<string, Position>()
  const walk = (path: string, node: unknown): void => {
    for (const { name, key, value } of childrenOf(node)) {
      const inner = name.startsWith('[') || path === '' ? `${path}${name}` : `${path}.${name}`
      if (isNode(key) && key.range && !places.has(inner)) places.set(inner, positionOf(key.range[0]))
      walk(inner, value)
    }
  }
  walk('', document.contents)
  return places
}

interface Child {
  /** What it adds to the path: a key, or `[index]`. */
  readonly name: string
  /** What stands at its place. */
  readonly key: unknown
  readonly value: unknown
}

function childrenOf(node: unknown): readonly Child[] {
  if (isSeq(node)) return node.items.map((item, index) => ({ name: `[${index}]`, key: item, value: item }))
  if (!isMap(node)) return []
  return node.items.flatMap(({ key, value }) => (isScalar(key) ? [{ name: String(key.value), key, value }] : []))
}
