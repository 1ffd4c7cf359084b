/** What a name of a header field means to a reader: a number of its own, 0 for names that mean nothing special. */
export type FieldKinds = (name: string) => number

/** Names as spelt by clients that are remembered; a client that makes names up gains nothing by it. */
const MOST_SPELLINGS = 1_024
const LONGEST_SPELLING = 64

/**
 * Builds the look-up of field names without regard to case.
 *
 * @param known - By name in lower case.
 * @param derive - For all other names in lower case.
 */
export function createFieldKinds(
  known: ReadonlyMap<string, number>,
  derive: (name: string) => number = () => 0,
): FieldKinds {
  const spellings = new Map(known)
  return (name) => {
    const kind = spellings.get(name)
    if (kind !== undefined) return kind
    const lower = name.toLowerCase()
    const found = known.get(lower) ?? derive(lower)
    if (spellings.size < MOST_SPELLINGS && name.length <= LONGEST_SPELLING) spellings.set(name, found)
    return found
  }
}

/** The names in a Connection field, in lower case; undefined when it names none but `close` and `keep-alive`. */
export function namedInConnection(value: string): readonly string[] | undefined {
  const text = value.toLowerCase()
  if (text === 'keep-alive' || text === 'close' || text === '') return undefined
  const names = text.split(',').map((name) => name.trim())
  const others = names.filter((name) => name !== '' && name !== 'close' && name !== 'keep-alive')
  return others.length === 0 ? undefined : others
}

/** The text of an RFC 9110 token. */
export const token = "[!#$%&'*+\\-.^_`|~\\dA-Za-z]+"
