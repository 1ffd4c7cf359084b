import { catalogueFaults, type EndpointCell, proveEndpoints, proveTables } from '@rempart/server/isolation'
import type { Command } from 'commander'
import { explain } from '../explain.ts'
import { withDatabase } from '../operator.ts'
import { note, printJson } from '../terminal.ts'
import { words } from '../words.ts'
import { type Proof, printProof } from './prove-report.ts'
import { proveWords as say } from './prove-words.ts'

interface ProveOptions {
  readonly json?: true
  readonly endpoints: boolean
}

/** `rempart prove`: what is promised, tried out. */
export function addProveCommands(program: Command): void {
  const prove = program.command('prove').description(say.prove)
  prove
    .command('isolation')
    .description(say.isolation)
    .option('--no-endpoints', say.noEndpoints)
    .option('--json', words.options.json)
    .action(proveIsolation)
}

/** A proof that could not be made is no proof: 2, and never 0 or the 1 of a leak. */
async function proveIsolation(chosen: ProveOptions): Promise<void> {
  const stopping = new AbortController()
  const stop = (): void => stopping.abort()
  process.once('SIGINT', stop).once('SIGTERM', stop)
  try {
    const proof = await attack(chosen, stopping.signal)
    const leaks = leaksOf(proof)
    if (chosen.json) printJson({ isolated: leaks === 0, leaks, ...proof })
    else printProof(proof, leaks)
    process.exitCode = leaks === 0 ? 0 : 1
  } catch (error) {
    if (stopping.signal.aborted) note(say.stopped)
    else note(explain(error))
    process.exitCode = stopping.signal.aborted ? 130 : 2
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
  }
}

async function attack({ endpoints }: ProveOptions, signal: AbortSignal): Promise<Proof> {
  const found = await withDatabase(
    async (database) => ({
      database: database.version,
      tables: await proveTables({ rempart_app: database.app, rempart_worker: database.worker }, signal),
      catalogue: await catalogueFaults(database.worker),
    }),
    { isUnchecked: true },
  )
  signal.throwIfAborted()
  return { ...found, endpoints: endpoints ? await attackApi(signal) : [] }
}

async function attackApi(signal: AbortSignal): Promise<readonly EndpointCell[]> {
  try {
    return await proveEndpoints(signal)
  } catch (error) {
    if (!signal.aborted) note(say.endpointsFailed)
    throw error
  }
}

const leaksOf = ({ tables, catalogue, endpoints }: Proof): number =>
  [...tables, ...endpoints].filter(({ holds }) => !holds).length + catalogue.length
