/** Header fields that go out as one text. */
export interface FieldBlock {
  /** Names in lower case, with their values. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** The same as they stand on the wire: `name: value` lines, each with its line end. */
  readonly text: string
  /** The fields that must not stand there twice: all but `vary`, which is a list. */
  readonly single: ReadonlySet<string>
}

/**
 * Prepares fields that are the same on every answer.
 *
 * @throws RangeError for a name or a value that no field can have: a line end in it would add fields of its own.
 */
export function createFieldBlock(fields: Readonly<Record<string, string>>): FieldBlock {
  const listed = Object.entries(fields).map(([name, value]) => [name.toLowerCase(), value] as const)
  for (const [name, value] of listed) {
    if (!/^[a-z0-9-]+$/.test(name)) throw new RangeError(`${JSON.stringify(name)} names no header field`)
    if (!/^[\x20-\x7e]+$/.test(value)) throw new RangeError(`${name} has no value that a header field can hold`)
  }
  return Object.freeze({ fields: listed, text: textOf(listed), single: new Set(listed.map(nameOf).filter(isSingle)) })
}

/** The lines of a block but for the fields that an answer sets itself: its own word goes before the prepared one. */
export function linesBeside(block: FieldBlock, isSet: (name: string) => boolean): string {
  return textOf(block.fields.filter(([name]) => !(isSingle(name) && isSet(name))))
}

const nameOf = ([name]: readonly [string, string]): string => name
const isSingle = (name: string): boolean => name !== 'vary'

function textOf(fields: FieldBlock['fields']): string {
  return fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
}
