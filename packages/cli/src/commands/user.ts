import type { Context } from '@rempart/server'
import {
  activateUser,
  createAccount,
  createPasswordHasher,
  deactivateUser,
  listUsers,
  type User,
  type UserStatus,
} from '@rempart/server/users'
import { type Command, Option } from 'commander'
import * as parse from '../arguments.ts'
import { Failure } from '../failure.ts'
import { readSource } from '../files.ts'
import { withTenantContext } from '../operator.ts'
import { minute, note, printJson, printTable } from '../terminal.ts'
import { words } from '../words.ts'
import { printPlace } from './page.ts'
import { userWords as say } from './user-words.ts'

const { headings, options } = words

/** `rempart user`: the people of a tenant. */
export function addUserCommands(program: Command): void {
  const user = program.command('user').description(say.user)

  parse
    .withTenant(user.command('create'))
    .description(say.create)
    .requiredOption('--email <address>', say.email)
    .option('--name <name>', say.name, parse.line(200))
    .option('--role <code>', say.role)
    .option('--password-stdin', say.passwordStdin)
    .option('--json', options.json)
    .action(create)

  parse
    .withListOptions(user.command('list'))
    .description(say.list)
    .option('--email <address>', options.email)
    .addOption(new Option('--status <status>', say.status).choices(['active', 'unverified', 'inactive', 'deleted']))
    .action(list)

  for (const [name, act, done] of [
    ['deactivate', deactivateUser, say.off],
    ['activate', activateUser, say.on],
  ] as const) {
    parse
      .withTenant(user.command(name))
      .description(say[name])
      .argument('<account>', say.who)
      .action((who: string, chosen: { readonly tenant?: string }) =>
        withTenantContext(chosen.tenant, async (context) => {
          const { email } = await act(context, await accountIdOf(context, who))
          note(done(email))
        }),
      )
  }
}

interface CreateOptions {
  readonly tenant?: string
  readonly email: string
  readonly name?: string
  readonly role?: string
  readonly passwordStdin?: true
  readonly json?: true
}

async function create(chosen: CreateOptions): Promise<void> {
  // The line break at the end is the terminal's; everything else is the password's.
  const password = chosen.passwordStdin ? (await readSource('-')).replace(/\r?\n$/, '') : undefined
  await withTenantContext(chosen.tenant, async (context, _database, { publicUrl }) => {
    const { email, name, role } = chosen
    const parts = { hasher: createPasswordHasher(), publicUrl }
    const { id, link } = await createAccount(context, parts, { email, name, role, password })
    if (chosen.json) return printJson({ id, email, ...(link !== undefined && { link }) })
    note(say.made(email, context.tenant.slug))
    if (link === undefined) return
    note(say.link)
    console.log(link)
  })
}

interface ListOptions extends parse.ListOptions {
  readonly email?: string
  readonly status?: UserStatus
}

function list(chosen: ListOptions): Promise<void> {
  return withTenantContext(chosen.tenant, async (context) => {
    const { page, pageSize, email, status } = chosen
    const filter = { ...(email !== undefined && { email }), ...(status !== undefined && { status }) }
    const found = await listUsers(context, { page, pageSize, ...filter })
    if (chosen.json) return printJson(found)
    if (found.items.length === 0) return note(words.nothing)
    printTable(found.items, [
      { heading: headings.email, cell: (each) => each.email },
      { heading: headings.name, cell: (each) => each.name ?? '-', isElastic: true },
      { heading: headings.state, cell: (each) => say.states[stateOf(each)] },
      { heading: say.headings.lastLogin, cell: (each) => minute(each.lastLoginAt) },
      { heading: headings.id, cell: (each) => each.id },
    ])
    printPlace(found)
  })
}

function stateOf({ deletedAt, isActive, emailVerified }: User): UserStatus {
  if (deletedAt !== undefined) return 'deleted'
  if (!isActive) return 'inactive'
  return emailVerified ? 'active' : 'unverified'
}

/** The id of an account of the context's tenant, by its address or id. @throws Failure when nobody has the address. */
export async function accountIdOf(context: Context, who: string): Promise<string> {
  if (parse.isId(who)) return who.toLowerCase()
  const [user] = (await listUsers(context, { email: who })).items
  if (user === undefined) throw new Failure(say.unknown(who))
  return user.id
}
