import { listSigningKeys, type OpenDatabase, revokeSigningKeys, rotateSigningKeys } from '@rempart/server'
import type { Command } from 'commander'
import { withDatabase } from '../operator.ts'
import { minute, note, printJson, printTable } from '../terminal.ts'
import { words } from '../words.ts'
import { keyWords as say } from './keys-words.ts'

const { headings, options } = words

/** `rempart keys`: what signs access tokens. */
export function addKeyCommands(program: Command): void {
  const keys = program.command('keys').description(say.keys)
  keys.command('list').description(say.list).option('--json', options.json).action(list)
  keys
    .command('rotate')
    .description(say.rotate)
    .option('--revoke', say.revoke)
    .action((chosen: { readonly revoke?: true }) => withDatabase(chosen.revoke ? revoke : rotate))
}

function list(chosen: { readonly json?: true }): Promise<void> {
  return withDatabase(async ({ worker }) => {
    const keys = await listSigningKeys(worker)
    if (chosen.json) return printJson(keys)
    if (keys.length === 0) return note(say.empty)
    printTable(keys, [
      { heading: headings.key, cell: (each) => each.kid },
      { heading: headings.state, cell: (each) => say.states[each.state] },
      { heading: say.headings.from, cell: (each) => minute(each.activatedAt ?? each.notBefore) },
      { heading: say.headings.until, cell: (each) => minute(each.retiredAt ?? each.rotateAfter) },
      { heading: say.headings.removed, cell: (each) => minute(each.removeAfter) },
    ])
  })
}

async function rotate({ worker }: OpenDatabase): Promise<void> {
  const isDone = await rotateSigningKeys(worker)
  const keys = await listSigningKeys(worker)
  const [active, next] = (['active', 'next'] as const).map((state) => keys.find((key) => key.state === state))
  if (active === undefined) note(say.empty)
  else if (isDone) note(say.rotated(active.kid))
  else if (next === undefined) note(say.awaited)
  else note(say.waiting(next.kid, minute(next.notBefore)))
}

async function revoke({ worker }: OpenDatabase): Promise<void> {
  note(say.revoked(await revokeSigningKeys(worker)))
}
