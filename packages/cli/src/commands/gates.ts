import {
  changeGate,
  createGate,
  deleteGate,
  deleteRegistration,
  type Gate,
  listGates,
  listRegistrations,
  type Registration,
  RegistrationStatus,
} from '@rempart/server/gates'
import { type Command, Option } from 'commander'
import * as parse from '../arguments.ts'
import { withTenantContext } from '../operator.ts'
import { minute, note, printJson, printTable } from '../terminal.ts'
import { words } from '../words.ts'
import { printPlace } from './page.ts'

const { commands, headings, options, states } = words
const capacity = parse.integer(0, 1_000_000)

/** `rempart gates`: the registration lists of a tenant. */
export function addGateCommands(program: Command): void {
  const gates = program.command('gates').description(commands.gates)
  const onGate = (name: string, about: string): Command =>
    parse.withTenant(gates.command(name)).description(about).argument('<slug>', headings.slug, parse.slug)

  parse.withListOptions(gates.command('list')).description(commands.gatesList).action(list)

  onGate('create', commands.gatesCreate)
    .requiredOption('--capacity <places>', options.capacity, capacity)
    .option('--name <name>', options.gateName, parse.line(200))
    .option('--public', options.public)
    .option('--json', options.json)
    .action(create)

  onGate('change', commands.gatesChange)
    .option('--capacity <places>', options.capacity, capacity)
    .option('--name <name>', options.gateName, parse.line(200))
    .option('--slug <slug>', options.gateSlug, parse.slug)
    .option('--public', options.public)
    .option('--no-public', options.notPublic)
    .option('--json', options.json)
    .action(change)

  onGate('delete', commands.gatesDelete).action(remove)

  parse
    .withListOptions(gates.command('registrations'))
    .description(commands.gatesRegistrations)
    .argument('<slug>', headings.slug, parse.slug)
    .addOption(new Option('--status <status>', options.status).choices(RegistrationStatus.enum))
    .option('--email <email>', options.email)
    .action(registrations)

  onGate('unregister', commands.gatesUnregister).argument('<id...>', words.invalid.id, parse.ids).action(unregister)
}

interface OnTenant {
  readonly tenant?: string
}

function list({ tenant, json, ...query }: parse.ListOptions): Promise<void> {
  return withTenantContext(tenant, async (context) => {
    const page = await listGates(context, query)
    if (json) return printJson(page)
    if (page.items.length === 0) return note(words.nothing)
    printTable(page.items, [
      { heading: headings.slug, cell: (each) => each.slug },
      { heading: headings.name, cell: (each) => each.name, isElastic: true },
      { heading: headings.public, cell: (each) => (each.isPublic ? states.yes : states.no) },
      { heading: headings.capacity, cell: (each) => String(each.capacity) },
      { heading: headings.registered, cell: (each) => String(each.registered) },
      { heading: headings.waitlisted, cell: (each) => String(each.waitlisted) },
      { heading: headings.created, cell: (each) => minute(each.createdAt) },
    ])
    printPlace(page)
  })
}

interface GateOptions extends OnTenant {
  readonly name?: string
  readonly public?: boolean
  readonly json?: true
}

function create(slug: string, chosen: GateOptions & { readonly capacity: number }): Promise<void> {
  return withTenantContext(chosen.tenant, async (context) => {
    const gate = await createGate(context, {
      slug,
      name: chosen.name ?? slug,
      capacity: chosen.capacity,
      isPublic: chosen.public ?? false,
    })
    if (chosen.json) return printJson(gate)
    note(words.gateMade(slug, gate.capacity))
  })
}

function change(slug: string, chosen: GateOptions & { readonly capacity?: number; readonly slug?: string }) {
  return withTenantContext(chosen.tenant, async (context) => {
    const gate = await changeGate(context, slug, {
      ...(chosen.name !== undefined && { name: chosen.name }),
      ...(chosen.capacity !== undefined && { capacity: chosen.capacity }),
      ...(chosen.public !== undefined && { isPublic: chosen.public }),
      ...(chosen.slug !== undefined && { slug: chosen.slug }),
    })
    if (chosen.json) return printJson(gate)
    sayChanged(gate)
  })
}

const sayChanged = ({ slug, registered, capacity: places, waitlisted }: Gate): void =>
  note(words.gateChanged(slug, registered, places, waitlisted))

function remove(slug: string, chosen: OnTenant): Promise<void> {
  return withTenantContext(chosen.tenant, async (context) => {
    await deleteGate(context, slug)
    note(words.gateDeleted(slug))
  })
}

type RegistrationOptions = parse.ListOptions & { readonly status?: Registration['status']; readonly email?: string }

function registrations(slug: string, { tenant, json, ...query }: RegistrationOptions): Promise<void> {
  return withTenantContext(tenant, async (context) => {
    const page = await listRegistrations(context, slug, query)
    if (json) return printJson(page)
    if (page.items.length === 0) return note(words.nothing)
    printTable(page.items, [
      { heading: headings.received, cell: (each) => minute(each.createdAt) },
      { heading: headings.status, cell: (each) => each.status },
      { heading: headings.position, cell: (each) => String(each.position ?? '-') },
      { heading: headings.name, cell: (each) => each.name ?? '-' },
      { heading: headings.email, cell: (each) => each.email, isElastic: true },
      { heading: headings.id, cell: (each) => each.id },
    ])
    printPlace(page)
  })
}

function unregister(slug: string, ids: readonly string[], chosen: OnTenant): Promise<void> {
  return withTenantContext(chosen.tenant, async (context) => {
    for (const id of ids) {
      await deleteRegistration(context, slug, id)
      note(words.registrationDeleted(id))
    }
  })
}
