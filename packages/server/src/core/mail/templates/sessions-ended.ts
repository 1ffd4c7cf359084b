import { inWords } from '../plain-values.ts'
import { dayMs, type MailTemplate } from './content.ts'

/** Tells the owner of an account that an administrator has ended its sessions. */
export const sessionsEnded: MailTemplate<{
  /** RFC 3339. */
  readonly at: string
}> = {
  lifetimeMs: 2 * dayMs,
  // Only staff can cause one, by hand.
  perHour: 4,
  perDay: 8,
  write({ at }, { locale, site, links }) {
    return locale === 'fr'
      ? {
          subject: 'Vos sessions ont été fermées',
          paragraphs: [
            `Le ${inWords(at, 'fr')}, un administrateur de ${site} a fermé toutes les sessions de votre compte. Reconnectez-vous pour continuer.`,
          ],
          action: { label: 'Vérifier mon compte', url: links.security },
          caution: `Si vous ne savez pas pourquoi, demandez-le aux administrateurs de ${site} sans passer par ce message.`,
        }
      : {
          subject: 'Your sessions were ended',
          paragraphs: [
            `On ${inWords(at, 'en')} an administrator of ${site} ended every session of your account. Sign in again to go on.`,
          ],
          action: { label: 'Check my account', url: links.security },
          caution: `If you do not know why, ask the administrators of ${site}, and not by way of this message.`,
        }
  },
}
