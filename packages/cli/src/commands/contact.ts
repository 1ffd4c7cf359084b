import { type ContactMessage, ContactStatus, deleteMessage, listMessages, readMessage } from '@rempart/server/contact'
import { type Command, Option } from 'commander'
import * as parse from '../arguments.ts'
import { withTenantContext } from '../operator.ts'
import { minute, note, printDetails, printJson, printTable } from '../terminal.ts'
import { words } from '../words.ts'
import { printPlace } from './page.ts'

const { commands, headings, options, states } = words

/** `rempart contact`: the messages of a tenant. */
export function addContactCommands(program: Command): void {
  const contact = program.command('contact').description(commands.contact)

  parse
    .withListOptions(contact.command('list'))
    .description(commands.contactList)
    .addOption(new Option('--status <status>', options.status).choices(ContactStatus.enum))
    .action(list)

  parse
    .withTenant(contact.command('show'))
    .description(commands.contactShow)
    .argument('<id>', words.invalid.id, parse.id)
    .option('--json', options.json)
    .action(show)

  parse
    .withTenant(contact.command('delete'))
    .description(commands.contactDelete)
    .argument('<id...>', words.invalid.id, parse.ids)
    .action(remove)
}

type ListOptions = parse.ListOptions & { readonly status?: ContactMessage['status'] }

function list({ tenant, json, ...query }: ListOptions): Promise<void> {
  return withTenantContext(tenant, async (context) => {
    const page = await listMessages(context, query)
    if (json) return printJson(page)
    if (page.items.length === 0) return note(words.nothing)
    printTable(page.items, [
      { heading: headings.received, cell: (each) => minute(each.createdAt) },
      { heading: headings.status, cell: (each) => each.status },
      { heading: headings.email, cell: (each) => each.email },
      { heading: headings.id, cell: (each) => each.id },
      {
        heading: headings.subject,
        cell: (each) => each.subject ?? each.message.replaceAll('\n', ' '),
        isElastic: true,
      },
    ])
    printPlace(page)
  })
}

function show(id: string, chosen: { readonly tenant?: string; readonly json?: true }): Promise<void> {
  return withTenantContext(chosen.tenant, async (context) => {
    const message = await readMessage(context, id)
    if (chosen.json) return printJson(message)
    printDetails([
      [headings.id, message.id],
      [headings.received, minute(message.createdAt)],
      [headings.status, message.status],
      [headings.name, message.name],
      [headings.email, message.email],
      [headings.consent, message.consent ? states.yes : states.no],
      [headings.locale, message.locale],
      [headings.subject, message.subject ?? '-'],
      [headings.message, message.message],
    ])
  })
}

function remove(ids: readonly string[], chosen: { readonly tenant?: string }): Promise<void> {
  return withTenantContext(chosen.tenant, async (context) => {
    for (const id of ids) {
      await deleteMessage(context, id)
      note(words.messageDeleted(id))
    }
  })
}
