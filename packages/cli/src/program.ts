import { version } from '@rempart/server'
import { Command } from 'commander'
import { addApiKeyCommands } from './commands/api-key.ts'
import { addAuditCommands } from './commands/audit.ts'
import { addContactCommands } from './commands/contact.ts'
import { addDatabaseCommands } from './commands/database.ts'
import { addDoctorCommand } from './commands/doctor.ts'
import { addEventCommands } from './commands/events.ts'
import { addFormCommands } from './commands/forms.ts'
import { addGateCommands } from './commands/gates.ts'
import { addGatewayCommand } from './commands/gateway.ts'
import { addKeyCommands } from './commands/keys.ts'
import { addLeadCommands } from './commands/leads.ts'
import { addMailboxCommands } from './commands/mailbox.ts'
import { addOperatorCommands } from './commands/operator.ts'
import { addPolicyCommands } from './commands/policy.ts'
import { addProveCommands } from './commands/prove.ts'
import { addReplayCommand } from './commands/replay.ts'
import { addResourceCommands } from './commands/resources.ts'
import { addStartCommand } from './commands/start.ts'
import { addTenantCommands } from './commands/tenant.ts'
import { addUserCommands } from './commands/user.ts'
import { exitCodeOf, explain } from './failure.ts'
import { speakFrench } from './usage-in-french.ts'
import { language, words } from './words.ts'

// Commands inherit the settings that stand before them. Options are positional: `--version` after a command is its own.
const program = new Command('rempart')
  .description(words.about)
  .version(version, '-V, --version', words.options.showVersion)
  .enablePositionalOptions()
  .showHelpAfterError()
  .exitOverride()
if (language === 'fr') speakFrench(program)
addStartCommand(program)
addGatewayCommand(program)
addDatabaseCommands(program)
addDoctorCommand(program)
addTenantCommands(program)
addUserCommands(program)
addOperatorCommands(program)
addApiKeyCommands(program)
addAuditCommands(program)
addContactCommands(program)
addEventCommands(program)
addFormCommands(program)
addLeadCommands(program)
addResourceCommands(program)
addGateCommands(program)
addKeyCommands(program)
addMailboxCommands(program)
addPolicyCommands(program)
addReplayCommand(program)
addProveCommands(program)
for (const command of [program, ...program.commands]) command.helpCommand(false)

// The reader of a pipe, `head` say, may leave before the end: that is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

try {
  await program.parseAsync(process.argv)
} catch (error) {
  process.exitCode = exitCodeOf(error)
  // Commander has said already what was typed wrongly.
  if (process.exitCode === 1) console.error(explain(error))
}
