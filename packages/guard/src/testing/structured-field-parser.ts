/** One item of a structured field list: a string with integer parameters. */
export interface ParsedItem {
  readonly name: string
  readonly parameters: Readonly<Record<string, number>>
}

/**
 * Reads a list of strings with integer parameters, character by character as RFC 9651 §4.2 says, and
 * shares nothing with what writes them. What is not such a list throws.
 */
export function parseItems(field: string): ParsedItem[] {
  const input = { field, position: 0 }
  const items: ParsedItem[] = []
  while (input.position < field.length) {
    const name = parseString(input)
    items.push({ name, parameters: parseParameters(input) })
    if (input.position === field.length) break
    expectNext(input, ',')
    while (field[input.position] === ' ') input.position += 1
    if (input.position === field.length) throw new SyntaxError('a list ends with a comma')
  }
  return items
}

interface Input {
  readonly field: string
  position: number
}

function expectNext(input: Input, character: string): void {
  if (input.field[input.position] !== character) throw new SyntaxError(`no ${character} at ${input.position}`)
  input.position += 1
}

function parseString(input: Input): string {
  expectNext(input, '"')
  let text = ''
  for (;;) {
    const character = input.field[input.position]
    input.position += 1
    if (character === undefined || !/^[\x20-\x7e]$/.test(character)) throw new SyntaxError('a string is not ended')
    if (character === '"') return text
    text += character === '\\' ? parseEscape(input) : character
  }
}

function parseEscape(input: Input): string {
  const character = input.field[input.position]
  if (character !== '"' && character !== '\\') throw new SyntaxError('an unknown escape')
  input.position += 1
  return character
}

function parseParameters(input: Input): Record<string, number> {
  const parameters: Record<string, number> = {}
  while (input.field[input.position] === ';') {
    const match = /^;([a-z*][a-z0-9_.*-]*)=(-?\d{1,15})(?!\d)/.exec(input.field.slice(input.position))
    if (match === null) throw new SyntaxError('a malformed parameter')
    parameters[match[1] ?? ''] = Number(match[2])
    input.position += match[0].length
  }
  return parameters
}
