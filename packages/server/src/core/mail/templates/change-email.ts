import { maskedAddress } from '../plain-values.ts'
import { dayMs, type MailTemplate } from './content.ts'

/** Sent to the address that somebody wants for their account. Its reader may never have heard of us. */
export const changeEmail: MailTemplate<{
  readonly token: string
  /** The one that the account has; the mail shows its first letter and its domain. */
  readonly present: string
}> = {
  lifetimeMs: dayMs,
  // The asker chooses the address: a stranger's must not become a letter box for us.
  perHour: 3,
  perDay: 6,
  write({ token, present }, { locale, site, links }) {
    const url = links.withToken('changeEmail', token)
    const masked = maskedAddress(present)
    return locale === 'fr'
      ? {
          subject: 'Confirmez votre nouvelle adresse',
          paragraphs: [
            `Le compte ${masked} sur ${site} demande à passer à cette adresse. Le changement a lieu quand vous le confirmez ; le lien est valable 24 heures.`,
            'Vous serez ensuite déconnecté partout.',
          ],
          action: { label: 'Utiliser cette adresse', url },
          caution: 'Si ce compte n’est pas le vôtre, ne confirmez pas et ignorez ce message : rien ne change.',
        }
      : {
          subject: 'Confirm your new address',
          paragraphs: [
            `The account ${masked} at ${site} asks to move to this address. It does when you confirm; the link is good for 24 hours.`,
            'You are then signed out everywhere.',
          ],
          action: { label: 'Use this address', url },
          caution: 'If that account is not yours, do not confirm and ignore this message: nothing changes.',
        }
  },
}
