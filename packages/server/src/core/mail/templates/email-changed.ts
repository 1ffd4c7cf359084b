import { inWords, maskedAddress } from '../plain-values.ts'
import { dayMs, type MailTemplate } from './content.ts'

/** Sent to the address that an account had until now. */
export const emailChanged: MailTemplate<{
  /** The new one; the mail shows its first letter and its domain. */
  readonly newAddress: string
  /** RFC 3339. */
  readonly at: string
}> = {
  lifetimeMs: 3 * dayMs,
  // Each was proved by the new address before.
  perHour: 3,
  perDay: 6,
  write({ newAddress, at }, { locale, site, links }) {
    const masked = maskedAddress(newAddress)
    return locale === 'fr'
      ? {
          subject: 'L’adresse de votre compte a changé',
          paragraphs: [
            `Depuis le ${inWords(at, 'fr')}, votre compte sur ${site} a une autre adresse e-mail : ${masked}.`,
            'Les prochains messages iront à la nouvelle adresse.',
          ],
          action: { label: 'Vérifier mon compte', url: links.security },
          caution: `Si ce n’était pas vous, écrivez tout de suite à l’équipe de ${site}.`,
        }
      : {
          subject: 'The address of your account has changed',
          paragraphs: [
            `Since ${inWords(at, 'en')} your account at ${site} has another e-mail address: ${masked}.`,
            'The next messages go to the new address.',
          ],
          action: { label: 'Check my account', url: links.security },
          caution: `If it was not you, write to the people of ${site} at once.`,
        }
  },
}
