import { oneLine } from '../plain-values.ts'
import { dayMs, type MailTemplate } from './content.ts'

/** Tells an owner that nothing is sent to a webhook any more. */
export const webhookDisabled: MailTemplate<{
  /** Host of its address; the rest of it may be a secret. */
  readonly host: string
  readonly reason: 'gone' | 'failing'
}> = {
  lifetimeMs: 3 * dayMs,
  perHour: 5,
  perDay: 20,
  write({ host, reason }, { locale, site, links }) {
    const where = oneLine(host)
    const why =
      locale === 'fr'
        ? {
            gone: 'le destinataire a répondu qu’il ne veut plus rien',
            failing: 'plus rien n’y est arrivé depuis cinq jours',
          }
        : {
            gone: 'the receiver answered that it wants nothing more',
            failing: 'nothing has arrived there for five days',
          }
    return locale === 'fr'
      ? {
          subject: 'Un webhook a été désactivé',
          paragraphs: [
            `Le webhook de ${site} vers ${where} a été désactivé : ${why[reason]}.`,
            'Ce qui attendait reste en attente, et part quand il est réactivé. Ce qui arrive entre-temps ne lui est pas signalé.',
          ],
          action: { label: 'Vérifier mon compte', url: links.security },
          caution: 'Vous recevez ce message parce que vous êtes propriétaire de cet espace.',
        }
      : {
          subject: 'A webhook was switched off',
          paragraphs: [
            `The webhook of ${site} to ${where} was switched off: ${why[reason]}.`,
            'What was waiting goes on waiting, and is sent once it is switched on again. It is not told of what happens meanwhile.',
          ],
          action: { label: 'Check my account', url: links.security },
          caution: 'You get this message because you are an owner there.',
        }
  },
}
