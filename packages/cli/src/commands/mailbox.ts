import { readConfig } from '@rempart/server'
import { readMailbox } from '@rempart/server/mailbox'
import type { Command } from 'commander'
import * as parse from '../arguments.ts'
import { Failure } from '../failure.ts'
import { minute, note, printDetails, printJson, printTable } from '../terminal.ts'
import { words } from '../words.ts'
import { mailboxWords } from './mailbox-words.ts'

const { headings } = mailboxWords

/** `rempart mailbox`: what would have been sent, had there been a mail server. */
export function addMailboxCommands(program: Command): void {
  const mailbox = program.command('mailbox').description(mailboxWords.mailbox)

  mailbox
    .command('list', { isDefault: true })
    .description(mailboxWords.list)
    .option('--json', words.options.json)
    .action(list)

  mailbox
    .command('show')
    .description(mailboxWords.show)
    .argument('<n>', mailboxWords.number, parse.integer(1, 9_999))
    .option('--json', words.options.json)
    .action(show)
}

async function list({ json }: { readonly json?: true }): Promise<void> {
  const mails = await mailsOfConfig()
  if (json) return printJson(mails.map(({ text: _text, ...mail }) => mail))
  if (mails.length === 0) return note(words.nothing)
  printTable(mails, [
    { heading: headings.number, cell: (each) => String(each.number) },
    { heading: headings.at, cell: (each) => minute(each.at) },
    { heading: headings.to, cell: (each) => each.to },
    { heading: headings.subject, cell: (each) => each.subject, isElastic: true },
  ])
}

async function show(number: number, { json }: { readonly json?: true }): Promise<void> {
  const mail = (await mailsOfConfig()).find((each) => each.number === number)
  if (mail === undefined) throw new Failure(mailboxWords.unknown(number))
  if (json) return printJson(mail)
  printDetails([
    [headings.at, minute(mail.at)],
    [headings.to, mail.to],
    [headings.subject, mail.subject],
    [headings.file, mail.file],
    [headings.text, `\n${mail.text.trimEnd()}`],
  ])
}

/** Reads files alone: no database is opened. */
async function mailsOfConfig() {
  const config = await readConfig()
  if (config.smtp !== undefined) note(mailboxWords.smtp)
  return await readMailbox(config.dataDir)
}
