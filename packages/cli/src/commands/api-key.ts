import { type Scope, scopes } from '@rempart/server'
import { type ApiKey, createApiKey, listApiKeys, revokeApiKey } from '@rempart/server/api-keys'
import { type Command, Option } from 'commander'
import * as parse from '../arguments.ts'
import { Failure } from '../failure.ts'
import { withTenantContext } from '../operator.ts'
import { minute, note, printJson, printTable } from '../terminal.ts'
import { words } from '../words.ts'

const { commands, headings, options, states } = words

/** `rempart api-key`: the keys of a tenant. */
export function addApiKeyCommands(program: Command): void {
  const key = program.command('api-key').description(commands.apiKey)

  parse
    .withTenant(key.command('create'))
    .description(commands.apiKeyCreate)
    .requiredOption('--name <name>', options.name)
    .requiredOption('--scopes <scopes>', `${options.scopes} ${scopes.join(', ')}`, scopeList)
    .addOption(
      new Option('--expires <duration>', options.expires).argParser(parse.lifetimeMs).default(90 * 86_400_000, '90d'),
    )
    .option('--json', options.json)
    .action(create)

  parse.withTenant(key.command('list')).description(commands.apiKeyList).option('--json', options.json).action(list)

  parse
    .withTenant(key.command('revoke'))
    .description(commands.apiKeyRevoke)
    .argument('<key>', words.invalid.key, parse.apiKey)
    .action(revoke)
}

const scopeList: parse.Parser<readonly Scope[]> = (text) => {
  const named = text.split(',').map((each) => each.trim())
  const known = scopes.filter((scope) => named.includes(scope))
  if (!named.every((each) => scopes.some((scope) => scope === each)))
    throw parse.expected(words.invalid.scope(scopes.join(', ')))
  return known
}

interface CreateOptions {
  readonly tenant?: string
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly expires: number | 'never'
  readonly json?: true
}

function create(chosen: CreateOptions): Promise<void> {
  return withTenantContext(chosen.tenant, async ({ tenant }, database) => {
    const expiresAt = chosen.expires === 'never' ? null : new Date(Date.now() + chosen.expires)
    const { name, scopes: granted } = chosen
    const { id, token } = await createApiKey(database.worker, tenant.id, { name, scopes: granted, expiresAt })
    if (chosen.json) return printJson({ id, key: token, scopes: granted, expiresAt })
    note(words.keyMade(name, tenant.slug, expiresAt === null ? states.never : minute(expiresAt)))
    console.log(token)
  })
}

function list(chosen: { readonly tenant?: string; readonly json?: true }): Promise<void> {
  return withTenantContext(chosen.tenant, async ({ tenant }, database) => {
    const keys = await listApiKeys(database.worker, tenant.id)
    if (chosen.json) return printJson(keys)
    if (keys.length === 0) return note(words.nothing)
    printTable(keys, [
      { heading: headings.key, cell: (each) => each.prefix },
      { heading: headings.name, cell: (each) => each.name },
      { heading: headings.state, cell: stateOf },
      { heading: headings.expires, cell: (each) => (each.expiresAt === null ? states.never : minute(each.expiresAt)) },
      { heading: headings.lastUsed, cell: (each) => minute(each.lastUsedAt) },
      { heading: headings.scopes, cell: (each) => each.scopes.join(','), isElastic: true },
    ])
  })
}

function stateOf({ revokedAt, expiresAt }: ApiKey): string {
  if (revokedAt !== null) return states.revoked
  return expiresAt !== null && expiresAt.getTime() <= Date.now() ? states.expired : states.active
}

function revoke(key: string, chosen: { readonly tenant?: string }): Promise<void> {
  return withTenantContext(chosen.tenant, async ({ tenant }, database) => {
    // Of a whole key its secret part is not said again.
    const shown = key.replace(/^(rmp_live_[0-9A-Za-z]{10}).*/, '$1')
    if (!(await revokeApiKey(database.worker, tenant.id, key))) throw new Failure(words.keyUnknown(shown))
    note(words.keyRevoked(shown))
  })
}
