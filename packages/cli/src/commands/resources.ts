import type { Context } from '@rempart/server'
import {
  changeResource,
  createResource,
  deleteResource,
  listResources,
  type ResourceChange,
  readResource,
  restoreResource,
} from '@rempart/server/resources'
import type { Command } from 'commander'
import * as parse from '../arguments.ts'
import { withTenantContext } from '../operator.ts'
import { minute, note, printDetails, printJson, printTable } from '../terminal.ts'
import { words } from '../words.ts'
import { printPlace } from './page.ts'

const { commands, headings, options } = words

/** `rempart resources`: what a tenant's website offers its visitors. */
export function addResourceCommands(program: Command): void {
  const resources = program.command('resources').description(commands.resources)
  const withDetails = (command: Command): Command =>
    command
      .option('--summary <text>', options.summary, parse.paragraphs(2_000))
      .option('--url <url>', options.url)
      .option('--category <category>', options.category, parse.line(100, 0))
      .option('--json', options.json)

  parse
    .withListOptions(resources.command('list'))
    .description(commands.resourcesList)
    .option('--category <category>', options.ofCategory)
    .option('--deleted', options.deleted)
    .action(list)

  parse
    .withTenant(resources.command('show'))
    .description(commands.resourcesShow)
    .argument('<id>', words.invalid.id, parse.id)
    .option('--json', options.json)
    .action(show)

  withDetails(
    parse
      .withTenant(resources.command('create'))
      .description(commands.resourcesCreate)
      .requiredOption('--title <title>', options.title, parse.line(200)),
  ).action(create)

  withDetails(
    parse
      .withTenant(resources.command('change'))
      .description(commands.resourcesChange)
      .argument('<id>', words.invalid.id, parse.id)
      .option('--title <title>', options.title, parse.line(200)),
  ).action(change)

  const onMany = (name: string, about: string, work: typeof remove): Command =>
    parse
      .withTenant(resources.command(name))
      .description(about)
      .argument('<id...>', words.invalid.id, parse.ids)
      .action((ids: readonly string[], chosen: OnTenant) =>
        withTenantContext(chosen.tenant, async (context) => {
          for (const id of ids) await work(context, id)
        }),
      )
  onMany('delete', commands.resourcesDelete, remove)
  onMany('restore', commands.resourcesRestore, restore)
}

interface OnTenant {
  readonly tenant?: string
}

type ListOptions = parse.ListOptions & { readonly category?: string; readonly deleted?: true }

function list({ tenant, json, ...query }: ListOptions): Promise<void> {
  return withTenantContext(tenant, async (context) => {
    const page = await listResources(context, query)
    if (json) return printJson(page)
    if (page.items.length === 0) return note(words.nothing)
    printTable(page.items, [
      { heading: headings.created, cell: (each) => minute(each.createdAt) },
      { heading: headings.category, cell: (each) => each.category ?? '-' },
      { heading: headings.title, cell: (each) => each.title, isElastic: true },
      { heading: headings.url, cell: (each) => each.url ?? '-' },
      { heading: headings.id, cell: (each) => each.id },
    ])
    printPlace(page)
  })
}

function show(id: string, chosen: OnTenant & { readonly json?: true }): Promise<void> {
  return withTenantContext(chosen.tenant, async (context) => {
    const resource = await readResource(context, id)
    if (chosen.json) return printJson(resource)
    printDetails([
      [headings.id, resource.id],
      [headings.created, minute(resource.createdAt)],
      ...(resource.deletedAt === undefined ? [] : [[headings.deleted, minute(resource.deletedAt)] as const]),
      [headings.category, resource.category ?? '-'],
      [headings.title, resource.title],
      [headings.url, resource.url ?? '-'],
      [headings.summary, resource.summary ?? '-'],
    ])
  })
}

interface Details extends OnTenant {
  readonly title?: string
  readonly summary?: string
  readonly url?: string
  readonly category?: string
  readonly json?: true
}

function create(chosen: Details & { readonly title: string }): Promise<void> {
  return withTenantContext(chosen.tenant, async (context) => {
    const resource = await createResource(context, { ...changesOf(chosen), title: chosen.title })
    if (chosen.json) return printJson(resource)
    note(words.resourceMade(resource.title, resource.id))
  })
}

function change(id: string, chosen: Details): Promise<void> {
  return withTenantContext(chosen.tenant, async (context) => {
    const resource = await changeResource(context, id, changesOf(chosen))
    if (chosen.json) return printJson(resource)
    note(words.resourceChanged(resource.title, id))
  })
}

/** An empty text clears what it stands for. */
function changesOf({ title, summary, url, category }: Details): ResourceChange {
  return {
    ...(title !== undefined && { title }),
    ...(summary !== undefined && { summary: summary || null }),
    ...(url !== undefined && { url: url || null }),
    ...(category !== undefined && { category: category || null }),
  }
}

async function remove(context: Context, id: string): Promise<void> {
  await deleteResource(context, id)
  note(words.resourceDeleted(id))
}

async function restore(context: Context, id: string): Promise<void> {
  await restoreResource(context, id)
  note(words.resourceRestored(id))
}
