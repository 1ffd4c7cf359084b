import { dayMs, type MailTemplate } from './content.ts'

/** Sent where an address that has an account was given for another one: who gave it is answered as for any address. */
export const accountExists: MailTemplate<Readonly<Record<never, never>>> = {
  lifetimeMs: dayMs,
  perHour: 2,
  perDay: 4,
  write(_data, { locale, site, links }) {
    return locale === 'fr'
      ? {
          subject: 'Vous avez déjà un compte',
          paragraphs: [`Quelqu’un a donné cette adresse pour un compte sur ${site}. Elle en a déjà un.`],
          action: { label: 'Choisir un nouveau mot de passe', url: links.forgot },
          caution: 'Si ce n’était pas vous, il n’y a rien à faire : votre compte n’a pas changé.',
        }
      : {
          subject: 'You already have an account',
          paragraphs: [`Somebody gave this address for an account at ${site}. It has one already.`],
          action: { label: 'Choose a new password', url: links.forgot },
          caution: 'If it was not you, there is nothing to do: your account has not changed.',
        }
  },
}
