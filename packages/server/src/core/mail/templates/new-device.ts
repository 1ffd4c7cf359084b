import { inWords, oneLine } from '../plain-values.ts'
import { dayMs, type MailTemplate } from './content.ts'

/** Tells of a sign-in from a device that the account has not been used on. */
export const newDevice: MailTemplate<{
  /** As the session calls it, such as `Firefox, Linux`. */
  readonly device?: string
  /** RFC 3339. */
  readonly at: string
}> = {
  lifetimeMs: dayMs,
  // Each was preceded by the right password; a thief's must not drown in a script's.
  perHour: 6,
  perDay: 12,
  write({ device, at }, { locale, site, links }) {
    const name = oneLine(device ?? '')
    return locale === 'fr'
      ? {
          subject: 'Connexion depuis un nouvel appareil',
          paragraphs: [
            `Votre compte sur ${site} a été ouvert depuis un nouvel appareil le ${inWords(at, 'fr')}.`,
            ...(name === '' ? [] : [`Appareil : ${name}`]),
          ],
          action: { label: 'Voir mes sessions', url: links.security },
          caution: 'Si c’était vous, il n’y a rien à faire. Sinon, fermez cette session et changez de mot de passe.',
        }
      : {
          subject: 'Sign-in from a new device',
          paragraphs: [
            `Your account at ${site} was signed in to from a new device on ${inWords(at, 'en')}.`,
            ...(name === '' ? [] : [`Device: ${name}`]),
          ],
          action: { label: 'See my sessions', url: links.security },
          caution: 'If it was you, there is nothing to do. If not, end that session and change your password.',
        }
  },
}
