import { Command } from 'commander'
import { startCommand } from './commands/start.ts'
import { explain } from './failure.ts'

const program = new Command('rempart')
  .description('A self-hosted backend for what an application shows the public.')
  .showHelpAfterError()
  .addCommand(startCommand())

try {
  await program.parseAsync(process.argv)
} catch (error) {
  console.error(explain(error))
  process.exitCode = 1
}
