import type { PublicField, PublicForm, PublicText } from './public-schema.ts'
import {
  DEFAULT_MAX_LENGTH,
  type FormDefinition,
  type FormField,
  type FormLocale,
  type LocalisedText,
  textIn,
} from './schema.ts'

/**
 * Describes a form for those who fill it in. Built member by member, so that scoring rules, points, and what
 * leads to an outcome never leave the server.
 *
 * @param locale - the language of the texts; `undefined` for all of them.
 */
export function describePublic(definition: FormDefinition, locale?: FormLocale): PublicForm {
  const say: Say = (text) => (locale === undefined ? text : textIn(text, locale))
  return {
    title: say(definition.title),
    ...optional('description', definition.description, say),
    fields: definition.fields.map((field) => describeField(field, say)),
    ...(definition.exposeScore ? { outcomes: describeOutcomes(definition, say) } : {}),
  }
}

type Say = (text: LocalisedText) => PublicText

function describeOutcomes({ outcomes = [] }: FormDefinition, say: Say) {
  return outcomes.map(({ id, label }) => ({ id, ...optional('label', label, say) }))
}

function describeField(field: FormField, say: Say): PublicField {
  return {
    name: field.name,
    type: field.type,
    label: say(field.label),
    required: field.required ?? false,
    ...optional('help', field.help, say),
    ...('placeholder' in field ? optional('placeholder', field.placeholder, say) : {}),
    ...optional('showWhen', field.showWhen, (condition) => condition),
    ...describeKind(field, say),
  }
}

function describeKind(field: FormField, say: Say): Partial<PublicField> {
  switch (field.type) {
    case 'text':
    case 'longText':
      return {
        ...optional('minLength', field.minLength, same),
        maxLength: field.maxLength ?? DEFAULT_MAX_LENGTH[field.type],
      }
    case 'email':
      return {}
    case 'phone':
      return optional('country', field.country, same)
    case 'number':
      return {
        ...optional('min', field.min, same),
        ...optional('max', field.max, same),
        ...optional('step', field.step, same),
        integer: field.integer ?? false,
      }
    case 'choice':
      return {
        multiple: field.multiple ?? false,
        choices: field.choices.map(({ value, label }) => ({ value, label: say(label) })),
        ...optional('minChoices', field.minChoices, same),
        ...optional('maxChoices', field.maxChoices, same),
      }
    case 'date':
      return { ...optional('minDate', field.minDate, same), ...optional('maxDate', field.maxDate, same) }
    case 'consent':
      return { consentText: say(field.consentText), version: field.version }
  }
}

const same = <T>(value: T): T => value

function optional<N extends string, T, R>(name: N, value: T | undefined, as: (value: T) => R): { [K in N]?: R } {
  // The computed name is exactly N, which a computed property in an object literal loses.
  return value === undefined ? {} : ({ [name]: as(value) } as { [K in N]?: R })
}
