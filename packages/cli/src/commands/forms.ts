import { basename, extname } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Context } from '@rempart/server'
import {
  addFormVersion,
  changeForm,
  createForm,
  DefinitionFileError,
  type FormDetail,
  formatDefinition,
  listForms,
  listFormVersions,
  parseDefinition,
  publishForm,
  readFormVersion,
  unpublishForm,
} from '@rempart/server/forms'
import { type Command, Option } from 'commander'
import * as parse from '../arguments.ts'
import { Failure } from '../failure.ts'
import { readSource, writeTarget } from '../files.ts'
import { withTenantContext } from '../operator.ts'
import { minute, note, printDetails, printJson, printTable } from '../terminal.ts'
import { language, words } from '../words.ts'
import { embedForm } from './embed-form.ts'
import { findForm, requireForm } from './find-form.ts'
import { printPlace } from './page.ts'

const { commands, headings, options, states } = words
const version = parse.integer(1, 2_147_483_647)

/** `rempart forms`: the forms of a tenant. */
export function addFormCommands(program: Command): void {
  const forms = program.command('forms').description(commands.forms)
  const onForm = (name: string, about: string): Command =>
    parse.withTenant(forms.command(name)).description(about).argument('<form>', headings.slug)

  parse
    .withListOptions(forms.command('list'))
    .description(commands.formsList)
    .option('--archived', options.archived)
    .action(list)

  onForm('show', commands.formsShow).option('--json', options.json).action(show)

  parse
    .withTenant(forms.command('import <file>'))
    .description(commands.formsImport)
    .option('--slug <slug>', options.formSlug)
    .option('--name <name>', options.formName)
    .option('--publish', options.publish)
    .action(importFile)

  onForm('export', commands.formsExport)
    .option('--version <number>', options.version, version)
    .addOption(new Option('--format <format>', options.format).choices(['yaml', 'json']).default('yaml'))
    .option('-o, --output <file>', options.output)
    .action(exportForm)

  onForm('embed', commands.formsEmbed).option('--iframe', options.iframe).action(embedForm)

  onForm('publish', commands.formsPublish).option('--version <number>', options.version, version).action(publish)
  onForm('unpublish', commands.formsUnpublish).action(unpublish)
  onForm('archive', commands.formsArchive).action((form: string, chosen: OnTenant) => setArchived(form, chosen, true))
  onForm('restore', commands.formsRestore).action((form: string, chosen: OnTenant) => setArchived(form, chosen, false))
}

interface OnTenant {
  readonly tenant?: string
}

function list(chosen: parse.ListOptions & { readonly archived?: true }): Promise<void> {
  return withTenantContext(chosen.tenant, async (context) => {
    const { page, pageSize, archived = false } = chosen
    const forms = await listForms(context, { page, pageSize, archived })
    if (chosen.json) return printJson(forms)
    if (forms.items.length === 0) return note(words.nothing)
    printTable(forms.items, [
      { heading: headings.slug, cell: (each) => each.slug },
      { heading: headings.name, cell: (each) => each.name, isElastic: true },
      { heading: headings.published, cell: (each) => String(each.publishedVersion ?? '-') },
      { heading: headings.latest, cell: (each) => String(each.latestVersion) },
      { heading: headings.created, cell: (each) => minute(each.createdAt) },
      { heading: headings.id, cell: (each) => each.id },
    ])
    printPlace(forms)
  })
}

function show(named: string, chosen: OnTenant & { readonly json?: true }): Promise<void> {
  return withTenantContext(chosen.tenant, async (context) => {
    const form = await requireForm(context, named)
    if (chosen.json) return printJson(form)
    printDetails([
      [headings.id, form.id],
      [headings.slug, form.slug],
      [headings.name, form.name],
      [headings.created, minute(form.createdAt)],
      ...(form.archivedAt === null ? [] : [[headings.state, `${states.archived} ${minute(form.archivedAt)}`] as const]),
    ])
    console.log()
    const versions = await listFormVersions(context, form.id, { pageSize: 20 })
    printTable(versions.items, [
      { heading: headings.version, cell: (each) => String(each.version) },
      { heading: headings.created, cell: (each) => minute(each.createdAt) },
      {
        heading: headings.published,
        cell: (each) => `${minute(each.publishedAt)}${each.isPublished ? ` (${states.active})` : ''}`,
      },
    ])
    printPlace(versions)
  })
}

