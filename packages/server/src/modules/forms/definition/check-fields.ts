import { daysFromToday, isDay } from './calendar.ts'
import { type DefinitionFault, fault } from './definition-fault.ts'
import { isPhoneCountry } from './readers/phone.ts'
import { DEFAULT_MAX_LENGTH, type FormField } from './schema.ts'

/** The faults of a field taken by itself. */
export function checkField(field: FormField, pointer: string): DefinitionFault[] {
  switch (field.type) {
    case 'text':
    case 'longText': {
      const longest = field.maxLength ?? DEFAULT_MAX_LENGTH[field.type]
      return checkOrder(
        field.minLength,
        longest,
        `${pointer}/minLength`,
        'The shortest length is above the longest one.',
      )
    }
    case 'phone':
      if (field.country === undefined || isPhoneCountry(field.country)) return []
      return [fault(`${pointer}/country`, 'country-unknown', `"${field.country}" is no country with phone numbers.`)]
    case 'number':
      return checkNumber(field, pointer)
    case 'choice':
      return [...checkChoices(field, pointer), ...checkChoiceCounts(field, pointer)]
    case 'date':
      return checkDates(field, pointer)
    case 'email':
    case 'consent':
      return []
  }
}

type FieldOf<T extends FormField['type']> = Extract<FormField, { type: T }>

/** A fault when a lower bound lies above its upper one. */
export function checkOrder(low: number | undefined, high: number | undefined, pointer: string, message: string) {
  if (low === undefined || high === undefined || low <= high) return []
  return [fault(pointer, 'bounds-reversed', message)]
}

function checkNumber({ min, max, step, integer }: FieldOf<'number'>, pointer: string): DefinitionFault[] {
  const faults = checkOrder(min, max, `${pointer}/min`, 'The smallest number is above the largest one.')
  if (integer !== true) return faults
  // From a fractional start or by fractional steps, a field of whole numbers would refuse what it asks for.
  for (const [name, value] of Object.entries({ min, step })) {
    if (value === undefined || Number.isInteger(value)) continue
    if (name === 'min' && step === undefined) continue
    faults.push(fault(`${pointer}/${name}`, 'step-fractional', 'A field of whole numbers counts by whole steps.'))
  }
  return faults
}

const SURROUNDED_OR_BROKEN = /^\s|\s$|[\t\n\r\u2028\u2029]/

function checkChoices({ choices }: FieldOf<'choice'>, pointer: string): DefinitionFault[] {
  const seen = new Set<string>()
  return choices.flatMap(({ value }, index) => {
    const place = `${pointer}/choices/${index}/value`
    const faults: DefinitionFault[] = []
    if (SURROUNDED_OR_BROKEN.test(value)) {
      faults.push(fault(place, 'choice-value', 'A choice value is one line without spaces around it.'))
    }
    if (seen.has(value)) faults.push(fault(place, 'choice-duplicate', 'Another choice has this value already.'))
    seen.add(value)
    return faults
  })
}

function checkChoiceCounts(field: FieldOf<'choice'>, pointer: string): DefinitionFault[] {
  const { minChoices, maxChoices, choices } = field
  const bounds = Object.entries({ minChoices, maxChoices })
  if (field.multiple !== true) {
    return bounds
      .filter(([, count]) => count !== undefined)
      .map(([name]) => fault(`${pointer}/${name}`, 'choice-bounds', 'Only a multiple choice counts its choices.'))
  }
  return [
    ...bounds
      .filter(([, count]) => count !== undefined && count > choices.length)
      .map(([name]) => fault(`${pointer}/${name}`, 'choice-bounds', 'There are fewer choices than that.')),
    ...checkOrder(minChoices, maxChoices, `${pointer}/minChoices`, 'The fewest choices are above the most.'),
  ]
}

function checkDates({ minDate, maxDate }: FieldOf<'date'>, pointer: string): DefinitionFault[] {
  const faults = Object.entries({ minDate, maxDate })
    .filter(([, bound]) => bound !== undefined && !isDayOrRelative(bound))
    .map(([name]) => fault(`${pointer}/${name}`, 'date-invalid', 'There is no such day.'))
  if (faults.length > 0 || minDate === undefined || maxDate === undefined || !areReversed(minDate, maxDate))
    return faults
  return [fault(`${pointer}/minDate`, 'bounds-reversed', 'The first day is after the last one.')]
}

/** Whether a bound or a compared day exists: `2026-03-31`, `today`, `today+14d`. */
export function isDayOrRelative(bound: string): boolean {
  return isDay(bound) || daysFromToday(bound) !== undefined
}

/** Two days of different kinds cannot be ordered without knowing today. */
function areReversed(minDate: string, maxDate: string): boolean {
  const low = daysFromToday(minDate)
  const high = daysFromToday(maxDate)
  if (low === undefined && high === undefined) return minDate > maxDate
  return low !== undefined && high !== undefined && low > high
}
