import { inWords, oneLine } from '../plain-values.ts'
import { dayMs, type MailTemplate } from './content.ts'

/** Tells of a sign-in from a device that the account has not been used on. */
export const newDevice: MailTemplate<{
  /** As the session calls it, such as `Firefox, Linux`. */
  readonly device?: string
  /** RFC 3339. */
  readonly at: string
  /** Ends every session. */
  readonly token: string
}> = {
  lifetimeMs: dayMs,
  // Each was preceded by the right password; a thief's must not drown in a script's.
  perHour: 6,
  perDay: 12,
  write({ device, at, token }, { locale, site, links }) {
    const name = oneLine(device ?? '')
    const url = links.withToken('endSessions', token)
    return locale === 'fr'
      ? {
          subject: 'Connexion depuis un nouvel appareil',
          paragraphs: [
            `Votre compte sur ${site} a été ouvert depuis un nouvel appareil le ${inWords(at, 'fr')}.`,
            ...(name === '' ? [] : [`Appareil : ${name}`]),
          ],
          action: { label: 'Ce n’était pas moi : tout déconnecter', url },
          caution: 'Si c’était vous, il n’y a rien à faire. Sinon, changez aussi votre mot de passe.',
        }
      : {
          subject: 'Sign-in from a new device',
          paragraphs: [
            `Your account at ${site} was signed in to from a new device on ${inWords(at, 'en')}.`,
            ...(name === '' ? [] : [`Device: ${name}`]),
          ],
          action: { label: 'It was not me: sign out everywhere', url },
          caution: 'If it was you, there is nothing to do. If not, change your password as well.',
        }
  },
}
