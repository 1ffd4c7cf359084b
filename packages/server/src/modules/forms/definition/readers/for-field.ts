import { DEFAULT_MAX_LENGTH, type FormField } from '../schema.ts'
import { choiceReader, choicesReader } from './choice.ts'
import { consentReader } from './consent.ts'
import { dateReader, dayResolver } from './date.ts'
import { readEmail } from './email.ts'
import { numberReader } from './number.ts'
import { isPhoneCountry, phoneReader } from './phone.ts'
import type { Reader } from './reader.ts'
import { textReader } from './text.ts'

/** The reader of a field's answers, with everything the definition says already worked out. */
export function readerFor(field: FormField): Reader {
  switch (field.type) {
    case 'text':
    case 'longText':
      return textReader({
        minLength: field.minLength ?? 1,
        maxLength: field.maxLength ?? DEFAULT_MAX_LENGTH[field.type],
        multiline: field.type === 'longText',
      })
    case 'email':
      return readEmail
    case 'phone':
      return phoneReader(field.country !== undefined && isPhoneCountry(field.country) ? field.country : undefined)
    case 'number':
      return numberReader({ min: field.min, max: field.max, step: field.step, integer: field.integer ?? false })
    case 'choice':
      return readerForChoices(field)
    case 'date':
      return dateReader(optionalDay(field.minDate), optionalDay(field.maxDate))
    case 'consent':
      return consentReader(field.required ?? false)
  }
}

function readerForChoices(field: Extract<FormField, { type: 'choice' }>): Reader {
  const offered = new Set(field.choices.map((choice) => choice.value))
  if (field.multiple !== true) return choiceReader(offered)
  return choicesReader(offered, { min: field.minChoices ?? 1, max: field.maxChoices ?? offered.size })
}

const optionalDay = (bound: string | undefined) => (bound === undefined ? undefined : dayResolver(bound))
