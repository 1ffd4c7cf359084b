import { inWords } from '../plain-values.ts'
import { dayMs, type MailTemplate } from './content.ts'

/** Warns the owner of an account that somebody tries passwords on it. */
export const accountLocked: MailTemplate<{
  /** RFC 3339. */
  readonly until: string
}> = {
  lifetimeMs: dayMs,
  // A stranger causes it at will; each lock lasts longer than the one before.
  perHour: 2,
  perDay: 4,
  write({ until }, { locale, site, links }) {
    return locale === 'fr'
      ? {
          subject: 'Votre compte est protégé pour un moment',
          paragraphs: [
            `Trop d’essais de connexion à votre compte sur ${site} ont échoué. Il est verrouillé jusqu’au ${inWords(until, 'fr')}.`,
            'Les appareils que vous utilisez d’habitude ne sont pas concernés.',
          ],
          action: { label: 'Vérifier mon compte', url: links.security },
          caution: 'Personne n’est entré. Si votre mot de passe sert aussi ailleurs, changez-le.',
        }
      : {
          subject: 'Your account is protected for a while',
          paragraphs: [
            `Too many attempts to sign in to your account at ${site} have failed. It is locked until ${inWords(until, 'en')}.`,
            'The devices that you usually use are not concerned.',
          ],
          action: { label: 'Check my account', url: links.security },
          caution: 'Nobody got in. If you use the same password elsewhere, change it.',
        }
  },
}
