import { hourMs, type MailTemplate } from './content.ts'

/** Sent to somebody who knows their password and has lost their second factor. */
export const resetFactor: MailTemplate<{
  readonly token: string
  /** How long the link is good for. */
  readonly minutes: number
  /** How long the second factor stays after that. */
  readonly hours: number
}> = {
  lifetimeMs: hourMs,
  // Only who knows the password can ask.
  perHour: 3,
  perDay: 6,
  write({ token, minutes, hours }, { locale, site, links }) {
    const url = links.withToken('resetFactor', token)
    return locale === 'fr'
      ? {
          subject: 'Abandonner votre second facteur',
          paragraphs: [
            `Quelqu’un qui connaît votre mot de passe sur ${site} dit avoir perdu votre second facteur.`,
            `Si c’est vous, ouvrez le lien dans les ${minutes} minutes. Le second facteur est retiré ${hours} heures plus tard, à la connexion suivante ; d’ici là, vous pouvez tout annuler.`,
          ],
          action: { label: 'J’ai perdu mon second facteur', url },
          caution: 'Si ce n’était pas vous, changez votre mot de passe : quelqu’un d’autre le connaît.',
        }
      : {
          subject: 'Give up your second factor',
          paragraphs: [
            `Somebody who knows your password at ${site} says that they have lost your second factor.`,
            `If it is you, open the link within ${minutes} minutes. The second factor goes ${hours} hours later, at the next sign-in; until then you can call it off.`,
          ],
          action: { label: 'I have lost my second factor', url },
          caution: 'If it was not you, change your password: somebody else knows it.',
        }
  },
}
