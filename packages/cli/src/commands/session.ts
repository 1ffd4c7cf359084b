import {
  createMailKeys,
  createMailQueue,
  endSessionsOfEverybody,
  endSessionsOfUser,
  loadMasters,
} from '@rempart/server/sessions'
import type { Command } from 'commander'
import * as parse from '../arguments.ts'
import { Failure } from '../failure.ts'
import { withTenantContext } from '../operator.ts'
import { note, printJson } from '../terminal.ts'
import { words } from '../words.ts'
import { sessionWords as say } from './session-words.ts'
import { accountIdOf } from './user.ts'

/** `rempart session`: who is signed in to a tenant. */
export function addSessionCommands(program: Command): void {
  const session = program.command('session').description(say.session)
  parse
    .withTenant(session.command('end'))
    .description(say.end)
    .option('--user <account>', say.user)
    .option('--everybody', say.everybody)
    .option('--json', words.options.json)
    .action(end)
}

interface EndOptions {
  readonly tenant?: string
  readonly user?: string
  readonly everybody?: true
  readonly json?: true
}

async function end({ tenant, user, everybody, json }: EndOptions): Promise<void> {
  if ((user === undefined) === (everybody === undefined)) throw new Failure(say.oneOfTwo)
  await withTenantContext(tenant, async (context, _database, config) => {
    if (user === undefined) {
      const counted = await endSessionsOfEverybody(context, true)
      return json ? printJson(counted) : note(say.endedAll(counted.ended, counted.people, context.tenant.slug))
    }
    const mail = createMailQueue(createMailKeys(await loadMasters(config)))
    const counted = await endSessionsOfUser(context, mail, await accountIdOf(context, user))
    return json ? printJson(counted) : note(say.ended(counted.ended, user))
  })
}
