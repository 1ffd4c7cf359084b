import { inWords } from '../plain-values.ts'
import { dayMs, type MailTemplate } from './content.ts'

/** Warns the owner of an account that somebody gets the second factor wrong again and again. */
export const factorLocked: MailTemplate<{
  /** RFC 3339. */
  readonly until: string
}> = {
  lifetimeMs: dayMs,
  // Whoever causes it knows the password; each lock lasts longer than the one before.
  perHour: 2,
  perDay: 4,
  write({ until }, { locale, site, links }) {
    return locale === 'fr'
      ? {
          subject: 'Votre second facteur est verrouillé pour un moment',
          paragraphs: [
            `Trop de codes faux ont été saisis pour votre compte sur ${site}. Les codes n’y sont plus acceptés jusqu’au ${inWords(until, 'fr')}.`,
            'Si vous avez perdu votre second facteur, demandez son retrait depuis la page de connexion, ou à un administrateur.',
          ],
          action: { label: 'Changer mon mot de passe', url: links.forgot },
          caution: 'Si ce n’était pas vous, changez votre mot de passe : quelqu’un d’autre le connaît.',
        }
      : {
          subject: 'Your second factor is locked for a while',
          paragraphs: [
            `Too many wrong codes were entered for your account at ${site}. None is taken until ${inWords(until, 'en')}.`,
            'If you have lost your second factor, ask for it to be given up where you sign in, or ask an administrator.',
          ],
          action: { label: 'Change my password', url: links.forgot },
          caution: 'If it was not you, change your password: somebody else knows it.',
        }
  },
}
