import { Command } from 'commander'
import { auditWords } from './commands/audit-words.ts'
import { doctorCommandWords } from './commands/doctor-words.ts'
import { eventWords } from './commands/events-words.ts'
import { gatewayWords } from './commands/gateway-words.ts'
import { keyWords } from './commands/keys-words.ts'
import { mailboxWords } from './commands/mailbox-words.ts'
import { operatorWords } from './commands/operator-words.ts'
import { proveWords } from './commands/prove-words.ts'
import { replayWords } from './commands/replay-words.ts'
import { sessionWords } from './commands/session-words.ts'
import { userWords } from './commands/user-words.ts'
import { words } from './words.ts'

/** A command as the help of the whole lists it, and what makes the real one. */
interface Listed {
  readonly name: string
  readonly about: string
  /** Whether the help says `[options]`. */
  readonly hasOptions?: true
  /** As the help says it: `<log...>`. */
  readonly arguments?: string
  /** Reads the code of the command and of what it calls. */
  readonly load: () => Promise<(program: Command) => void>
}

const { commands } = words

/** In the order of the help. */
export const listed: readonly Listed[] = [
  {
    name: 'start',
    about: commands.start,
    load: async () => (await import('./commands/start.ts')).addStartCommand,
  },
  {
    name: 'gateway',
    about: gatewayWords.gateway,
    hasOptions: true,
    load: async () => (await import('./commands/gateway.ts')).addGatewayCommand,
  },
  {
    name: 'migrate',
    about: commands.migrate,
    load: async () => (await import('./commands/database.ts')).addMigrateCommand,
  },
  {
    name: 'database',
    about: commands.database,
    load: async () => (await import('./commands/database.ts')).addDatabaseCommand,
  },
  {
    name: 'doctor',
    about: doctorCommandWords.about,
    hasOptions: true,
    load: async () => (await import('./commands/doctor.ts')).addDoctorCommand,
  },
  {
    name: 'tenant',
    about: commands.tenant,
    load: async () => (await import('./commands/tenant.ts')).addTenantCommands,
  },
  {
    name: 'user',
    about: userWords.user,
    load: async () => (await import('./commands/user.ts')).addUserCommands,
  },
  {
    name: 'session',
    about: sessionWords.session,
    load: async () => (await import('./commands/session.ts')).addSessionCommands,
  },
  {
    name: 'operator',
    about: operatorWords.operator,
    load: async () => (await import('./commands/operator.ts')).addOperatorCommands,
  },
  {
    name: 'api-key',
    about: commands.apiKey,
    load: async () => (await import('./commands/api-key.ts')).addApiKeyCommands,
  },
  {
    name: 'audit',
    about: auditWords.audit,
    load: async () => (await import('./commands/audit.ts')).addAuditCommands,
  },
  {
    name: 'contact',
    about: commands.contact,
    load: async () => (await import('./commands/contact.ts')).addContactCommands,
  },
  {
    name: 'events',
    about: eventWords.events,
    load: async () => (await import('./commands/events.ts')).addEventCommands,
  },
  {
    name: 'forms',
    about: commands.forms,
    load: async () => (await import('./commands/forms.ts')).addFormCommands,
  },
  {
    name: 'leads',
    about: commands.leads,
    load: async () => (await import('./commands/leads.ts')).addLeadCommands,
  },
  {
    name: 'resources',
    about: commands.resources,
    load: async () => (await import('./commands/resources.ts')).addResourceCommands,
  },
  {
    name: 'gates',
    about: commands.gates,
    load: async () => (await import('./commands/gates.ts')).addGateCommands,
  },
  {
    name: 'keys',
    about: keyWords.keys,
    load: async () => (await import('./commands/keys.ts')).addKeyCommands,
  },
  {
    name: 'mailbox',
    about: mailboxWords.mailbox,
    load: async () => (await import('./commands/mailbox.ts')).addMailboxCommands,
  },
  {
    name: 'policy',
    about: commands.policy,
    load: async () => (await import('./commands/policy.ts')).addPolicyCommands,
  },
  {
    name: 'replay',
    about: replayWords.about,
    hasOptions: true,
    arguments: '<log...>',
    load: async () => (await import('./commands/replay.ts')).addReplayCommand,
  },
  {
    name: 'prove',
    about: proveWords.prove,
    load: async () => (await import('./commands/prove.ts')).addProveCommands,
  },
]

/**
 * Adds the command that was asked for, and of every other as much as the help says of it: the code of a command is read
 * when it is to run.
 *
 * @param asked - the first argument that is no option; undefined where there is none.
 */
export async function addCommands(program: Command, asked: string | undefined): Promise<void> {
  for (const each of listed) {
    if (each.name === asked) (await each.load())(program)
    else program.addCommand(asListed(each))
  }
}

function asListed({ name, about, hasOptions, arguments: named }: Listed): Command {
  const command = new Command(name).description(about)
  if (named !== undefined) command.argument(named)
  return hasOptions ? command.option('--any') : command
}
