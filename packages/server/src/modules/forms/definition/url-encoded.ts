import type { FormDefinition, FormField } from './schema.ts'

/** A number as people write one, in English or in French: `-1234.5`, `1 234,5`. */
const TYPED_NUMBER = /^[+-]?\d+(?:[.,]\d+)?$/
const GROUPING_SPACES = /[ \u00a0\u202f]/g
/** Longer text is no number anybody means. */
const MAX_TYPED_NUMBER = 40

/**
 * Turns the pairs of an urlencoded HTML form into the JSON answers `evaluateAnswers` takes: text to numbers and
 * ticked boxes to `true` where the field asks for them, repeated names to lists. What cannot be turned is passed
 * on as it is, so that its field refuses it with its own message.
 *
 * @param pairs - decoded names and values in the order sent, without the members that are not answers.
 * @returns an object without prototype; unknown names are kept, to be reported.
 */
export function answersFromPairs(
  { fields }: Pick<FormDefinition, 'fields'>,
  pairs: Iterable<readonly [name: string, value: string]>,
): Record<string, unknown> {
  const sent = new Map<string, string[]>()
  for (const [name, value] of pairs) {
    const values = sent.get(name)
    if (values === undefined) sent.set(name, [value])
    else values.push(value)
  }
  const asked = new Map(fields.map((field) => [field.name, field]))
  const answers: Record<string, unknown> = Object.create(null)
  for (const [name, values] of sent) {
    const field = asked.get(name)
    answers[name] = field === undefined ? values : typedAnswer(field, values)
  }
  return answers
}

function typedAnswer(field: FormField, values: readonly string[]): unknown {
  if (field.type === 'choice' && field.multiple === true) return values.filter((value) => value !== '')
  const [only] = values
  if (values.length !== 1 || only === undefined) return values
  if (field.type === 'number') return numberFrom(only)
  return field.type === 'consent' ? consentFrom(only) : only
}

function numberFrom(text: string): unknown {
  if (text.length > MAX_TYPED_NUMBER) return text
  const digits = text.replace(GROUPING_SPACES, '')
  if (digits === '') return ''
  return TYPED_NUMBER.test(digits) ? Number(digits.replace(',', '.')) : text
}

/** Browsers send `on` for a ticked box without a value, and nothing at all for one left empty. */
function consentFrom(text: string): unknown {
  if (text === 'on' || text === 'true') return true
  return text === '' || text === 'false' ? false : text
}
