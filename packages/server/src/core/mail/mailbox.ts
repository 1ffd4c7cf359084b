import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTransport, type SendMailOptions } from 'nodemailer'
import type { Carrier, Envelope } from './envelope.ts'
import { readMessage } from './mailbox-message.ts'

/** How many mails are kept; the oldest go. */
const kept = 200

/** A mail in the mailbox of the data directory. */
export interface MailboxEntry {
  /** 1 is the newest. */
  readonly number: number
  readonly file: string
  readonly at: string
  readonly to: string
  readonly subject: string
  /** As it reads: the plain text. */
  readonly text: string
}

export const mailboxDirectory = (dataDir: string): string => join(dataDir, 'mailbox')

/**
 * Puts mails as files where only the owner of the process reads them: they hold links that sign people in. One that is
 * written twice is one file.
 */
export function mailboxCarrier(dataDir: string, messageOf: (mail: Envelope) => SendMailOptions): Carrier {
  const directory = mailboxDirectory(dataDir)
  const transport = createTransport({ streamTransport: true, buffer: true, newline: 'unix' })
  return {
    async carry(mail) {
      try {
        const { message } = await transport.sendMail({ ...messageOf(mail), textEncoding: 'base64' })
        await mkdir(directory, { recursive: true, mode: 0o700 })
        const name = `${mail.createdAt.toISOString().replaceAll(/[:.]/g, '-')}-${mail.id}.eml`
        const draft = join(directory, `.${name}.${process.pid}`)
        await writeFile(draft, message, { mode: 0o600 })
        await rename(draft, join(directory, name))
        await forgetOldest(directory)
        return { outcome: 'carried' }
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
        return { outcome: 'later', reason: `mailbox ${code}`, isServerAway: true }
      }
    },
  }
}

async function forgetOldest(directory: string): Promise<void> {
  const names = (await mailNames(directory)).slice(kept)
  await Promise.all(names.map((name) => rm(join(directory, name), { force: true })))
}

/** Newest first: the name begins with the instant. */
async function mailNames(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return names
    .filter((name) => !name.startsWith('.') && name.endsWith('.eml'))
    .sort()
    .reverse()
}

/** The mails of the mailbox, newest first; none when there is no mailbox. @throws the system's error when it cannot be read. */
export async function readMailbox(dataDir: string): Promise<readonly MailboxEntry[]> {
  const directory = mailboxDirectory(dataDir)
  const entries: MailboxEntry[] = []
  for (const [index, name] of (await mailNames(directory)).entries()) {
    const file = join(directory, name)
    // Another process may just have made room.
    const raw = await readFile(file, 'utf8').catch(() => undefined)
    if (raw !== undefined) entries.push({ number: index + 1, file, ...readMessage(raw) })
  }
  return entries
}
