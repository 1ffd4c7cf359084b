import type { ClientAddress } from '../client-address.ts'
import { createDistinctCounter, type DistinctCounter } from './distinct.ts'
import { FIRST_SECOND } from './formats/time.ts'

/** Clients that a table can hold: their numbers travel in 18 bits. */
export const MOST_CLIENTS = 262_144

/** 32-bit words of one client: one line of the processor's cache. */
export const CLIENT_WORDS = 16

/** Places of a client's counts among its words. */
export const REQUESTS = 0
export const GENERATION = 1
export const CLIENT_ERRORS = 2
/** The latest time read, which may not have been decided; times are in seconds since {@link EPOCH_SECOND}. */
export const LATEST = 3
export const ASSETS = 4
export const REFERRERS = 5
/** The first and the last time decided. */
export const FIRST = 6
export const LAST = 7
export const NIGHT_REQUESTS = 8
/** A bit for each hour of the day in which the client came. */
export const HOURS = 9
/** 64 bits, one of them set for each path: how many are set tells how many paths there were. */
export const PATHS = 10
/** A bit for each class of User-Agent, and 16 of which each User-Agent sets one. */
export const AGENTS = 12
export const LAST_AGENT = 13
/** Pauses of a second or more, and the sum of their squares, which is a float. */
export const INTERVALS = 14
export const INTERVAL_SQUARES = 15

/** No log begins earlier, so that seconds fit 31 bits. */
export const EPOCH_SECOND = FIRST_SECOND - 1
export const AGENT_BITS = 16
export const AGENT_SHIFT = 12

/** What is kept of every client, in a memory that no number of clients can raise. */
export interface ClientTable {
  readonly capacity: number
  /** Clients held; their numbers are those below. */
  size: number
  /** {@link CLIENT_WORDS} for each client; `floats` is the same memory. */
  words: Int32Array
  floats: Float32Array
  readonly addresses: ClientAddress[]
  readonly byKey: Map<string, number>
  /** Clients seen, the forgotten ones included. */
  readonly distinct: DistinctCounter
  /** Clients that were forgotten to make room for others. */
  forgotten: number
  /** Where the search for somebody to forget goes on. */
  hand: number
}

/** Whom a full table may forget, and who hears of it. */
export interface ClientEviction {
  /** Whether the client cannot be forgotten now: a request of it has not been decided. */
  readonly isHeld: (client: number) => boolean
  /** What speaks for keeping the client: up to 100 how near it came to a limit in per cent, above that it was refused. */
  readonly worthOf: (client: number) => number
  /** The client is forgotten now; its number goes to another. */
  readonly forget: (client: number) => void
  /** All candidates are held: decides some. */
  readonly relieve: () => void
}

const FIRST_CAPACITY = 4_096
const CANDIDATES = 16
const MOST_CANDIDATES = 512
/** What a client is worth from 80 % of a limit on. */
const WORTH_KEEPING = 80

/** Creates a table that grows to `capacity` clients and then forgets the least telling ones. */
export function createClientTable(capacity: number): ClientTable {
  const words = new Int32Array(Math.min(FIRST_CAPACITY, capacity) * CLIENT_WORDS)
  return {
    capacity,
    size: 0,
    words,
    floats: new Float32Array(words.buffer),
    addresses: [],
    byKey: new Map(),
    distinct: createDistinctCounter(),
    forgotten: 0,
    hand: 0,
  }
}

/** The number of a client, which is a new one where the table does not hold it. */
export function clientOf(table: ClientTable, address: ClientAddress, eviction: ClientEviction): number {
  const known = table.byKey.get(address.key)
  if (known !== undefined) return known
  table.distinct.add(address.key)
  const client = table.size < table.capacity ? table.size : forgetOne(table, eviction)
  if (client === table.size) {
    table.size += 1
    growFor(table, client)
  }
  table.addresses[client] = address
  table.byKey.set(address.key, client)
  return client
}

function growFor(table: ClientTable, client: number): void {
  if ((client + 1) * CLIENT_WORDS <= table.words.length) return
  const words = new Int32Array(Math.min(table.words.length * 2, table.capacity * CLIENT_WORDS))
  words.set(table.words)
  table.words = words
  table.floats = new Float32Array(words.buffer)
}

function forgetOne(table: ClientTable, eviction: ClientEviction): number {
  let chosen = -1
  while (chosen < 0) {
    chosen = leastOf(table, eviction)
    if (chosen < 0) eviction.relieve()
  }
  eviction.forget(chosen)
  const address = table.addresses[chosen]
  if (address !== undefined) table.byKey.delete(address.key)
  table.forgotten += 1
  const at = chosen * CLIENT_WORDS
  const generation = table.words[at + GENERATION] ?? 0
  table.words.fill(0, at, at + CLIENT_WORDS)
  table.words[at + GENERATION] = generation + 1
  return chosen
}

/** Of the next clients in turn the one with the least to tell, or -1 where all are held. */
function leastOf(table: ClientTable, { isHeld, worthOf }: ClientEviction): number {
  let chosen = -1
  let least = Infinity
  for (let index = 0; index < MOST_CANDIDATES; index += 1) {
    // One that came and went is enough; one that was refused or came near it goes only where nobody else is found.
    if (index >= CANDIDATES && least < WORTH_KEEPING) break
    const client = table.hand
    table.hand = client + 1 === table.capacity ? 0 : client + 1
    const worth = isHeld(client) ? Infinity : worthOf(client)
    if (worth >= least) continue
    least = worth
    chosen = client
  }
  return chosen
}
