import { type Document, isNode, LineCounter, parseDocument, stringify } from 'yaml'
import { type ContentFault, ProblemError } from '../../core/problem.ts'
import type { FormDefinition } from './definition/schema.ts'
import { readDefinition } from './definition-input.ts'

/** One fault of a file; `line` and `column` count from 1. `pointer` is empty where the file cannot be read at all. */
export interface FileFault extends ContentFault {
  readonly line: number
  readonly column: number
}

/** A file holds no definition that could be used. */
export class DefinitionFileError extends Error {
  override readonly name = 'DefinitionFileError'
  readonly faults: readonly FileFault[]
  constructor(faults: readonly FileFault[]) {
    super(faults.map((each) => `${each.line}:${each.column} ${each.pointer} ${each.message}`).join('\n'))
    this.faults = faults
  }
}

/**
 * Reads the definition of a form from YAML or JSON (which is YAML too).
 *
 * @throws DefinitionFileError with every fault and where it stands.
 */
export function parseDefinition(text: string, locale: 'en' | 'fr'): FormDefinition {
  const lines = new LineCounter()
  // A byte order mark is what some editors begin a file with.
  const source = text.replace(/^\uFEFF/, '')
  const document = parseDocument(source, { strict: true, uniqueKeys: true, prettyErrors: false, lineCounter: lines })
  const broken = [...document.errors, ...document.warnings]
  if (broken.length > 0) {
    throw new DefinitionFileError(broken.map((each) => fileFault(lines, each.pos[0], '', 'syntax', each.message)))
  }
  try {
    return readDefinition(toValue(document), locale)
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    throw new DefinitionFileError(
      (error.options.errors ?? []).map(({ pointer, code, message }) =>
        fileFault(lines, offsetOf(document, pointer), pointer, code, message),
      ),
    )
  }
}

/** A definition as a text that `parseDefinition` reads back, its members in the order people write them. */
export function formatDefinition(definition: FormDefinition, format: 'yaml' | 'json'): string {
  const ordered = inOrder(definition)
  return format === 'json' ? `${JSON.stringify(ordered, null, 2)}\n` : stringify(ordered, { lineWidth: 110 })
}

function fileFault(lines: LineCounter, offset: number, pointer: string, code: string, message: string): FileFault {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(line, 1), column: Math.max(col, 1), pointer, code, message }
}

// A few lines of aliases can stand for gigabytes, so none is followed.
function toValue(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 })
  } catch {
    const errors = [{ pointer: '', code: 'alias', message: 'Aliases are not supported: write the text out.' }]
    throw new ProblemError('invalid-content', { errors })
  }
}

/** Where the value of a pointer begins, or what is nearest above it where the file has no such value. */
function offsetOf(document: Document, pointer: string): number {
  const path = pointer.split('/').slice(1).map(unescapePointer)
  for (let length = path.length; length > 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
}

const unescapePointer = (part: string): string | number =>
  /^\d+$/.test(part) ? Number(part) : part.replace(/~1/g, '/').replace(/~0/g, '~')

/** The members of a definition, of its fields, conditions and outcomes. The database keeps no order of its own. */
const order: ReadonlyMap<string, number> = new Map(
  [
    'title description name type field op id value values en fr label help placeholder consentText version required',
    'country minLength maxLength min max integer step minDate maxDate multiple choices minChoices maxChoices score',
    'showWhen when minScore maxScore condition all any points fields scoring rules outcomes exposeScore protection',
    'honeypot renderToken minimumFillSeconds maximumAgeSeconds',
  ]
    .join(' ')
    .split(' ')
    .map((name, place) => [name, place]),
)

function inOrder(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(inOrder)
  if (typeof part !== 'object' || part === null) return part
  const place = (name: string): number => order.get(name) ?? order.size
  const members = Object.entries(part).sort(([left], [right]) => place(left) - place(right))
  return Object.fromEntries(members.map(([name, value]) => [name, inOrder(value)]))
}
