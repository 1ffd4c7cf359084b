import { readLeadQuota } from '@rempart/server/leads'
import {
  addTenantDomain,
  changeTenant,
  createTenant,
  listDomains,
  listTenants,
  removeTenantDomain,
} from '@rempart/server/tenants'
import { type Command, Option } from 'commander'
import * as parse from '../arguments.ts'
import { Failure } from '../failure.ts'
import { requireTenant, withDatabase, withTenantContext } from '../operator.ts'
import { minute, note, printDetails, printJson, printTable } from '../terminal.ts'
import { words } from '../words.ts'
import { tenantWords as say } from './tenant-words.ts'

const { commands, headings, options, states } = words

/** `rempart tenant`: the organisations of this installation. */
export function addTenantCommands(program: Command): void {
  const tenant = program.command('tenant').description(commands.tenant)

  tenant
    .command('create <slug>')
    .description(commands.tenantCreate)
    .option('--name <name>', options.tenantName)
    .option('--time-zone <zone>', options.timeZone, 'UTC')
    .addOption(new Option('--locale <locale>', options.locale).choices(['en', 'fr']).default('en'))
    .option('--domain <domain...>', options.domain)
    .option('--origin <origin...>', options.origin, parse.origins)
    .addOption(new Option('--quota <leads>', options.quota).argParser(parse.quota).default('none'))
    .option('--platform', say.platform)
    .option('--json', options.json)
    .action(create)

  tenant.command('list').description(commands.tenantList).option('--json', options.json).action(list)

  tenant
    .command('suspend <tenant>')
    .description(commands.tenantSuspend)
    .action((slug: string) => setActive(slug, false))
  tenant
    .command('resume <tenant>')
    .description(commands.tenantResume)
    .action((slug: string) => setActive(slug, true))

  tenant
    .command('quota <tenant>')
    .description(commands.tenantQuota)
    .option('--limit <leads>', options.quota, parse.quota)
    .option('--json', options.json)
    .action(quota)

  tenant
    .command('domains <tenant>')
    .description(say.domains)
    .option('--add <domain...>', say.add)
    .option('--remove <domain...>', say.remove)
    .option('--json', options.json)
    .action(domains)
}

interface CreateOptions {
  readonly name?: string
  readonly timeZone: string
  readonly locale: 'en' | 'fr'
  readonly domain?: readonly string[]
  readonly origin?: readonly string[]
  readonly quota: number | 'none'
  readonly platform?: true
  readonly json?: true
}

function create(slug: string, chosen: CreateOptions): Promise<void> {
  return withDatabase(async (database) => {
    const id = await createTenant(database.worker, {
      slug,
      name: chosen.name ?? slug,
      locale: chosen.locale,
      timeZone: chosen.timeZone,
      domains: chosen.domain ?? [],
      allowedOrigins: chosen.origin ?? [],
      maxLeadsPerMonth: limitOf(chosen.quota),
      isPlatform: chosen.platform === true,
    })
    if (chosen.json) printJson({ id, slug })
    else note(words.tenantMade(slug))
  })
}

function list(chosen: { readonly json?: true }): Promise<void> {
  return withDatabase(async (database) => {
    const tenants = (await listTenants(database.worker)).map(({ id, slug, name, is_active }) => ({
      id,
      slug,
      name,
      isActive: is_active,
    }))
    if (chosen.json) return printJson(tenants)
    if (tenants.length === 0) return note(words.nothing)
    printTable(tenants, [
      { heading: headings.slug, cell: (each) => each.slug },
      { heading: headings.name, cell: (each) => each.name, isElastic: true },
      { heading: headings.state, cell: (each) => (each.isActive ? states.active : states.suspended) },
      { heading: headings.id, cell: (each) => each.id },
    ])
  })
}

function setActive(named: string, isActive: boolean): Promise<void> {
  return withDatabase(async (database) => {
    const { id, slug } = await requireTenant(database, named)
    await changeTenant(database.worker, id, { isActive })
    note(isActive ? words.tenantResumed(slug) : words.tenantSuspended(slug))
  })
}

function quota(named: string, chosen: { readonly limit?: number | 'none'; readonly json?: true }): Promise<void> {
  return withTenantContext(named, async (context, database) => {
    if (chosen.limit !== undefined) {
      await changeTenant(database.worker, context.tenant.id, { maxLeadsPerMonth: limitOf(chosen.limit) })
    }
    const usage = await readLeadQuota(context)
    if (chosen.json) return printJson(usage)
    printDetails([
      [headings.period, usage.period],
      [headings.used, String(usage.used)],
      [headings.limit, usage.limit === null ? states.none : String(usage.limit)],
      [headings.resets, minute(usage.resetsAt)],
    ])
  })
}

interface DomainOptions {
  readonly add?: readonly string[]
  readonly remove?: readonly string[]
  readonly json?: true
}

function domains(named: string, chosen: DomainOptions): Promise<void> {
  return withTenantContext(named, async (context, database) => {
    const { id } = context.tenant
    for (const domain of chosen.add ?? []) await addTenantDomain(database.worker, id, domain)
    for (const domain of chosen.remove ?? []) {
      if (!(await removeTenantDomain(database.worker, id, domain))) throw new Failure(say.unknown(domain))
    }
    const { items } = await listDomains(context)
    printDomains(items, chosen.json)
  })
}

function printDomains(items: Awaited<ReturnType<typeof listDomains>>['items'], json: true | undefined): void {
  if (json) printJson(items)
  else if (items.length === 0) note(words.nothing)
  else printDomainTable(items)
}

function printDomainTable(items: Awaited<ReturnType<typeof listDomains>>['items']): void {
  printTable(items, [
    { heading: say.headings.domain, cell: (each) => each.domain },
    { heading: headings.state, cell: (each) => (each.isVerified ? say.states.proven : say.states.claimed) },
    {
      heading: say.headings.record,
      cell: ({ proof }) => (proof === null ? '-' : `${proof.name} TXT ${proof.value}`),
    },
  ])
}

const limitOf = (quota: number | 'none'): number | null => (quota === 'none' ? null : quota)
