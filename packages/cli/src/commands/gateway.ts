import { createGateway, type Gateway, GatewayOptionError } from '@rempart/gateway'
import type { RemoteStore } from '@rempart/guard'
import { createLogger } from '@rempart/server'
import { openGatewayStore, type RedisTarget, redisUrl } from '@rempart/server/gateway'
import { createPolicySet, inFile, type PolicySet, readPolicyFile, watchPolicyFile } from '@rempart/server/policies'
import { type Command, InvalidArgumentError, Option } from 'commander'
import * as parse from '../arguments.ts'
import { Failure } from '../failure.ts'
import { stopOnSignal } from '../stop-on-signal.ts'
import { note, printable } from '../terminal.ts'
import { gatewayWords as say } from './gateway-words.ts'

interface GatewayCommandOptions {
  readonly upstream: string
  readonly policy: string
  readonly listen: Place
  readonly trustedProxies?: readonly string[]
  readonly forwardedHeader: 'x-forwarded-for' | 'forwarded'
  readonly upstreamTimeout: number
  readonly drain: number
  /** True: the one that the environment names. */
  readonly redis?: RedisTarget | true
}

interface Place {
  readonly host: string
  readonly port: number
}

/** `rempart gateway`: the guard in front of another server, until it is told to stop. */
export function addGatewayCommand(program: Command): void {
  program
    .command('gateway')
    .description(say.gateway)
    .requiredOption('--upstream <url>', say.upstream)
    .requiredOption('--policy <file>', say.policy)
    .addOption(
      new Option('--listen <host:port>', say.listen)
        .argParser(readPlace)
        .default({ host: '127.0.0.1', port: 8080 }, '127.0.0.1:8080'),
    )
    .addOption(new Option('--trusted-proxies <list>', say.trustedProxies).argParser(readList))
    .addOption(
      new Option('--forwarded-header <name>', say.forwardedHeader)
        .choices(['x-forwarded-for', 'forwarded'])
        .default('x-forwarded-for'),
    )
    .addOption(
      new Option('--upstream-timeout <seconds>', say.upstreamTimeout).argParser(parse.integer(1, 3_600)).default(60),
    )
    .addOption(new Option('--redis [url]', say.redis).argParser(readRedis))
    .addOption(new Option('--drain <seconds>', say.drain).argParser(parse.integer(0, 3_600)).default(10))
    .action(run)
}

async function run(chosen: GatewayCommandOptions): Promise<void> {
  const log = createLogger({ level: 'info' })
  const document = readPolicyFile(chosen.policy)
  let set = readSet(document)
  const shared = chosen.redis && (await openGatewayStore(chosen.redis === true ? undefined : chosen.redis, log))
  const gateway = create(chosen, set, shared?.store, (tallies) => {
    for (const { kind, ...tally } of tallies) log[kind === 'failed' ? 'error' : 'warn'](tally, `requests ${kind}`)
  })
  const watch = watchPolicyFile(document, {
    policies: {
      current: () => set,
      replace(parsed) {
        const next = createPolicySet([], parsed)
        gateway.replacePolicies(next.policies)
        set = next
        return next
      },
    },
    metrics: { policyReload: () => undefined },
    log,
  })
  const url = await gateway.listen(chosen.listen.host, chosen.listen.port)
  log.info({ at: url, upstream: chosen.upstream, policyVersion: set.version }, 'listening')
  note(welcome(url, chosen, set))
  stopOnSignal(
    {
      stop() {
        watch.stop()
        return gateway.stop().finally(() => shared?.close())
      },
    },
    log,
  )
  if (!process.stdin.isTTY) process.on('SIGHUP', () => void watch.reload())
}

/** @throws PolicyFileError with every fault of the file. */
function readSet(document: ReturnType<typeof readPolicyFile>): PolicySet {
  try {
    return createPolicySet([], document.parsed)
  } catch (error) {
    throw inFile(document, error)
  }
}

function create(
  { upstream, trustedProxies = [], forwardedHeader, upstreamTimeout, drain }: GatewayCommandOptions,
  { policies }: PolicySet,
  store: RemoteStore | undefined,
  onTally: NonNullable<Parameters<typeof createGateway>[0]['onTally']>,
): Gateway {
  try {
    return createGateway({
      upstream,
      policies,
      clientAddress: { trustedProxies, header: forwardedHeader },
      limits: { firstByteMs: upstreamTimeout * 1_000, drainMs: drain * 1_000 },
      onTally,
      ...(store && { store }),
    })
  } catch (error) {
    throw error instanceof GatewayOptionError ? new Failure(error.message) : error
  }
}

function welcome(
  url: string,
  { upstream, policy, redis }: GatewayCommandOptions,
  { policies, version }: PolicySet,
): string {
  const beyond = policies.flatMap(({ policy: { rules } }) => rules).filter(isBeyond).length
  return [
    '',
    say.answers(url, upstream),
    say.inForce(printable(policy), policies.length, version),
    say.counted(redis !== undefined),
    ...(beyond === 0 ? [] : [say.notInForce(beyond)]),
    '',
    say.first,
    `  curl -i ${url}/`,
    '',
    say.stop,
    '',
  ]
    .map((line) => (line === '' ? line : `  ${line}`))
    .join('\n')
}

/** What only the application knows of a request. */
const late = new Set(['account', 'tenant', 'api-key', 'fingerprint'])

function isBeyond(rule: PolicySet['policies'][number]['policy']['rules'][number]): boolean {
  const by: unknown = 'by' in rule ? rule.by : undefined
  return (Array.isArray(by) ? by : [by]).some((each) => typeof each === 'string' && late.has(each))
}

function readPlace(text: string): Place {
  const [, bracketed, bare, port] = /^(?:\[([\da-f:.]+)\]|([^:[\]]*)):(\d{1,5})$/i.exec(text) ?? []
  if (port === undefined || Number(port) > 65_535) throw new InvalidArgumentError(say.invalidListen)
  return { host: bracketed ?? (bare === '' ? '::' : (bare ?? '')), port: Number(port) }
}

function readRedis(text: string): RedisTarget {
  const read = redisUrl(text)
  if ('fault' in read) throw new InvalidArgumentError(`It ${read.fault}.`)
  return read.value
}

function readList(text: string): readonly string[] {
  return text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
}
