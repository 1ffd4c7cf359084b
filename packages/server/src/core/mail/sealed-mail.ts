import { createHmac } from 'node:crypto'
import { createKeyRing, type KeyRing, seal, UnsealError, unseal } from '../credentials/sealing.ts'
import { deriveKeys, keyLabels, type Masters } from '../secrets.ts'

/** What is needed to write and send one mail. Whoever has only the row has none of it. */
export interface MailLetter {
  /** Empty for a mail that nobody gets. */
  readonly to: string
  readonly data: unknown
  /** Whoever asked, where the address may be their own already: the id of a person. */
  readonly besides?: string
}

/** Which row a letter is sealed for: it opens in no other. */
export interface MailRow {
  readonly tenantId: string
  readonly id: string
  readonly template: string
}

/** The keys of the outbox. Every process of an installation has the same. */
export interface MailKeys {
  readonly ring: KeyRing
  /** What recipients are counted under. */
  readonly recipient: Buffer
  /** What they were under the former masters, by which what is left of somebody is found still. */
  readonly formerRecipients: readonly Buffer[]
}

/** @param masters - the installation's secrets. The caps of recipients are counted under the current one alone. */
export function createMailKeys(masters: Masters): MailKeys {
  const [recipient, ...formerRecipients] = deriveKeys(masters, keyLabels.mailRecipient)
  return { ring: createKeyRing(masters, keyLabels.mailbox), recipient, formerRecipients }
}

/** Lengths are rounded up to this, so that the size of a row does not tell whether somebody gets it. */
const blockBytes = 1024

/** Seals a letter for one row, padded to whole kilobytes. @throws RangeError when it has more than 8 KB. */
export function sealLetter(keys: MailKeys, letter: MailLetter, row: MailRow): Buffer {
  const text = JSON.stringify(letter)
  const bytes = Buffer.byteLength(text)
  if (bytes > 8 * blockBytes) throw new RangeError('what a mail is written from takes more than 8 KB')
  const padded = Buffer.alloc(Math.ceil(bytes / blockBytes) * blockBytes, ' ')
  padded.write(text)
  return seal(keys.ring, padded, mailAad(row))
}

/** @throws UnsealError when it was sealed for another row or under another key. */
export function openLetter(keys: MailKeys, sealed: Uint8Array, row: MailRow): MailLetter {
  // Only `sealLetter` can have made what opens.
  return JSON.parse(unseal(keys.ring, sealed, mailAad(row)).toString()) as MailLetter
}

/** The letter of a row; undefined when it was sealed under another key, or for another row. */
export function openIfOurs(keys: MailKeys, sealed: Uint8Array, row: MailRow): MailLetter | undefined {
  try {
    return openLetter(keys, sealed, row)
  } catch (error) {
    if (error instanceof UnsealError) return undefined
    throw error
  }
}

/** Whose a letter is. */
export const mailAad = ({ tenantId, id, template }: MailRow): readonly string[] => ['mail', tenantId, id, template]

/**
 * What the cap of a recipient is counted under: a keyed hash. Case and what follows a `+` make no other recipient,
 * since the same person reads it.
 */
export function recipientHash(keys: MailKeys, tenantId: string, address: string): Buffer {
  return hashUnder(keys.recipient, tenantId, address)
}

/** The hash of a recipient under the current master secret, and under each former one that is still configured. */
export const recipientHashes = (keys: MailKeys, tenantId: string, address: string): readonly Buffer[] =>
  [keys.recipient, ...keys.formerRecipients].map((key) => hashUnder(key, tenantId, address))

function hashUnder(key: Buffer, tenantId: string, address: string): Buffer {
  const at = address.lastIndexOf('@')
  const local = address.slice(0, at)
  const plus = local.indexOf('+')
  const mailbox = `${plus > 0 ? local.slice(0, plus) : local}${address.slice(at)}`.toLowerCase()
  return createHmac('sha256', key).update(`${tenantId}\0${mailbox}`).digest()
}
