import { BlockList } from 'node:net'
import { Counter, Gauge, type Registry } from '@prometheus-io/client'
import type { ClientAddress, Reputation } from '@rempart/guard'
import type { Logger } from 'pino'
import type { OutboundFactory } from '../outbound/outbound.ts'
import { createAbuseIpDb } from './abuseipdb.ts'
import { openReputationLists, type ReputationListsObserver } from './lists.ts'
import { createReputationLookups, type LookupOutcome } from './lookups.ts'
import { patiently } from './patience.ts'
import type { ReputationFile } from './settings.ts'

/** What the configured lists and services say of addresses. */
export interface ReputationReader {
  /**
   * At once and without I/O: what a list says and, of addresses on none, what the service has said. Undefined for addresses
   * of private networks.
   */
  of(address: ClientAddress): Reputation | undefined
  close(): void
}

/** What is asked of addresses. */
export interface ReputationSettings {
  readonly reputationLists: readonly ReputationFile[]
  /** Absent: the service is not asked. */
  readonly abuseIpDbKey?: string | undefined
  readonly abuseIpDbUrl: string
  /** Questions to it on one UTC day. */
  readonly abuseIpDbDailyBudget: number
}

export interface ReputationDependencies {
  readonly config: ReputationSettings
  readonly log: Logger
  readonly registry: Registry
  readonly clock: { now(): number }
  readonly outbound: OutboundFactory
}

/**
 * Opens what is configured of reputation lists and services.
 *
 * @returns Undefined when nothing is.
 * @throws ReputationListError when a list cannot be read.
 */
export async function openReputation(dependencies: ReputationDependencies): Promise<ReputationReader | undefined> {
  const { config, log, registry } = dependencies
  const hasLists = config.reputationLists.length > 0
  if (!hasLists && config.abuseIpDbKey === undefined) return undefined
  const lists = hasLists
    ? await openReputationLists({ files: config.reputationLists, log, observer: observeLists(registry) })
    : undefined
  const lookups = openLookups(dependencies)
  return {
    of(address) {
      if (privateNetworks.check(address.text, address.family === 4 ? 'ipv4' : 'ipv6')) return undefined
      return lists?.lookup(address) ?? lookups?.of(address)
    },
    close() {
      lists?.close()
      lookups?.close()
    },
  }
}

/** Addresses that mean another host in each network: public lists of unroutable blocks name them, and no service knows them. */
const privateNetworks = new BlockList()
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  privateNetworks.addSubnet(network, bits)
}
for (const [network, bits] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
] as const) {
  privateNetworks.addSubnet(network, bits, 'ipv6')
}

/** For one try. */
const LOOKUP_TIMEOUT_MS = 3_000

function openLookups({ config, log, registry, clock, outbound }: ReputationDependencies) {
  const { abuseIpDbKey: key, abuseIpDbUrl: url, abuseIpDbDailyBudget: dailyBudget } = config
  if (key === undefined) return undefined
  const lookups = new Counter({
    name: 'rempart_reputation_lookups_total',
    help: 'Questions to the reputation service, and those that were not asked, by outcome.',
    labelNames: ['outcome'],
    registers: [registry],
  })
  const count = (outcome: LookupOutcome): void => lookups.inc({ outcome })
  const calls = outbound({ service: 'abuseipdb', timeoutMs: LOOKUP_TIMEOUT_MS, isBackground: true })
  const service = patiently(createAbuseIpDb({ url, key, timeoutMs: LOOKUP_TIMEOUT_MS }), calls)
  return createReputationLookups({ service, dailyBudget, clock, log, count })
}

function observeLists(registry: Registry): ReputationListsObserver {
  const registers = [registry]
  const entries = new Gauge({
    name: 'rempart_reputation_list_entries',
    help: 'Entries of each reputation list in force.',
    labelNames: ['list'],
    registers,
  })
  const faults = new Gauge({
    name: 'rempart_reputation_list_faults',
    help: 'Lines of each reputation list in force that could not be read.',
    labelNames: ['list'],
    registers,
  })
  const loads = new Counter({
    name: 'rempart_reputation_list_loads_total',
    help: 'Readings of all reputation lists; after a failed one the old lists stay in force.',
    labelNames: ['outcome'],
    registers,
  })
  return {
    loaded(reports) {
      for (const { source: list, entries: entryCount, faultCount } of reports) {
        entries.set({ list }, entryCount)
        faults.set({ list }, faultCount)
      }
      loads.inc({ outcome: 'loaded' })
    },
    failed: () => loads.inc({ outcome: 'failed' }),
  }
}
