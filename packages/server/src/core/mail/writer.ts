import { canonicalEmail } from '../shapes/email.ts'
import type { Envelope } from './envelope.ts'
import { layOut } from './layout.ts'
import { createMailLinks } from './links.ts'
import type { DueMail } from './outbox-queries.ts'
import { oneLine } from './plain-values.ts'
import { type MailKeys, openIfOurs } from './sealed-mail.ts'
import { findTemplate } from './templates.ts'

/** What mails are written with. */
export interface WriterDependencies {
  readonly keys: MailKeys
  /** Every link starts with it. */
  readonly publicUrl: string
}

/** Opens and writes a mail of the outbox; undefined when this process cannot. */
export function createWriter({
  keys,
  publicUrl,
}: WriterDependencies): (site: string, mail: DueMail) => Envelope | undefined {
  const links = createMailLinks(publicUrl)
  return (site, mail) => {
    const template = findTemplate(mail.template)
    const row = { tenantId: mail.tenant_id, id: mail.id, template: mail.template }
    const letter = openIfOurs(keys, mail.sealed, row)
    if (template === undefined || letter === undefined) return undefined
    const to = canonicalEmail(letter.to)
    if (to === undefined) return undefined
    const surroundings = { locale: mail.locale, site: oneLine(site), links }
    try {
      const written = layOut(template.write(letter.data, surroundings), surroundings)
      return { ...written, id: mail.id, to, createdAt: mail.created_at, template: mail.template }
    } catch {
      // Data that another release queued for a template of the same name.
      return undefined
    }
  }
}
