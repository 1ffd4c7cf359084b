import { type EmailAddress, parseEmailAddress } from '../credentials/email-address.ts'
import { ProblemError } from '../problem.ts'

/**
 * The address of an account to be made.
 *
 * @throws ProblemError `invalid-content` for one that could pass for another.
 */
export function accountAddress(text: string, locale: 'en' | 'fr'): EmailAddress {
  const address = parseEmailAddress(text)
  if (!('fault' in address)) return address
  throw new ProblemError('invalid-content', {
    errors: [{ pointer: '/email', code: 'email', message: notPlain[locale] }],
    reason: `email-${address.fault}`,
  })
}

const notPlain = {
  en: 'must be an e-mail address in plain characters',
  fr: 'doit être une adresse électronique en caractères ordinaires',
} as const
