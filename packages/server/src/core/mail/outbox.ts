import type { Tx } from '../../database/tenant.ts'
import { createId } from '../ids.ts'
import type { Locale } from '../locale.ts'
import { canonicalEmail } from '../shapes/email.ts'
import { createMailLinks } from './links.ts'
import { findAddressee, insertMail } from './outbox-queries.ts'
import { type MailKeys, type MailLetter, recipientHash, sealLetter } from './sealed-mail.ts'
import type { MailTemplate } from './templates/content.ts'
import { findTemplate, type MailData, type MailTemplateName } from './templates.ts'

/**
 * Who gets a mail: a person, at the address the account has now; an address, such as that of an invitation; nobody, so
 * that it takes what any other takes; or whoever turns out to have an address that anybody may have typed, other than the
 * person who asked. The last is looked up by the sender: the request does the same whoever it is.
 */
export type MailRecipient =
  | { readonly userId: string }
  | { readonly address: string }
  | { readonly nobodyAt: string }
  | { readonly holderOf: string; readonly besides?: string }

/** A mail to be queued. */
export type NewMail = {
  [Name in MailTemplateName]: {
    readonly template: Name
    readonly to: MailRecipient
    /** Absent: the person's own, else English. */
    readonly locale?: Locale
    readonly data: MailData<Name>
    /**
     * Sent beyond the cap too: whoever asked has shown that the mailbox is theirs, with a link that is good once. Else a
     * stranger could keep it from them by using up the cap in their name.
     */
    readonly isOwed?: true
  }
}[MailTemplateName]

/** Puts mails in the outbox. */
export interface MailQueue {
  /**
   * Queues a mail in the caller's tenant transaction: it is sent when that commits, and never when it does not. The same
   * statements run whether the recipient exists and whether the cap on mails to one address is reached; the answer to a
   * request must not depend on what it returns.
   *
   * @returns whether it will be sent, as far as is known before its holder is. When not, a link that was sent before should stay good: whoever asks for mails in
   * somebody's name must not end the one link that arrived.
   * @throws RangeError the address is not one that mail can go to, or the token could not stand in a link.
   */
  queueMail(tx: Tx, mail: NewMail): Promise<boolean>
}

/** @param keys - of {@link createMailKeys}; the sender needs the same. */
export function createMailQueue(keys: MailKeys): MailQueue {
  return {
    async queueMail(tx, { template, to, locale, data, isOwed }) {
      const { write, lifetimeMs, perHour, perDay } = templateOf(template)
      // What cannot be written is a fault of the caller, who hears of it now and not in the log of a sender.
      write(data, { locale: 'en', site: '', links: createMailLinks('') })
      const person = await findAddressee(tx, 'userId' in to ? to.userId : undefined)
      const letter = letterTo(to, person.email, data)
      const row = { tenantId: person.tenantId, id: createId(), template }
      return insertMail(tx, {
        id: row.id,
        template,
        locale: locale ?? person.locale ?? 'en',
        userId: person.userId,
        recipientHash: recipientHash(keys, row.tenantId, 'nobodyAt' in to ? to.nobodyAt : letter.to),
        sealed: sealLetter(keys, letter, row),
        isDecoy: letter.to === '',
        awaitsHolder: 'holderOf' in to,
        perHour: isOwed ? uncapped : perHour,
        perDay: isOwed ? uncapped : perDay,
        lifetimeMs,
      })
    },
  }
}

/** The largest integer of PostgreSQL. */
const uncapped = 2_147_483_647

function letterTo(to: MailRecipient, email: string | null, data: unknown): MailLetter {
  if ('address' in to) return { to: deliverable(to.address), data }
  if (!('holderOf' in to)) return { to: email ?? '', data }
  const asked = { to: deliverable(to.holderOf), data }
  return to.besides === undefined ? asked : { ...asked, besides: to.besides }
}

function templateOf(name: MailTemplateName): MailTemplate<unknown> {
  const template = findTemplate(name)
  if (template === undefined) throw new RangeError('there is no such mail')
  return template
}

function deliverable(address: string): string {
  const canonical = canonicalEmail(address)
  if (canonical === undefined) throw new RangeError('mail cannot go to this address')
  return canonical
}
