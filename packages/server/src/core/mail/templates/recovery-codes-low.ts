import { dayMs, type MailTemplate } from './content.ts'

/** Asks the owner of an account to make new recovery codes before the last is gone. */
export const recoveryCodesLow: MailTemplate<{ readonly left: number }> = {
  lifetimeMs: 3 * dayMs,
  // A reminder: one a day will do, and one more for the last code.
  perHour: 1,
  perDay: 2,
  write({ left }, { locale, site, links }) {
    return locale === 'fr'
      ? {
          subject: 'Il vous reste peu de codes de secours',
          paragraphs: [
            `Pour votre compte sur ${site}, il reste ${left} ${left > 1 ? 'codes' : 'code'} de secours. Créez-en de nouveaux tant que vous pouvez vous connecter.`,
          ],
          action: { label: 'Créer de nouveaux codes', url: links.security },
          caution: 'Si vous n’avez pas utilisé de code, changez votre mot de passe et fermez vos sessions.',
        }
      : {
          subject: 'You have few recovery codes left',
          paragraphs: [
            `Your account at ${site} has ${left} recovery ${left > 1 ? 'codes' : 'code'} left. Make new ones while you can still sign in.`,
          ],
          action: { label: 'Make new codes', url: links.security },
          caution: 'If you have not used a code, change your password and end your sessions.',
        }
  },
}
