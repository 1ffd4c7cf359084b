import { inWords, maskedAddress } from '../plain-values.ts'
import { dayMs, type MailTemplate } from './content.ts'

/** Tells the present address of an account that another one has been asked for. */
export const emailChangeAsked: MailTemplate<{
  /** The mail shows its first letter and its domain. */
  readonly newAddress: string
  /** RFC 3339. */
  readonly at: string
  /** Ends every session, and with them what was asked for. */
  readonly token: string
}> = {
  lifetimeMs: dayMs,
  // Only a session that has just proved itself can cause one.
  perHour: 5,
  perDay: 10,
  write({ newAddress, at, token }, { locale, site, links }) {
    const masked = maskedAddress(newAddress)
    const url = links.withToken('endSessions', token)
    return locale === 'fr'
      ? {
          subject: 'Un changement d’adresse a été demandé',
          paragraphs: [
            `Le ${inWords(at, 'fr')}, votre compte sur ${site} a demandé une autre adresse e-mail : ${masked}. Elle ne vaut qu’une fois confirmée là-bas.`,
          ],
          action: { label: 'Ce n’était pas moi : tout déconnecter', url },
          caution: 'Si c’était vous, il n’y a rien à faire ici. Sinon, changez aussi votre mot de passe.',
        }
      : {
          subject: 'A change of your address was asked for',
          paragraphs: [
            `On ${inWords(at, 'en')} your account at ${site} asked for another e-mail address: ${masked}. It counts once it is confirmed there.`,
          ],
          action: { label: 'It was not me: sign out everywhere', url },
          caution: 'If it was you, there is nothing to do here. If not, change your password as well.',
        }
  },
}
