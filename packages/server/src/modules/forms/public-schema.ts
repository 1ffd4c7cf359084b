import { type Static, Type } from 'typebox'
import { Answers, defenceProperties } from '../../core/challenge/form-defence.ts'
import { Email, Id, Instant, Strict } from '../../core/shapes/fields.ts'
import { PublicForm } from './definition/public-schema.ts'

export const FormSlugParams = Strict({ slug: Type.String({ minLength: 1, maxLength: 64 }) })

export const PublicFormQuery = Type.Object({
  locale: Type.Optional(
    Type.Enum(['en', 'fr', 'all'], {
      description: 'Language of the texts; `all` gives every one. Default: Accept-Language.',
    }),
  ),
})

/** A published form as a page needs it to show it, and to be let in when it sends it. */
export const RenderedForm = Strict(
  {
    id: Id,
    slug: Type.String(),
    version: Type.Integer({ minimum: 1 }),
    ...PublicForm.properties,
    submitUrl: Type.String({ description: 'Where the answers go.' }),
    renderToken: Type.String({ description: 'Send it back with the answers. Single use.' }),
    renderedAt: Instant,
    expiresAt: Instant,
    minimumFillSeconds: Type.Integer({ description: 'Answers that come sooner are refused.' }),
    honeypot: Strict({
      field: Type.String({
        description: 'Show a field of this name that people cannot see, and send it empty among the answers.',
      }),
    }),
  },
  { $id: 'RenderedForm' },
)

const { renderToken: _, renderedAt: __, expiresAt: ___, ...shownProperties } = RenderedForm.properties

/** Of a rendered form, what is the same for every visitor. */
export const ShownFormSchema = Strict(shownProperties)
export type ShownForm = Static<typeof ShownFormSchema>

export const EvaluationInput = Strict(
  { email: Type.Optional(Email), data: Answers, ...defenceProperties },
  { $id: 'EvaluationInput' },
)
export type EvaluationInput = Static<typeof EvaluationInput>

export const FieldFault = Strict(
  { pointer: Type.String(), field: Type.String(), code: Type.String(), message: Type.String() },
  { $id: 'FieldFault' },
)

export const EvaluationResult = Strict(
  {
    valid: Type.Boolean(),
    errors: Type.Array(Type.Unsafe<Static<typeof FieldFault>>({ $ref: 'FieldFault#' })),
    score: Type.Optional(Type.Integer({ description: 'Only where the form shows its score.' })),
    outcome: Type.Optional(
      Type.String({ description: 'Only where the form shows its score, and the answers are valid.' }),
    ),
  },
  { $id: 'EvaluationResult' },
)
export type EvaluationResult = Static<typeof EvaluationResult>
