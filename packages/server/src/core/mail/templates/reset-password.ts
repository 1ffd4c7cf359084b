import { hourMs, type MailTemplate } from './content.ts'

/** Sent to the stored address of an account whose password somebody wants to replace. */
export const resetPassword: MailTemplate<{
  readonly token: string
  /** How long the link is good for. */
  readonly minutes: number
}> = {
  lifetimeMs: hourMs / 2,
  // Anybody may ask for it in somebody else's name.
  perHour: 3,
  perDay: 6,
  write({ token, minutes }, { locale, site, links }) {
    const url = links.withToken('reset', token)
    return locale === 'fr'
      ? {
          subject: 'Choisissez un nouveau mot de passe',
          paragraphs: [
            `Quelqu’un a demandé un nouveau mot de passe pour votre compte sur ${site}.`,
            `Le lien est valable ${minutes} minutes et ne sert qu’une fois.`,
          ],
          action: { label: 'Choisir un mot de passe', url },
          caution: 'Si ce n’était pas vous, ignorez ce message : votre mot de passe reste le même.',
        }
      : {
          subject: 'Choose a new password',
          paragraphs: [
            `Somebody asked for a new password for your account at ${site}.`,
            `The link is good for ${minutes} minutes and works once.`,
          ],
          action: { label: 'Choose a password', url },
          caution: 'If it was not you, ignore this message: your password stays as it is.',
        }
  },
}
