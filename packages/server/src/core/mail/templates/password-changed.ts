import { inWords } from '../plain-values.ts'
import { dayMs, type MailTemplate } from './content.ts'

/** Tells the owner of an account that its password is another one now. */
export const passwordChanged: MailTemplate<{
  /** RFC 3339. */
  readonly at: string
}> = {
  lifetimeMs: 2 * dayMs,
  // Only who knows the password, or holds a link, can cause one.
  perHour: 5,
  perDay: 10,
  write({ at }, { locale, site, links }) {
    return locale === 'fr'
      ? {
          subject: 'Votre mot de passe a été changé',
          paragraphs: [`Le mot de passe de votre compte sur ${site} a été changé le ${inWords(at, 'fr')}.`],
          action: { label: 'Ce n’était pas moi', url: links.forgot },
          caution: 'Si c’était vous, il n’y a rien à faire. Sinon, choisissez tout de suite un autre mot de passe.',
        }
      : {
          subject: 'Your password was changed',
          paragraphs: [`The password of your account at ${site} was changed on ${inWords(at, 'en')}.`],
          action: { label: 'It was not me', url: links.forgot },
          caution: 'If it was you, there is nothing to do. If not, choose another password at once.',
        }
  },
}
