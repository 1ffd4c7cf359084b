import { personName } from '../plain-values.ts'
import { dayMs, type MailTemplate } from './content.ts'

/** Asks somebody to join a tenant. */
export const invitation: MailTemplate<{
  readonly token: string
  /** As the person who invites calls themselves. */
  readonly invitedBy?: string
  /** How long the link is good for. */
  readonly days: number
}> = {
  lifetimeMs: dayMs,
  // Whoever may invite chooses the address.
  perHour: 3,
  perDay: 5,
  write({ token, invitedBy, days }, { locale, site, links }) {
    const url = links.withToken('invite', token)
    const name = personName(invitedBy)
    return locale === 'fr'
      ? {
          subject: 'Vous êtes invité à rejoindre une équipe',
          paragraphs: [
            `${name ?? 'Une personne de l’équipe'} vous invite à rejoindre ${site}.`,
            `L’invitation est valable ${days} ${days > 1 ? 'jours' : 'jour'}.`,
          ],
          action: { label: 'Accepter l’invitation', url },
          caution: 'Si vous n’attendiez pas cette invitation, ignorez ce message : aucun compte n’est créé sans vous.',
        }
      : {
          subject: 'You are invited to join a team',
          paragraphs: [
            `${name ?? 'Somebody of the team'} invites you to join ${site}.`,
            `The invitation is good for ${days} ${days > 1 ? 'days' : 'day'}.`,
          ],
          action: { label: 'Accept the invitation', url },
          caution: 'If you did not expect it, ignore this message: no account is made without you.',
        }
  },
}
