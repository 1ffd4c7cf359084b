import type { Day } from './calendar.ts'
import { dayResolver } from './readers/date.ts'
import type { FieldValue } from './readers/reader.ts'
import type { Comparison, Condition, FormField } from './schema.ts'

/** The values read so far, by the position of their field; `undefined` where there is none. */
export type ValuesByPosition = readonly (FieldValue | undefined)[]

/** A condition made ready: a plain function of the values and of today's day. */
export type Test = (values: ValuesByPosition, today: Day) => boolean

/** Finds a field and its position in the form by its name. */
export type FindField = (name: string) => { readonly field: FormField; readonly position: number }

type ValueTest = (value: FieldValue | undefined, today: Day) => boolean

/** Makes a condition ready for many evaluations. Assumes one that `checkDefinition` has nothing against. */
export function compileCondition(condition: Condition, find: FindField): Test {
  if ('all' in condition) {
    return every(
      condition.all.map((member) =>
        'any' in member ? some(member.any.map((one) => compileComparison(one, find))) : compileComparison(member, find),
      ),
    )
  }
  return some(
    condition.any.map((member) =>
      'all' in member ? every(member.all.map((one) => compileComparison(one, find))) : compileComparison(member, find),
    ),
  )
}

function every(tests: readonly Test[]): Test {
  const [only] = tests
  if (tests.length === 1 && only !== undefined) return only
  return (values, today) => tests.every((test) => test(values, today))
}

function some(tests: readonly Test[]): Test {
  const [only] = tests
  if (tests.length === 1 && only !== undefined) return only
  return (values, today) => tests.some((test) => test(values, today))
}

function compileComparison(comparison: Comparison, find: FindField): Test {
  const { field, position } = find(comparison.field)
  const test = compileValueTest(comparison, field)
  return (values, today) => test(values[position], today)
}

function compileValueTest(comparison: Comparison, field: FormField): ValueTest {
  switch (comparison.op) {
    case 'answered':
      return (value) => value !== undefined
    case 'notAnswered':
      return (value) => value === undefined
    case 'oneOf':
      return oneOf(comparison.values, field)
    case 'noneOf':
      return not(oneOf(comparison.values, field))
    case 'includes':
      return includes(comparison.value)
    case 'excludes':
      return not(includes(comparison.value))
    case 'equals':
      return oneOf([comparison.value], field)
    case 'notEquals':
      return not(oneOf([comparison.value], field))
    case 'lessThan':
    case 'atMost':
    case 'moreThan':
    case 'atLeast':
      return ordered(comparison.op, comparison.value, field)
  }
}

type Compared = string | number | boolean

/** The negative operators are the exact opposite of the positive ones, also where there is no value. */
function not(test: ValueTest): ValueTest {
  return (value, today) => !test(value, today)
}

function oneOf(compared: readonly Compared[], field: FormField): ValueTest {
  if (field.type === 'date') {
    const days = compared.map((bound) => dayResolver(String(bound)))
    return (value, today) => days.some((day) => day(today) === value)
  }
  const [only] = compared
  if (compared.length === 1) return (value) => value === only
  const set = new Set<unknown>(compared)
  return (value) => set.has(value)
}

function includes(compared: Compared): ValueTest {
  return (value) => Array.isArray(value) && value.includes(compared)
}

/** Numbers by size, days by the calendar (their text sorts that way). Other values are in no order. */
function ordered(op: 'lessThan' | 'atMost' | 'moreThan' | 'atLeast', compared: Compared, field: FormField): ValueTest {
  if (field.type === 'date') {
    const day = dayResolver(String(compared))
    return (value, today) => typeof value === 'string' && inOrder(op, value, day(today))
  }
  return (value) => typeof value === 'number' && typeof compared === 'number' && inOrder(op, value, compared)
}

function inOrder<T extends string | number>(op: 'lessThan' | 'atMost' | 'moreThan' | 'atLeast', value: T, bound: T) {
  switch (op) {
    case 'lessThan':
      return value < bound
    case 'atMost':
      return value <= bound
    case 'moreThan':
      return value > bound
    case 'atLeast':
      return value >= bound
  }
}

/** Every comparison of a condition, with its JSON pointer below the condition's own. */
export function listComparisons(condition: Condition): { pointer: string; comparison: Comparison }[] {
  const outer = 'all' in condition ? 'all' : 'any'
  const members: readonly (Comparison | { any: Comparison[] } | { all: Comparison[] })[] =
    'all' in condition ? condition.all : condition.any
  return members.flatMap((member, index) => {
    const pointer = `/${outer}/${index}`
    if ('field' in member) return [{ pointer, comparison: member }]
    const inner = 'any' in member ? 'any' : 'all'
    const comparisons = 'any' in member ? member.any : member.all
    return comparisons.map((comparison, place) => ({ pointer: `${pointer}/${inner}/${place}`, comparison }))
  })
}
