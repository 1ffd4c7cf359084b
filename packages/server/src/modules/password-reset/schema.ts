import { Type } from 'typebox'
import { Email, Strict } from '../../core/shapes/fields.ts'

/** As it was typed. What is asked of a new password is judged later, with a sentence of its own. */
export const NewPassword = Type.String({ minLength: 1, maxLength: 1_024, examples: ['seven purple candles'] })

export const LinkToken = Type.String({ minLength: 1, maxLength: 256, description: 'From the link in the mail.' })

export const ResetRequest = Strict({ email: Email }, { $id: 'ResetRequest' })

export const ResetRequested = Strict({ status: Type.Literal('sent') }, { $id: 'ResetRequested' })

export const ResetConfirmation = Strict({ token: LinkToken, password: NewPassword }, { $id: 'ResetConfirmation' })

export const ResetTokenInput = Strict({ token: LinkToken }, { $id: 'ResetTokenInput' })

export const ResetTokenState = Strict({ valid: Type.Boolean() }, { $id: 'ResetTokenState' })
