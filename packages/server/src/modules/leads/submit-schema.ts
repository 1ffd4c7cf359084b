import { type Static, Type } from 'typebox'
import { Answers, defenceProperties } from '../../core/challenge/form-defence.ts'
import { Email, Id, Strict } from '../../core/shapes/fields.ts'

export const SubmitParams = Strict({ formId: Id })

export const SubmitHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      description:
        'One value of your own per submission, 1 to 255 printable characters. Send the same one again after a lost answer: it is stored once, and answered the same.',
    }),
  ),
})

/** What a website's form posts. */
export const SubmissionInput = Strict({ email: Email, data: Answers, ...defenceProperties }, { $id: 'SubmissionInput' })
export type SubmissionInput = Static<typeof SubmissionInput>

export const SubmissionReceipt = Strict(
  {
    id: Id,
    status: Type.Literal('received'),
    score: Type.Optional(Type.Integer({ description: 'Only where the form shows its score.' })),
    outcome: Type.Optional(Type.String({ description: 'Only where the form shows its score.' })),
  },
  { $id: 'SubmissionReceipt' },
)
export type SubmissionReceipt = Static<typeof SubmissionReceipt>
