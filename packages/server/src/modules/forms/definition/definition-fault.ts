/** Something a definition says that makes no sense, although it fits the schema. */
export interface DefinitionFault {
  /** JSON pointer into the definition, such as `/fields/2/showWhen/all/0/value`. */
  readonly pointer: string
  /** Stable. */
  readonly code: DefinitionFaultCode
  /** A sentence for the person who edits the form. */
  readonly message: string
}

export type DefinitionFaultCode =
  | 'name-duplicate'
  | 'name-reserved'
  | 'text-characters'
  | 'bounds-reversed'
  | 'country-unknown'
  | 'date-invalid'
  | 'step-fractional'
  | 'choice-duplicate'
  | 'choice-value'
  | 'choice-bounds'
  | 'condition-field-unknown'
  | 'condition-field-later'
  | 'comparison-operator'
  | 'comparison-value'
  | 'outcome-duplicate'
  | 'outcome-default-missing'
  | 'outcome-unreachable'

export const fault = (pointer: string, code: DefinitionFaultCode, message: string): DefinitionFault => ({
  pointer,
  code,
  message,
})
