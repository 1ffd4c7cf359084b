import { isDayOrRelative } from './check-fields.ts'
import { listComparisons } from './condition.ts'
import { type DefinitionFault, fault } from './definition-fault.ts'
import { readerFor } from './readers/for-field.ts'
import type { Comparison, Condition, FormDefinition, FormField } from './schema.ts'

/** The faults of every condition: of a field, of a scoring rule, of an outcome. */
export function checkConditions(definition: FormDefinition): DefinitionFault[] {
  const positions = new Map<string, number>()
  for (const [position, { name }] of definition.fields.entries())
    if (!positions.has(name)) positions.set(name, position)

  const check = (condition: Condition | undefined, pointer: string, before: number): DefinitionFault[] => {
    if (condition === undefined) return []
    return listComparisons(condition).flatMap((place) => {
      const position = positions.get(place.comparison.field)
      const field = position === undefined ? undefined : definition.fields[position]
      const at = `${pointer}${place.pointer}`
      if (position === undefined || field === undefined) {
        return [fault(`${at}/field`, 'condition-field-unknown', `There is no field "${place.comparison.field}".`)]
      }
      if (position >= before) {
        return [fault(`${at}/field`, 'condition-field-later', 'A field is shown by what was asked before it.')]
      }
      return checkComparison(place.comparison, field, at)
    })
  }

  const all = Number.POSITIVE_INFINITY
  return [
    ...definition.fields.flatMap((field, position) => check(field.showWhen, `/fields/${position}/showWhen`, position)),
    ...(definition.scoring?.rules ?? []).flatMap(({ when }, index) => check(when, `/scoring/rules/${index}/when`, all)),
    ...(definition.outcomes ?? []).flatMap(({ when }, index) =>
      check(when?.condition, `/outcomes/${index}/when/condition`, all),
    ),
  ]
}

type Operator = Comparison['op']

const PRESENCE: readonly Operator[] = ['answered', 'notAnswered']
const EQUALITY: readonly Operator[] = [...PRESENCE, 'equals', 'notEquals', 'oneOf', 'noneOf']
const ORDER: readonly Operator[] = ['lessThan', 'atMost', 'moreThan', 'atLeast']

const OPERATORS = {
  text: EQUALITY,
  longText: EQUALITY,
  email: EQUALITY,
  phone: EQUALITY,
  number: [...EQUALITY, ...ORDER],
  choice: EQUALITY,
  date: [...EQUALITY, ...ORDER],
  consent: [...PRESENCE, 'equals', 'notEquals'],
} as const satisfies Record<FormField['type'], readonly Operator[]>

const MULTIPLE_CHOICE: readonly Operator[] = [...PRESENCE, 'includes', 'excludes']

function isMultiple(field: FormField): boolean {
  return field.type === 'choice' && field.multiple === true
}

function checkComparison(comparison: Comparison, field: FormField, pointer: string): DefinitionFault[] {
  const operators: readonly Operator[] = isMultiple(field) ? MULTIPLE_CHOICE : OPERATORS[field.type]
  if (!operators.includes(comparison.op)) {
    return [
      fault(`${pointer}/op`, 'comparison-operator', `"${comparison.op}" does not apply to the field "${field.name}".`),
    ]
  }
  const compared = comparedValues(comparison, pointer)
  const isPossible = ORDER.includes(comparison.op) ? canOrderBy : canEqual
  return compared
    .filter(({ value }) => !isPossible(field, value))
    .map((one) =>
      fault(one.pointer, 'comparison-value', `The field "${field.name}" never has this value, so nothing would match.`),
    )
}

type Compared = string | number | boolean

function comparedValues(comparison: Comparison, pointer: string): { pointer: string; value: Compared }[] {
  if ('values' in comparison)
    return comparison.values.map((value, index) => ({ pointer: `${pointer}/values/${index}`, value }))
  return 'value' in comparison ? [{ pointer: `${pointer}/value`, value: comparison.value }] : []
}

/** The field's own reader says what the field can hold, in the normalised form a comparison meets. */
function canEqual(field: FormField, value: Compared): boolean {
  if (field.type === 'date') return typeof value === 'string' && isDayOrRelative(value)
  if (isMultiple(field)) return field.type === 'choice' && field.choices.some((choice) => choice.value === value)
  return readerFor(field)(value, '') === value
}

function canOrderBy(field: FormField, value: Compared): boolean {
  return field.type === 'date' ? typeof value === 'string' && isDayOrRelative(value) : typeof value === 'number'
}
