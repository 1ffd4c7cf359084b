import { describe, expect, it } from 'vitest'
import { compileCondition } from './condition.ts'
import type { FieldValue } from './readers/reader.ts'
import type { Comparison, Condition, FormField } from './schema.ts'

const label = { en: 'Label' }
const choices = ['a', 'b'].map((value) => ({ value, label }))
const FIELDS: readonly FormField[] = [
  { name: 'text', type: 'text', label },
  { name: 'number', type: 'number', label },
  { name: 'day', type: 'date', label },
  { name: 'many', type: 'choice', label, multiple: true, choices },
  { name: 'agreed', type: 'consent', label, consentText: label, version: '1' },
]
const TODAY = '2026-03-29'

function holds(condition: Condition, values: Record<string, FieldValue>): boolean {
  const test = compileCondition(condition, (name) => {
    const position = FIELDS.findIndex((field) => field.name === name)
    const field = FIELDS[position]
    if (field === undefined) throw new RangeError(name)
    return { field, position }
  })
  return test(
    FIELDS.map(({ name }) => values[name]),
    TODAY,
  )
}

describe('comparisons', () => {
  it.each<[Comparison, FieldValue | undefined, boolean]>([
    [{ field: 'text', op: 'answered' }, 'x', true],
    [{ field: 'text', op: 'answered' }, undefined, false],
    [{ field: 'text', op: 'notAnswered' }, undefined, true],
    [{ field: 'agreed', op: 'answered' }, false, true],
    [{ field: 'number', op: 'answered' }, 0, true],
    [{ field: 'text', op: 'equals', value: 'x' }, 'x', true],
    [{ field: 'text', op: 'equals', value: 'x' }, 'X', false],
    [{ field: 'text', op: 'equals', value: 'x' }, undefined, false],
    [{ field: 'text', op: 'notEquals', value: 'x' }, 'y', true],
    [{ field: 'text', op: 'notEquals', value: 'x' }, undefined, true],
    [{ field: 'number', op: 'equals', value: 0 }, 0, true],
    [{ field: 'number', op: 'equals', value: 0 }, undefined, false],
    [{ field: 'number', op: 'equals', value: 5 }, '5', false],
    [{ field: 'agreed', op: 'equals', value: false }, false, true],
    [{ field: 'agreed', op: 'equals', value: false }, undefined, false],
    [{ field: 'text', op: 'oneOf', values: ['x', 'y'] }, 'y', true],
    [{ field: 'text', op: 'oneOf', values: ['x', 'y'] }, undefined, false],
    [{ field: 'text', op: 'noneOf', values: ['x', 'y'] }, 'y', false],
    [{ field: 'text', op: 'noneOf', values: ['x', 'y'] }, undefined, true],
    [{ field: 'many', op: 'includes', value: 'a' }, ['a', 'b'], true],
    [{ field: 'many', op: 'includes', value: 'a' }, ['b'], false],
    [{ field: 'many', op: 'includes', value: 'a' }, undefined, false],
    [{ field: 'many', op: 'excludes', value: 'a' }, undefined, true],
    [{ field: 'number', op: 'lessThan', value: 5 }, 4.9, true],
    [{ field: 'number', op: 'lessThan', value: 5 }, 5, false],
    [{ field: 'number', op: 'atMost', value: 5 }, 5, true],
    [{ field: 'number', op: 'atMost', value: 5 }, 5.1, false],
    [{ field: 'number', op: 'moreThan', value: 5 }, 5, false],
    [{ field: 'number', op: 'moreThan', value: 5 }, 5.1, true],
    [{ field: 'number', op: 'atLeast', value: 5 }, 5, true],
    [{ field: 'number', op: 'atLeast', value: 5 }, 4.9, false],
    [{ field: 'number', op: 'lessThan', value: 5 }, undefined, false],
    [{ field: 'day', op: 'equals', value: 'today' }, TODAY, true],
    [{ field: 'day', op: 'oneOf', values: ['today-1d', 'today'] }, '2026-03-28', true],
    [{ field: 'day', op: 'notEquals', value: 'today' }, undefined, true],
    [{ field: 'day', op: 'atLeast', value: 'today+7d' }, '2026-04-05', true],
    [{ field: 'day', op: 'atLeast', value: 'today+7d' }, '2026-04-04', false],
    [{ field: 'day', op: 'lessThan', value: '2026-03-29' }, '2026-03-28', true],
    [{ field: 'day', op: 'moreThan', value: '2026-03-29' }, undefined, false],
  ])('%j with %j: %s', (comparison, value, expected) => {
    const values = value === undefined ? {} : { [comparison.field]: value }
    expect(holds({ all: [comparison] }, values)).toBe(expected)
    expect(holds({ any: [comparison] }, values)).toBe(expected)
  })
})

describe('groups', () => {
  const text: Comparison = { field: 'text', op: 'answered' }
  const number: Comparison = { field: 'number', op: 'answered' }
  const day: Comparison = { field: 'day', op: 'answered' }

  it.each<[Condition, readonly boolean[]]>([
    // Truth tables over text, number, day in the order 000, 001, 010, 011, 100, 101, 110, 111.
    [{ all: [text, number, day] }, [false, false, false, false, false, false, false, true]],
    [{ any: [text, number, day] }, [false, true, true, true, true, true, true, true]],
    [{ all: [text, { any: [number, day] }] }, [false, false, false, false, false, true, true, true]],
    [{ any: [text, { all: [number, day] }] }, [false, false, false, true, true, true, true, true]],
  ])('%j', (condition, expected) => {
    const seen = expected.map((_, bits) =>
      holds(condition, {
        ...(bits & 4 ? { text: 'x' } : {}),
        ...(bits & 2 ? { number: 1 } : {}),
        ...(bits & 1 ? { day: TODAY } : {}),
      }),
    )
    expect(seen).toEqual(expected)
  })
})
