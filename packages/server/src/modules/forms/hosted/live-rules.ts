import { listComparisons } from '../definition/condition.ts'
import { type Refusal, type RefusalCode, refusalMessage } from '../definition/messages.ts'
import { dayResolver } from '../definition/readers/date.ts'
import { type Condition, DEFAULT_MAX_LENGTH, type FormField, type FormLocale } from '../definition/schema.ts'

/** One rule that the page's script checks as a field is filled in. The server checks all of them again, and has the last word. */
export interface LiveRule {
  readonly code: RefusalCode
  readonly limit?: number | string
  readonly message: string
}

/** The rules of a field that a script can check without knowing more than the field. */
export function liveRules(field: FormField, today: string, locale: FormLocale): LiveRule[] {
  return refusalsOf(field, today).map((refusal) => ({ ...refusal, message: refusalMessage(refusal, locale) }))
}

function refusalsOf(field: FormField, today: string): Refusal[] {
  switch (field.type) {
    case 'text':
    case 'longText':
      return [
        ...bound('text-too-short', field.minLength),
        ...bound('text-too-long', field.maxLength ?? DEFAULT_MAX_LENGTH[field.type]),
      ]
    case 'email':
      return [{ code: 'email-invalid' }]
    case 'number':
      return [
        { code: 'number-expected' },
        ...(field.integer === true ? [{ code: 'number-integer' } as const] : []),
        ...bound('number-too-small', field.min),
        ...bound('number-too-large', field.max),
      ]
    case 'date':
      return [
        ...bound('date-too-early', dayOf(field.minDate, today)),
        ...bound('date-too-late', dayOf(field.maxDate, today)),
      ]
    case 'choice':
      return field.multiple === true
        ? [...bound('choices-too-few', field.minChoices), ...bound('choices-too-many', field.maxChoices)]
        : []
    case 'phone':
    case 'consent':
      return []
  }
}

function bound(code: RefusalCode, limit: number | string | undefined): Refusal[] {
  return limit === undefined ? [] : [{ code, limit }]
}

/** A bound of a date field as a day; undefined where there is none. */
export function dayOf(bounding: string | undefined, today: string): string | undefined {
  return bounding === undefined ? undefined : dayResolver(bounding)(today)
}

/** A condition whose days stand on the calendar, so that a page's script needs neither time zone nor today. */
export function settledCondition(
  condition: Condition,
  fields: ReadonlyMap<string, FormField>,
  today: string,
): Condition {
  const settled = structuredClone(condition)
  for (const { comparison } of listComparisons(settled)) {
    if (fields.get(comparison.field)?.type !== 'date') continue
    if ('values' in comparison) comparison.values = comparison.values.map((each) => dayResolver(String(each))(today))
    else if ('value' in comparison) comparison.value = dayResolver(String(comparison.value))(today)
  }
  return settled
}
