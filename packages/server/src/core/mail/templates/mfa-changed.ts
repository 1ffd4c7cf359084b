import { inWords } from '../plain-values.ts'
import { dayMs, type MailTemplate } from './content.ts'

const changes = {
  enabled: { en: 'an authenticator app was added', fr: 'une application d’authentification a été ajoutée' },
  disabled: { en: 'the second factor was turned off', fr: 'le second facteur a été désactivé' },
  reset: { en: 'the second factor was given up as lost', fr: 'le second facteur, déclaré perdu, a été retiré' },
  'reset-by-staff': {
    en: 'an administrator took the second factor away',
    fr: 'un administrateur a retiré le second facteur',
  },
  'recovery-codes-renewed': { en: 'new recovery codes were made', fr: 'de nouveaux codes de secours ont été créés' },
  'recovery-code-used': { en: 'a recovery code was used', fr: 'un code de secours a été utilisé' },
  'passkey-added': { en: 'a passkey was added', fr: 'une clé d’accès a été ajoutée' },
  'passkey-removed': { en: 'a passkey was removed', fr: 'une clé d’accès a été supprimée' },
  'passkey-suspected': {
    en: 'a passkey that behaved like a copy was refused and is good no more',
    fr: 'une clé d’accès qui se comportait comme une copie a été refusée et ne sert plus',
  },
} as const

/** Tells the owner of an account that what it is protected with has changed. */
export const mfaChanged: MailTemplate<{
  readonly change: keyof typeof changes
  /** RFC 3339. */
  readonly at: string
}> = {
  lifetimeMs: 2 * dayMs,
  // Only a session that has just proved itself can cause one, and a set-up causes several.
  perHour: 8,
  perDay: 16,
  write({ change, at }, { locale, site, links }) {
    return locale === 'fr'
      ? {
          subject: 'La protection de votre compte a changé',
          paragraphs: [`Sur votre compte ${site}, ${changes[change].fr} le ${inWords(at, 'fr')}.`],
          action: { label: 'Vérifier mon compte', url: links.security },
          caution: 'Si ce n’était pas vous, changez votre mot de passe et fermez vos sessions.',
        }
      : {
          subject: 'The protection of your account has changed',
          paragraphs: [`On your account at ${site}, ${changes[change].en} on ${inWords(at, 'en')}.`],
          action: { label: 'Check my account', url: links.security },
          caution: 'If it was not you, change your password and end your sessions.',
        }
  },
}
