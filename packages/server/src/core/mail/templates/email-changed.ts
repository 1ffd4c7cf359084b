import { inWords, maskedAddress } from '../plain-values.ts'
import { dayMs, type MailTemplate } from './content.ts'

/** Sent to the address that an account had until now, which can take it back. */
export const emailChanged: MailTemplate<{
  /** The new one; the mail shows its first letter and its domain. */
  readonly newAddress: string
  /** RFC 3339. */
  readonly at: string
  /** Gives the account its former address again. */
  readonly token: string
  /** How long that link is good for. */
  readonly hours: number
}> = {
  lifetimeMs: 3 * dayMs,
  // Each was proved by the new address before.
  perHour: 3,
  perDay: 6,
  write({ newAddress, at, token, hours }, { locale, site, links }) {
    const masked = maskedAddress(newAddress)
    const url = links.withToken('returnEmail', token)
    return locale === 'fr'
      ? {
          subject: 'L’adresse de votre compte a changé',
          paragraphs: [
            `Depuis le ${inWords(at, 'fr')}, votre compte sur ${site} a une autre adresse e-mail : ${masked}.`,
            `Les prochains messages iront à la nouvelle adresse. Pendant ${hours} heures, le lien ci-dessous rend au compte l’adresse qu’il avait.`,
          ],
          action: { label: 'Ce n’était pas moi : revenir à cette adresse', url },
          caution: 'Si c’était vous, il n’y a rien à faire.',
        }
      : {
          subject: 'The address of your account has changed',
          paragraphs: [
            `Since ${inWords(at, 'en')} your account at ${site} has another e-mail address: ${masked}.`,
            `The next messages go to the new address. For ${hours} hours the link below gives the account the address it had.`,
          ],
          action: { label: 'It was not me: back to this address', url },
          caution: 'If it was you, there is nothing to do.',
        }
  },
}
