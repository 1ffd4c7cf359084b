import { canonicalEmail } from '../../../../core/shapes/email.ts'
import type { Refusal } from '../messages.ts'
import type { Reader } from './reader.ts'

const INVALID: Refusal = { code: 'email-invalid' }

/** Reads an e-mail address into the one form it is stored in (see `canonicalEmail`). */
export const readEmail: Reader = (answer) => {
  if (typeof answer !== 'string') return { code: 'text-expected' }
  if (answer.trim() === '') return undefined
  return canonicalEmail(answer) ?? INVALID
}
