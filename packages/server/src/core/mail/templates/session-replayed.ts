import { inWords } from '../plain-values.ts'
import { dayMs, type MailTemplate } from './content.ts'

/** Warns the owner of an account that a token of a session was held by two, and that the session has ended. */
export const sessionReplayed: MailTemplate<{
  /** RFC 3339. */
  readonly at: string
  /** Ends every other session too. */
  readonly token: string
}> = {
  lifetimeMs: dayMs,
  // One for each session that ends.
  perHour: 3,
  perDay: 6,
  write({ at, token }, { locale, site, links }) {
    const url = links.withToken('endSessions', token)
    return locale === 'fr'
      ? {
          subject: 'Une session a été fermée par précaution',
          paragraphs: [
            `Le ${inWords(at, 'fr')}, un jeton déjà utilisé d’une session de votre compte sur ${site} a servi une seconde fois. Quelqu’un d’autre l’a peut-être copié : la session a été fermée.`,
          ],
          action: { label: 'Fermer aussi les autres sessions', url },
          caution: 'Reconnectez-vous. Si cela se reproduit, vérifiez l’appareil que vous utilisez.',
        }
      : {
          subject: 'A session was ended to be safe',
          paragraphs: [
            `On ${inWords(at, 'en')} a used token of a session of your account at ${site} was presented a second time. Somebody else may have copied it: the session has ended.`,
          ],
          action: { label: 'End the other sessions too', url },
          caution: 'Sign in again. If it happens once more, have a look at the device you use.',
        }
  },
}
