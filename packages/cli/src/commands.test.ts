import { Command } from 'commander'
import { expect, it } from 'vitest'
import { addCommands, listed } from './commands.ts'

const helpOf = (program: Command): string => program.configureHelp({ helpWidth: 200 }).helpInformation()

it('lists every command as the command itself would, though it has read none of their code', async () => {
  const asListed = new Command('rempart')
  await addCommands(asListed, undefined)
  const real = new Command('rempart')
  for (const { load } of listed) (await load())(real)
  expect(helpOf(asListed)).toBe(helpOf(real))
})

it.each(listed.map(({ name }) => name))('makes %s and nothing else under that name', async (name) => {
  const program = new Command('rempart')
  await addCommands(program, name)
  const real = new Command('rempart')
  for (const each of listed) if (each.name === name) (await each.load())(real)
  expect(program.commands.map((command) => command.name())).toEqual(listed.map((each) => each.name))
  const [made] = program.commands.filter((command) => command.name() === name)
  expect(made && helpOf(made)).toBe(real.commands[0] && helpOf(real.commands[0]))
})
