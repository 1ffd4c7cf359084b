import { rm } from 'node:fs/promises'
import { readMailbox } from './mailbox.ts'

/** Whose mails are to go. */
export interface Mentioned {
  /** In lower case; null: unknown. */
  readonly emailNorm: string | null
  readonly name: string | null
}

/**
 * Removes the mails of the data directory's mailbox that went to somebody, and those that mention them by address or
 * name. The mailbox stands in for a mail server where there is none: too much removed does no harm.
 *
 * @returns how many.
 */
export async function forgetMailbox(dataDir: string, { emailNorm, name }: Mentioned): Promise<number> {
  const mails = await readMailbox(dataDir)
  const found = mails.filter(({ to, subject, text }) => {
    const all = `${to}\n${subject}\n${text}`
    return (emailNorm !== null && all.toLowerCase().includes(emailNorm)) || (name !== null && all.includes(name))
  })
  await Promise.all(found.map(({ file }) => rm(file, { force: true })))
  return found.length
}
