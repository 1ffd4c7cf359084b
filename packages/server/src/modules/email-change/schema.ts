import { Type } from 'typebox'
import { Email, Strict } from '../../core/shapes/fields.ts'

export const EmailChangeInput = Strict({ email: Email }, { $id: 'EmailChangeInput' })

export const EmailChangeAsked = Strict({ status: Type.Literal('sent') }, { $id: 'EmailChangeAsked' })

export const EmailLinkInput = Strict(
  { token: Type.String({ minLength: 1, maxLength: 256, description: 'From the link in the mail.' }) },
  { $id: 'EmailLinkInput' },
)
