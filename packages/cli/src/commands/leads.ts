import type { Context } from '@rempart/server'
import { exportLeads, type Lead, LeadStatus, listLeadNotes, listLeads, readLead } from '@rempart/server/leads'
import { type Command, Option } from 'commander'
import * as parse from '../arguments.ts'
import { writeTarget } from '../files.ts'
import { withTenantContext } from '../operator.ts'
import { minute, note, printDetails, printJson, printTable } from '../terminal.ts'
import { words } from '../words.ts'
import { requireForm } from './find-form.ts'
import { printPlace } from './page.ts'

const { commands, headings, options } = words

/** `rempart leads`: the leads of a tenant. */
export function addLeadCommands(program: Command): void {
  const leads = program.command('leads').description(commands.leads)
  const status = (): Option => new Option('--status <status>', options.status).choices(LeadStatus.enum)

  parse
    .withListOptions(leads.command('list'))
    .description(commands.leadsList)
    .option('--form <form>', options.form)
    .addOption(status())
    .option('--email <email>', options.email)
    .action(list)

  parse
    .withTenant(leads.command('show'))
    .description(commands.leadsShow)
    .argument('<id>', words.invalid.id, parse.id)
    .option('--json', options.json)
    .action(show)

  parse
    .withTenant(leads.command('export'))
    .description(commands.leadsExport)
    .addOption(new Option('--format <format>', options.format).choices(['csv', 'json']).default('csv'))
    .option('--form <form>', options.form)
    .addOption(status())
    .option('-o, --output <file>', options.output)
    .action(exportAll)
}

interface Filter {
  readonly form?: string
  readonly status?: Lead['status']
}

async function filterOf(context: Context, { form, status }: Filter) {
  return {
    ...(form !== undefined && { formId: (await requireForm(context, form)).id }),
    ...(status !== undefined && { status }),
  }
}

function list(chosen: parse.ListOptions & Filter & { readonly email?: string }): Promise<void> {
  return withTenantContext(chosen.tenant, async (context) => {
    const { page, pageSize, email } = chosen
    const filter = await filterOf(context, chosen)
    const leads = await listLeads(context, { page, pageSize, ...filter, ...(email !== undefined && { email }) })
    if (chosen.json) return printJson(leads)
    if (leads.items.length === 0) return note(words.nothing)
    printTable(leads.items, [
      { heading: headings.received, cell: (each) => minute(each.createdAt) },
      { heading: headings.form, cell: (each) => each.formSlug },
      { heading: headings.status, cell: (each) => each.status },
      { heading: headings.score, cell: (each) => String(each.score ?? '-') },
      { heading: headings.email, cell: (each) => each.email, isElastic: true },
      { heading: headings.id, cell: (each) => each.id },
    ])
    printPlace(leads)
  })
}

function show(id: string, chosen: { readonly tenant?: string; readonly json?: true }): Promise<void> {
  return withTenantContext(chosen.tenant, async (context) => {
    const lead = await readLead(context, id)
    const notes = await listLeadNotes(context, id, { pageSize: 100 })
    if (chosen.json) return printJson({ ...lead, notes: notes.items })
    printDetails([
      [headings.id, lead.id],
      [headings.received, minute(lead.createdAt)],
      [headings.form, `${lead.formSlug} (${lead.formVersion})`],
      [headings.status, lead.status],
      [headings.email, lead.email],
      [headings.score, String(lead.score ?? '-')],
      [headings.outcome, lead.outcome ?? '-'],
      ...Object.entries(lead.data).map(([name, value]) => [name, answerText(value)] as const),
      ...notes.items.map((each) => [`${headings.note} ${minute(each.createdAt)} ${each.author}`, each.body] as const),
    ])
  })
}

const answerText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

interface ExportOptions extends Filter {
  readonly tenant?: string
  readonly format: 'csv' | 'json'
  readonly output?: string
}

function exportAll(chosen: ExportOptions): Promise<void> {
  return withTenantContext(chosen.tenant, async (context) => {
    const filter = await filterOf(context, chosen)
    const isShown = process.stderr.isTTY && !(chosen.output === undefined && process.stdout.isTTY)
    const total = isShown ? (await listLeads(context, { ...filter, pageSize: 1 })).total : 0
    const { pages } = await exportLeads(context, { ...filter, format: chosen.format })
    const progress = { count: 0, total: isShown ? total : undefined }
    await writeTarget(chosen.output, textOf(pages, progress))
    if (chosen.output !== undefined) note(words.exported(progress.count, chosen.output))
  })
}

type Pages = Awaited<ReturnType<typeof exportLeads>>['pages']

/** The text of an export; counts its leads, and shows the count while a total is known. */
async function* textOf(pages: Pages, progress: { count: number; readonly total: number | undefined }) {
  const { total } = progress
  for await (const page of pages) {
    if (page.text !== '') yield page.text
    progress.count += page.leads
    if (total !== undefined) process.stderr.write(`\r${words.exporting(progress.count, total)}`)
  }
  // Wipes the progress away: it was for waiting, not for reading.
  if (total !== undefined) process.stderr.write('\r\u001B[K')
}