interface ImportOptions extends OnTenant {
  readonly slug?: string
  readonly name?: string
  readonly publish?: true
}

async function importFile(file: string, chosen: ImportOptions): Promise<void> {
  const definition = await readDefinitionFile(file)
  const slug = chosen.slug ?? basename(file, extname(file)).toLowerCase()
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(slug)) throw new Failure(words.slugNeeded)
  await withTenantContext(chosen.tenant, async (context) => {
    const saved = await saveDefinition(context, slug, chosen.name, definition)
    if (chosen.publish) sayPublished(await publishForm(context, saved.id, saved.version))
  })
}

type Definition = FormDetail['definition']

/** Saves the first or the next version, unless the latest is the same. */
async function saveDefinition(context: Context, slug: string, name: string | undefined, definition: Definition) {
  const form = await findForm(context, { slug })
  if (form === undefined) {
    const { title } = definition
    const called = name ?? title[language] ?? title.en ?? title.fr ?? slug
    const made = await createForm(context, { slug, name: called, definition })
    note(words.formMade(slug))
    return { id: made.id, version: made.latestVersion }
  }
  if (name !== undefined && name !== form.name) await changeForm(context, form.id, { name })
  if (isDeepStrictEqual(form.definition, definition)) {
    note(words.versionSame(slug, form.latestVersion))
    return { id: form.id, version: form.latestVersion }
  }
  const { version: next } = await addFormVersion(context, form.id, definition)
  note(words.versionSaved(slug, next))
  return { id: form.id, version: next }
}

async function readDefinitionFile(file: string): Promise<Definition> {
  const text = await readSource(file)
  try {
    return parseDefinition(text, language)
  } catch (error) {
    if (!(error instanceof DefinitionFileError)) throw error
    const faults = error.faults.map(
      ({ line, column, pointer, message }) => `  ${line}:${column}  ${pointer === '' ? '' : `${pointer}  `}${message}`,
    )
    throw new Failure([words.fileFaults(file, faults.length), ...faults].join('\n'))
  }
}

interface ExportOptions extends OnTenant {
  readonly version?: number
  readonly format: 'yaml' | 'json'
  readonly output?: string
}

function exportForm(named: string, chosen: ExportOptions): Promise<void> {
  return withTenantContext(chosen.tenant, async (context) => {
    const form = await requireForm(context, named)
    const { definition } = chosen.version === undefined ? form : await readFormVersion(context, form.id, chosen.version)
    await writeTarget(chosen.output, one(formatDefinition(definition, chosen.format)))
  })
}

async function* one(text: string): AsyncGenerator<string> {
  yield text
}

function publish(named: string, chosen: OnTenant & { readonly version?: number }): Promise<void> {
  return withTenantContext(chosen.tenant, async (context) => {
    const { id } = await requireForm(context, named)
    sayPublished(await publishForm(context, id, chosen.version))
  })
}

function unpublish(named: string, chosen: OnTenant): Promise<void> {
  return withTenantContext(chosen.tenant, async (context) => {
    const { id, slug } = await requireForm(context, named)
    await unpublishForm(context, id)
    note(words.formUnpublished(slug))
  })
}

function setArchived(named: string, chosen: OnTenant, archived: boolean): Promise<void> {
  return withTenantContext(chosen.tenant, async (context) => {
    const { id, slug } = await requireForm(context, named)
    await changeForm(context, id, { archived })
    note(archived ? words.formArchived(slug) : words.formRestored(slug))
  })
}

function sayPublished(form: { readonly slug: string; readonly publishedVersion: number | null }): void {
  note(words.formPublished(form.slug, form.publishedVersion ?? 0))
}
