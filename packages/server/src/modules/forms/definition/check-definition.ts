import { checkConditions } from './check-conditions.ts'
import { checkField } from './check-fields.ts'
import { checkOutcomes } from './check-outcomes.ts'
import { type DefinitionFault, fault } from './definition-fault.ts'
import type { FormDefinition } from './schema.ts'

/**
 * Says what makes no sense in a definition that fits the schema: all of it, in the order of the definition's
 * parts. An empty list means that `compileForm` takes it and that every condition and outcome can matter.
 */
export function checkDefinition(definition: FormDefinition): DefinitionFault[] {
  return [
    ...checkCharacters(definition, ''),
    ...checkNames(definition),
    ...definition.fields.flatMap((field, position) => checkField(field, `/fields/${position}`)),
    ...checkConditions(definition),
    ...checkOutcomes(definition),
  ]
}

/**
 * Names with a meaning of their own: those every JavaScript object answers to, and the members of a submission
 * that old clients put beside or among the answers.
 */
const RESERVED_NAMES: ReadonlySet<string> = new Set([
  ...Object.getOwnPropertyNames(Object.prototype),
  'prototype',
  'honeypot',
  'renderToken',
  'formRenderedAt',
])

function checkNames({ fields }: FormDefinition): DefinitionFault[] {
  const seen = new Set<string>()
  return fields.flatMap(({ name }, position) => {
    const pointer = `/fields/${position}/name`
    const faults: DefinitionFault[] = []
    if (RESERVED_NAMES.has(name))
      faults.push(fault(pointer, 'name-reserved', `"${name}" is reserved: choose another name.`))
    if (seen.has(name)) faults.push(fault(pointer, 'name-duplicate', `Another field is already called "${name}".`))
    seen.add(name)
    return faults
  })
}

const UNPRINTABLE = /[\p{Cc}--[\t\n]]/v

/** PostgreSQL stores neither NUL nor half a surrogate pair, and no reader can see the other controls. */
function checkCharacters(part: unknown, pointer: string): DefinitionFault[] {
  if (typeof part === 'string') {
    if (part.isWellFormed() && !UNPRINTABLE.test(part)) return []
    return [fault(pointer, 'text-characters', 'Remove the characters that cannot be displayed.')]
  }
  if (typeof part !== 'object' || part === null) return []
  return Object.entries(part).flatMap(([name, value]) => checkCharacters(value, `${pointer}/${name}`))
}
