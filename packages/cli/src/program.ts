import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { addCommands } from './commands.ts'
import { exitCodeOf } from './failure.ts'
import { speakFrench } from './usage-in-french.ts'
import { language, words } from './words.ts'

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8'))

// Commands inherit the settings that stand before them. Options are positional: `--version` after a command is its own.
const program = new Command('rempart')
  .description(words.about)
  .version(version, '-V, --version', words.options.showVersion)
  .enablePositionalOptions()
  .showHelpAfterError()
  .exitOverride()
if (language === 'fr') speakFrench(program)
await addCommands(
  program,
  process.argv.slice(2).find((argument) => !argument.startsWith('-')),
)
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
  if (process.exitCode === 1) console.error((await import('./explain.ts')).explain(error))
}
