import { inWords } from '../plain-values.ts'
import { dayMs, type MailTemplate } from './content.ts'

/** Tells the owner of an account from when on its second factor is asked for no more, and how to prevent it. */
export const factorResetWaits: MailTemplate<{
  /** Calls it off. */
  readonly token: string
  /** RFC 3339. */
  readonly until: string
}> = {
  lifetimeMs: dayMs,
  // Each was preceded by the link of another mail.
  perHour: 3,
  perDay: 6,
  write({ token, until }, { locale, site, links }) {
    const url = links.withToken('keepFactor', token)
    return locale === 'fr'
      ? {
          subject: 'Votre second facteur va être retiré',
          paragraphs: [
            `À partir du ${inWords(until, 'fr')}, la prochaine connexion à votre compte sur ${site} se fera sans le second facteur actuel.`,
            'Une connexion avec le second facteur, un nouveau mot de passe ou le lien ci-dessous annulent tout.',
          ],
          action: { label: 'Garder mon second facteur', url },
          caution: 'Si ce n’était pas vous, gardez-le et changez tout de suite votre mot de passe.',
        }
      : {
          subject: 'Your second factor is about to go',
          paragraphs: [
            `From ${inWords(until, 'en')} on, the next sign-in to your account at ${site} goes without the present second factor.`,
            'A sign-in with the second factor, a new password or the link below calls it off.',
          ],
          action: { label: 'Keep my second factor', url },
          caution: 'If it was not you, keep it and change your password at once.',
        }
  },
}
