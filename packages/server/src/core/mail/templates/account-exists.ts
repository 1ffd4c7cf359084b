import { dayMs, type MailTemplate } from './content.ts'

/** Answers who registers with an address that has an account: the page says to everybody that a mail was sent. */
export const accountExists: MailTemplate<Readonly<Record<never, never>>> = {
  lifetimeMs: dayMs,
  perHour: 2,
  perDay: 4,
  write(_data, { locale, site, links }) {
    return locale === 'fr'
      ? {
          subject: 'Vous avez déjà un compte',
          paragraphs: [`Quelqu’un a voulu créer un compte sur ${site} avec cette adresse, qui en a déjà un.`],
          action: { label: 'Choisir un nouveau mot de passe', url: links.forgot },
          caution: 'Si ce n’était pas vous, il n’y a rien à faire : votre compte n’a pas changé.',
        }
      : {
          subject: 'You already have an account',
          paragraphs: [`Somebody asked for an account at ${site} with this address, which already has one.`],
          action: { label: 'Choose a new password', url: links.forgot },
          caution: 'If it was not you, there is nothing to do: your account has not changed.',
        }
  },
}
