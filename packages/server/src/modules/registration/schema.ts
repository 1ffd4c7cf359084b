import { type Static, Type } from 'typebox'
import { Email, Line, Strict } from '../../core/shapes/fields.ts'

export const RegisterInput = Strict(
  {
    email: Email,
    password: Type.String({ minLength: 1, maxLength: 1_024, examples: ['seven purple candles'] }),
    name: Type.Optional(Line(200)),
    locale: Type.Optional(Type.Union([Type.Literal('en'), Type.Literal('fr')])),
  },
  { $id: 'RegisterInput' },
)
export type RegisterInput = Static<typeof RegisterInput>

export const RegisterReply = Strict({ status: Type.Literal('pending') }, { $id: 'RegisterReply' })

export const VerifyEmailInput = Strict(
  {
    token: Type.String({ minLength: 1, maxLength: 256, description: 'From the link in the mail.' }),
    password: Type.String({
      minLength: 1,
      maxLength: 1_024,
      description: 'The one that was chosen: a link alone makes no account that somebody else asked for.',
    }),
  },
  { $id: 'VerifyEmailInput' },
)
