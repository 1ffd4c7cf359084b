import { basename } from 'node:path'
import {
  createReplay,
  type LogFormatName,
  logFormatNames,
  type ReplayResult,
  type ReplaySet,
  type RoutedPolicy,
  renderReport,
} from '@rempart/guard'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { integer } from '../arguments.ts'
import { Failure } from '../failure.ts'
import { writeTarget } from '../files.ts'
import { type Ground, policyFileOf, readGround, readPolicySource } from '../policy-source.ts'
import { note, printable, printJson } from '../terminal.ts'
import { language, words } from '../words.ts'
import { type LogInput, openInput } from './replay-input.ts'
import { createProgressBar } from './replay-progress.ts'
import { type RunEnd, readLogs } from './replay-run.ts'
import { printSummary } from './replay-summary.ts'
import { replayWords } from './replay-words.ts'

interface ReplayOptions {
  readonly policy?: string
  readonly compare?: string
  readonly suggest?: number
  readonly format?: LogFormatName
  readonly reorder: number
  readonly trustedProxy?: readonly string[]
  readonly alone?: true
  readonly top: number
  readonly showAddresses?: true
  readonly html?: string
  readonly language: 'en' | 'fr'
  readonly json?: true
}

/** `rempart replay`: tries a policy on access logs. */
export function addReplayCommand(program: Command): void {
  const { options } = replayWords
  program
    .command('replay')
    .description(replayWords.about)
    .argument('<log...>', replayWords.logs)
    .option('--policy <file>', options.policy)
    .option('--compare <file>', options.compare)
    .option('--suggest <share>', options.suggest, parseShare)
    .addOption(new Option('--format <format>', options.format).choices(logFormatNames))
    .addOption(new Option('--reorder <duration>', options.reorder).argParser(parseReorder).default(60, '60s'))
    .option('--trusted-proxy <address>', options.trustedProxy, collect)
    .option('--alone', options.alone)
    .option('--top <number>', options.top, integer(0, 10_000), 10)
    .option('--show-addresses', options.showAddresses)
    .option('--html <file>', options.html)
    .addOption(new Option('--language <language>', options.language).choices(['en', 'fr']).default(language))
    .option('--json', options.json)
    .action(replay)
}

/** From this many bytes on a log may hold more clients at once than a small store has room for. */
const LARGE_LOG_BYTES = 2 ** 30
const SMALL_STORE_BYTES = 16 * 1_048_576
const LARGE_STORE_BYTES = 64 * 1_048_576
const LEAST_ROWS = 100

async function replay(logs: readonly string[], chosen: ReplayOptions): Promise<void> {
  if (logs.filter((log) => log === '-').length > 1) throw new Failure(replayWords.stdinTwice)
  const ground = await readGround(chosen.alone === true)
  const policies = await readSet(await policyFileOf(chosen.policy), ground, chosen.alone === true)
  const compareWith =
    chosen.compare === undefined ? undefined : await readSet(chosen.compare, ground, chosen.alone === true)
  const inputs = await Promise.all(logs.map(openInput))
  const run = createReplay({
    policies,
    compareWith,
    reorderSeconds: chosen.reorder,
    trustedProxies: chosen.trustedProxy ?? [],
    showsAddresses: chosen.showAddresses === true,
    suggestShare: chosen.suggest,
    top: Math.max(chosen.top, LEAST_ROWS),
    storeBytes: storeBytesFor(inputs),
  })
  const end = await readAll(inputs, run, chosen.format)
  const result = run.finish(end.isStopped || end.cutOff.length > 0)
  await tell(result, end, chosen)
}

/** A policy file over the routes of this release, and which of its policies a request is under. */
async function readSet(file: string | undefined, ground: Ground, alone: boolean): Promise<ReplaySet> {
  const { set } = await readPolicySource(file, ground)
  return {
    name: file === undefined ? 'Rempart' : basename(file),
    policies: set.policies.map(({ policy }) => policy),
    routing: {
      policiesOf(method, target): readonly RoutedPolicy[] {
        // The server limits no preflight; a gateway only where a policy names the method.
        if (method === 'OPTIONS' && !alone) return []
        const route = ground.find(method, target)
        const pattern = route.url ?? '*'
        return set.of({ method, url: target, route }).map((policyId) => ({ policyId, pattern }))
      },
    },
  }
}

function storeBytesFor(inputs: readonly LogInput[]): number {
  const bytes = inputs.reduce((sum, { size }) => sum + (size ?? LARGE_LOG_BYTES), 0)
  return bytes < LARGE_LOG_BYTES ? SMALL_STORE_BYTES : LARGE_STORE_BYTES
}

/** Reads the logs; the first Ctrl-C ends the reading, the second the command. */
async function readAll(
  inputs: readonly LogInput[],
  run: ReturnType<typeof createReplay>,
  format: LogFormatName | undefined,
): Promise<RunEnd> {
  const signal = { stop: false }
  const stop = (): void => {
    if (signal.stop) process.exit(130)
    signal.stop = true
  }
  process.on('SIGINT', stop)
  const bar = createProgressBar(inputs, () => run.progress.lines)
  try {
    return await readLogs(inputs, run, format, () => {
      bar.show()
      return signal
    })
  } finally {
    bar.end()
    process.off('SIGINT', stop)
  }
}

async function tell(result: ReplayResult, { cutOff, isStopped }: RunEnd, chosen: ReplayOptions): Promise<void> {
  for (const file of cutOff) note(printable(replayWords.cutOff(file)))
  if (isStopped) note(replayWords.stopped)
  if (result.log.requests === 0 && result.log.bad.count > 0) throw new Failure(unreadable(result))
  if (chosen.html !== undefined) {
    await writeTarget(chosen.html, once(renderReport(result, chosen.language, chosen.showAddresses === true)))
    note(printable(replayWords.written(chosen.html)))
  }
  if (chosen.json) printJson(result)
  else printSummary(result, chosen.top)
  if (isStopped) process.exitCode = 130
  else if (cutOff.length > 0) process.exitCode = 1
}

function unreadable({ log }: ReplayResult): string {
  const shapes = log.bad.examples.map(({ source, line, shape }) => `  ${source}:${line}  ${shape}`)
  return printableLines([replayWords.noLog, ...shapes])
}

const printableLines = (lines: readonly string[]): string => lines.map(printable).join('\n')

async function* once(text: string): AsyncGenerator<string> {
  yield text
}

const expected = (what: string): InvalidArgumentError => new InvalidArgumentError(`${words.invalid.expected} ${what}.`)

function parseShare(text: string): number {
  const [, figure, percent] = /^(\d{1,3}(?:[.,]\d{1,6})?) ?(%?)$/.exec(text) ?? []
  const share = Number(figure?.replace(',', '.')) / (percent === '%' ? 100 : 1)
  if (!(share >= 0 && share <= 1)) throw expected(replayWords.expected.share)
  return share
}

function parseReorder(text: string): number {
  const [, figure, unit = ''] = /^(\d{1,4})(s|m|h)$/.exec(text) ?? []
  const seconds = Number(figure) * (unit === 'h' ? 3_600 : unit === 'm' ? 60 : 1)
  if (!(seconds >= 0 && seconds <= 3_600)) throw expected(replayWords.expected.reorder)
  return seconds
}

const collect = (text: string, before: readonly string[] = []): readonly string[] => [...before, text]
