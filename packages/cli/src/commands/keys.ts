import { reportWords } from '@rempart/guard'
import { type Config, loadMasters, type OpenDatabase } from '@rempart/server'
import {
  countFormerlySealed,
  listSigningKeys,
  revokeSigningKeys,
  rewrap,
  rotateSigningKeys,
} from '@rempart/server/keys'
import type { Command } from 'commander'
import { Failure } from '../failure.ts'
import { terminalLog, withDatabase } from '../operator.ts'
import { bar, createProgressLine } from '../progress.ts'
import { minute, note, printJson, printTable } from '../terminal.ts'
import { language, words } from '../words.ts'
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
  keys
    .command('rewrap')
    .description(say.rewrap)
    .option('--check', say.check)
    .action((chosen: { readonly check?: true }) => withDatabase(chosen.check ? checkSealed : rewrapAll))
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

async function checkSealed({ app, worker }: OpenDatabase, config: Config): Promise<void> {
  const count = await countFormerlySealed({ app, worker, masters: await loadMasters(config) })
  if (count > 0) throw new Failure(say.outdated(count))
  note(say.rewrapped(0))
}

async function rewrapAll({ app, worker }: OpenDatabase, config: Config): Promise<void> {
  const dependencies = { app, worker, masters: await loadMasters(config), log: terminalLog() }
  const { number, share } = reportWords(language)
  const total = await countFormerlySealed(dependencies)
  let done = 0
  const progress = createProgressLine(() => {
    const part = Math.min(1, done / Math.max(1, total))
    return `${bar(part)} ${share(Math.floor(part * 100) / 100)}  ${say.rewrapping(number(done), number(total))}`
  })
  progress.show()
  const report = await rewrap(dependencies, (values) => {
    done = Math.min(total, done + values)
    progress.show()
  }).finally(() => progress.end())
  if (report.remaining > 0) throw new Failure(say.remaining(report.remaining))
  if (report.unreadable > 0) throw new Failure(say.unreadable(report.unreadable))
  note(say.rewrapped(report.rewrapped))
}
