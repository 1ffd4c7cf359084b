import { dayMs, type MailTemplate } from './content.ts'

/** Sent to an address that somebody says is theirs. Whoever gets it may never have heard of us: it names nobody. */
export const verifyEmail: MailTemplate<{ readonly token: string }> = {
  lifetimeMs: dayMs,
  // A person asks again once or twice; a stranger's address must not become a letter box for us.
  perHour: 4,
  perDay: 8,
  write({ token }, { locale, site, links }) {
    const url = links.withToken('verify', token)
    return locale === 'fr'
      ? {
          subject: 'Confirmez votre adresse e-mail',
          paragraphs: [`Cette adresse a été indiquée pour un compte sur ${site}. Confirmez qu’elle est bien la vôtre.`],
          action: { label: 'Confirmer mon adresse', url },
          caution:
            'Si vous n’avez rien demandé, ignorez ce message : sans votre confirmation, l’adresse n’est pas utilisée.',
        }
      : {
          subject: 'Confirm your e-mail address',
          paragraphs: [`This address was given for an account at ${site}. Please confirm that it is yours.`],
          action: { label: 'Confirm my address', url },
          caution: 'If you did not ask for this, ignore this message: an address that is not confirmed is not used.',
        }
  },
}
