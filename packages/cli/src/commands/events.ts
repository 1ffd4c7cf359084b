import { compilePolicy, definePolicy } from '@rempart/guard'
import { listSecurityEvents, readSecurityEvent, type SecurityEvent } from '@rempart/server/events'
import { type Command, InvalidArgumentError } from 'commander'
import * as parse from '../arguments.ts'
import { withTenantContext } from '../operator.ts'
import { policyFileOf, readGround, readPolicySource } from '../policy-source.ts'
import { minute, note, printDetails, printJson, printTable } from '../terminal.ts'
import { words } from '../words.ts'
import { eventWords } from './events-words.ts'
import { printPlace } from './page.ts'

const { headings } = eventWords

/** `rempart events`: what the guard refused and why. */
export function addEventCommands(program: Command): void {
  const events = program.command('events').description(eventWords.events)

  parse
    .withListOptions(events.command('list'))
    .description(eventWords.list)
    .option('--type <type>', eventWords.ofType, typeOf)
    .option('--policy <policy>', eventWords.ofPolicy, parse.line(64))
    .option('--rule <rule>', eventWords.ofRule, parse.line(64))
    .option('--client <prefix>', eventWords.ofClient, prefixOf)
    .option('--since <instant>', eventWords.since, parse.instant)
    .option('--until <instant>', eventWords.until, parse.instant)
    .action(list)

  parse
    .withTenant(events.command('explain'))
    .description(eventWords.explain)
    .argument('<id>', words.invalid.id, parse.id)
    .option('--json', words.options.json)
    .action(explain)
}

const types = ['refused', 'challenged', 'shadow-refused', 'alert'] as const satisfies readonly SecurityEvent['type'][]

function typeOf(text: string): SecurityEvent['type'] {
  const type = types.find((each) => each === text)
  if (type === undefined) throw new InvalidArgumentError(eventWords.invalidType)
  return type
}

function prefixOf(text: string): string {
  if (!/^[0-9a-f]{8}$/.test(text)) throw new InvalidArgumentError(eventWords.invalidPrefix)
  return text
}

interface ListOptions extends parse.ListOptions {
  readonly type?: SecurityEvent['type']
  readonly policy?: string
  readonly rule?: string
  readonly client?: string
  readonly since?: number
  readonly until?: number
}

function list({ tenant, json, client, since, until, ...query }: ListOptions): Promise<void> {
  return withTenantContext(tenant, async (context) => {
    const page = await listSecurityEvents(context, {
      ...query,
      ...(client !== undefined && { fpPrefix: client }),
      ...(since !== undefined && { since: new Date(since).toISOString() }),
      ...(until !== undefined && { until: new Date(until).toISOString() }),
    })
    if (json) return printJson(page)
    if (page.items.length === 0) return note(words.nothing)
    printTable(page.items, [
      { heading: headings.at, cell: (each) => minute(each.createdAt) },
      { heading: headings.type, cell: (each) => each.type },
      { heading: headings.count, cell: (each) => String(each.count) },
      { heading: headings.rule, cell: (each) => `${each.policyId}/${each.ruleId}` },
      { heading: headings.reason, cell: (each) => each.reason ?? '-' },
      { heading: headings.client, cell: (each) => each.fpPrefix ?? '-' },
      { heading: headings.route, cell: (each) => each.route, isElastic: true },
      { heading: headings.id, cell: (each) => each.id },
    ])
    printPlace(page)
  })
}

function explain(id: string, chosen: { readonly tenant?: string; readonly json?: true }): Promise<void> {
  return withTenantContext(chosen.tenant, async (context) => {
    const event = await readSecurityEvent(context, id, await versionsInForce())
    if (chosen.json) return printJson(event)
    printDetails([
      [headings.id, event.id],
      [headings.at, event.createdAt],
      [headings.type, event.type],
      [headings.count, String(event.count)],
      ...(event.count > 1 ? [[headings.last, event.lastAt] as const] : []),
      [headings.rule, `${event.policyId}/${event.ruleId}`],
      [headings.version, event.policyVersion],
      [headings.reason, event.reason ?? '-'],
      [headings.client, event.fpPrefix ?? '-'],
      [headings.subjects, Object.keys(event.subjects).join(', ') || '-'],
      [headings.route, event.route],
      [headings.request, event.requestId],
      [headings.why, ['', ...event.explanation.sentences].join('\n')],
    ])
    note(eventWords.policyNote)
  })
}

/** As a server that starts now, under the configured policy file, would have them. */
async function versionsInForce(): Promise<(policyId: string) => readonly (string | undefined)[]> {
  const { set } = await readPolicySource(await policyFileOf(undefined), await readGround(false))
  const versions = new Map(
    set.policies.map(({ policy }) => [policy.id, compilePolicy(definePolicy(policy)).version] as const),
  )
  return (policyId) => [versions.get(policyId)]
}
