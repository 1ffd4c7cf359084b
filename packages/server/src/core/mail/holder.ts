import type { Pool } from '../../database/connect.ts'
import { inTenant, type Tx } from '../../database/tenant.ts'
import { emailNorm } from '../identity/new-user.ts'
import { type AddressHolder, addressMail, findHolder, settleMail } from './holder-queries.ts'
import { type DueMail, deleteMail } from './outbox-queries.ts'
import { type MailKeys, type MailLetter, openIfOurs, sealLetter } from './sealed-mail.ts'
import type { MailTemplateName } from './templates.ts'

/** A mail that was asked for by an address. */
export interface AskedMail {
  readonly tenantId: string
  /** As it was queued: the template says which. */
  readonly data: unknown
  /** The person who asked; undefined for a stranger. */
  readonly besides: string | undefined
  readonly askedAt: Date
}

/**
 * Who gets a mail, once it is known who has the address: that person, where the account says; the address, as it was
 * typed; or nobody, when something else was queued in its place, or there is nothing to say.
 */
export type Addressed = 'holder' | 'address' | 'nobody'

/** Decides it, and does what goes with it, in the transaction that settles the mail: once, whoever is killed. */
export type HolderRule = (tx: Tx, asked: AskedMail, holder: AddressHolder | undefined) => Promise<Addressed>

/** Of which mails an address may be asked for. One without a rule goes to nobody. */
export type HolderRules = Readonly<Partial<Record<MailTemplateName, HolderRule>>>

export interface HolderDependencies {
  /** As rempart_worker. */
  readonly pool: Pool
  readonly keys: MailKeys
  readonly holderRules: HolderRules
}

/**
 * Looks up who has the address of a mail, and settles who gets it.
 *
 * @returns the mail as it is to be sent; undefined when nobody gets it, and its row is gone. One that cannot be read comes
 * back as it was.
 */
export async function settleHolder(dependencies: HolderDependencies, mail: DueMail): Promise<DueMail | undefined> {
  const { pool, keys } = dependencies
  const row = { tenantId: mail.tenant_id, id: mail.id, template: mail.template }
  const letter = openIfOurs(keys, mail.sealed, row)
  if (letter === undefined) return mail
  return inTenant(pool, mail.tenant_id, async (tx) => {
    const holder = await findHolder(tx, mail.tenant_id, emailNorm(letter.to))
    if (!(await settleMail(tx, mail.id))) return undefined
    const addressed = await decide(tx, dependencies.holderRules, mail, letter, holder)
    if (addressed === 'address') return { ...mail, awaits_holder: false }
    if (addressed === 'nobody' || holder === undefined) {
      await deleteMail(tx, mail.id)
      return undefined
    }
    const { id: userId, locale } = holder
    const sealed = sealLetter(keys, { to: holder.email, data: letter.data }, row)
    await addressMail(tx, mail.id, { userId, locale, sealed })
    return { ...mail, awaits_holder: false, locale, sealed }
  })
}

async function decide(
  tx: Tx,
  rules: HolderRules,
  mail: DueMail,
  { data, besides }: MailLetter,
  holder: AddressHolder | undefined,
): Promise<Addressed> {
  const rule: HolderRule | undefined = Object.hasOwn(rules, mail.template)
    ? rules[mail.template as MailTemplateName]
    : undefined
  const asked = { tenantId: mail.tenant_id, data, besides, askedAt: mail.created_at }
  return rule === undefined ? 'nobody' : rule(tx, asked, holder)
}
