import { inWords } from '../plain-values.ts'
import { dayMs, type MailTemplate } from './content.ts'

const changes = {
  'api-key-created': { en: 'an API key was made in your name', fr: 'une clé d’API a été créée à votre nom' },
  'api-key-rotated': {
    en: 'an API key was replaced by one in your name',
    fr: 'une clé d’API a été remplacée par une autre, à votre nom',
  },
  'oauth-linked': {
    en: 'an account elsewhere was linked, and can be used to sign in',
    fr: 'un compte d’un autre service a été associé et permet de se connecter',
  },
  'oauth-unlinked': {
    en: 'the link to an account elsewhere was taken away',
    fr: 'l’association avec un compte d’un autre service a été retirée',
  },
} as const

/** Tells a person that there is another way to act in their name, or one less. It holds no key, and no name anybody chose. */
export const accessChanged: MailTemplate<{
  readonly change: keyof typeof changes
  /** RFC 3339. */
  readonly at: string
}> = {
  lifetimeMs: 2 * dayMs,
  // Only a session that has just proved itself can cause one.
  perHour: 8,
  perDay: 16,
  write({ change, at }, { locale, site, links }) {
    return locale === 'fr'
      ? {
          subject: 'Les accès à votre compte ont changé',
          paragraphs: [`Sur votre compte ${site}, ${changes[change].fr} le ${inWords(at, 'fr')}.`],
          action: { label: 'Vérifier mon compte', url: links.security },
          caution:
            'Si ce n’était pas vous, changez votre mot de passe, fermez vos sessions et prévenez un administrateur.',
        }
      : {
          subject: 'Access to your account has changed',
          paragraphs: [`On your account at ${site}, ${changes[change].en} on ${inWords(at, 'en')}.`],
          action: { label: 'Check my account', url: links.security },
          caution: 'If it was not you, change your password, end your sessions and tell an administrator.',
        }
  },
}
