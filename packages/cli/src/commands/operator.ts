import { type Context, type OpenDatabase, permissions } from '@rempart/server'
import { grantOperator, listGrants, type OperatorGrant, readPlatformTenant, revokeGrant } from '@rempart/server/tenants'
import { type Command, InvalidArgumentError } from 'commander'
import * as parse from '../arguments.ts'
import { Failure } from '../failure.ts'
import { requireTenant, withDatabase, withTenantContext } from '../operator.ts'
import { minute, note, printJson, printTable } from '../terminal.ts'
import { words } from '../words.ts'
import { operatorWords as say } from './operator-words.ts'
import { accountIdOf } from './user.ts'

const { headings, options } = words

/** `rempart operator`: who of the platform may work in a tenant. The first grant of an installation is made here. */
export function addOperatorCommands(program: Command): void {
  const operator = program.command('operator').description(say.operator)

  withPlatform(operator.command('grant'))
    .description(say.grant)
    .argument('<account>', say.who)
    .requiredOption('--permissions <list>', say.permissions, permissionList)
    .requiredOption('--reason <text>', say.reason, parse.line(500))
    .requiredOption('--minutes <number>', say.minutes, parse.integer(1, 480))
    .option('--json', options.json)
    .action(grant)

  operator
    .command('list')
    .description(say.list)
    .requiredOption('-t, --tenant <tenant>', say.tenant)
    .option('--json', options.json)
    .action(list)

  withPlatform(operator.command('revoke'))
    .description(say.revoke)
    .argument('<grant>', say.grantId, parse.id)
    .action(revoke)
}

const withPlatform = (command: Command): Command =>
  command.requiredOption('-t, --tenant <tenant>', say.tenant).option('--platform <tenant>', say.platform, 'platform')

interface Place {
  readonly tenant: string
  readonly platform: string
}

interface GrantOptions extends Place {
  readonly permissions: readonly string[]
  readonly reason: string
  readonly minutes: number
  readonly json?: true
}

function grant(who: string, chosen: GrantOptions): Promise<void> {
  return atPlatform(chosen.platform, async (home, database) => {
    const tenant = await requireTenant(database, chosen.tenant)
    const made = await grantOperator(home, partsOf(database), tenant.id, {
      operatorId: await accountIdOf(home, who),
      permissions: [...chosen.permissions],
      reason: chosen.reason,
      minutes: chosen.minutes,
    })
    if (chosen.json) return printJson(made)
    note(say.granted(who, tenant.slug, minute(made.expiresAt)))
    console.log(made.id)
  })
}

function list(chosen: { readonly tenant: string; readonly json?: true }): Promise<void> {
  return withDatabase(async (database) => {
    const tenant = await requireTenant(database, chosen.tenant)
    const found = await listGrants(partsOf(database), tenant.id)
    if (chosen.json) return printJson(found)
    if (found.items.length === 0) return note(words.nothing)
    printTable(found.items, [
      { heading: headings.state, cell: (each) => say.states[stateOf(each)] },
      { heading: say.headings.until, cell: (each) => minute(each.revokedAt ?? each.expiresAt) },
      { heading: say.headings.operator, cell: (each) => each.operatorId },
      { heading: say.headings.permissions, cell: (each) => each.permissions.join(',') },
      { heading: say.headings.reason, cell: (each) => each.reason, isElastic: true },
      { heading: headings.id, cell: (each) => each.id },
    ])
  })
}

function revoke(id: string, chosen: Place): Promise<void> {
  return atPlatform(chosen.platform, async (home, database) => {
    const tenant = await requireTenant(database, chosen.tenant)
    await revokeGrant(home, partsOf(database), tenant.id, id)
    note(say.revoked(tenant.slug))
  })
}

/** @throws Failure for a tenant that keeps no others. */
function atPlatform(named: string, work: (home: Context, database: OpenDatabase) => Promise<void>): Promise<void> {
  return withTenantContext(named, async (home, database) => {
    const { isPlatform, slug } = await readPlatformTenant(partsOf(database), home.tenant.id)
    if (!isPlatform) throw new Failure(say.noPlatform(slug))
    await work(home, database)
  })
}

// Grants are looked up for each request: there is nothing to forget anywhere.
const partsOf = ({ worker }: OpenDatabase) => ({ pool: worker, onTenantChanged: () => {} })

function stateOf({ isInForce, revokedAt }: OperatorGrant): keyof typeof say.states {
  if (isInForce) return 'inForce'
  return revokedAt === null ? 'over' : 'revoked'
}

function permissionList(text: string): readonly string[] {
  const named = [...new Set(text.split(',').map((each) => each.trim()))]
  const known: readonly string[] = permissions
  if (!named.every((each) => known.includes(each)))
    throw new InvalidArgumentError(say.invalidPermission(known.join(', ')))
  return named
}
