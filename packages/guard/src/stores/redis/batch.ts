import type { Take } from '../../store.ts'
import type { CounterCode } from './counter.ts'
import type { RedisKey } from './keys.ts'

/** How the takes of a request are to be settled. `take` decides at once, the others over several lanes. */
export type Mode = 'take' | 'reserve' | 'confirm' | 'cancel'

/** Keys of one call. */
export const MOST_KEYS = 256
/** Counters of one call: their place is one digit. */
const MOST_COUNTERS = 127

const LAST = 1
const ENFORCED = 2
const SOLVED = 4
const LONG = 8
const NAMED = 16
const modes: Readonly<Record<Mode, number>> = { take: 0, reserve: 1, confirm: 2, cancel: 3 }

/** Requests that one call decides, in the order they came. */
export interface Batch {
  readonly id: number
  readonly keys: string[]
  readonly counters: CounterCode[]
  readonly names: string[]
  /** The operations, as `lua.ts` reads them. */
  row: string
  /** By operation. */
  readonly takes: Take[]
  readonly takenKeys: RedisKey[]
  /** Operations that pay units ahead. */
  readonly asking: Set<number>
  /** The caller's clock at the first request, and the process's. */
  readonly nowMs: number
  readonly bornMs: number
  /** Ends for all requests at once: a promise for each would cost more than the rest. */
  readonly done: PromiseWithResolvers<void>
}

let batches = 0

/** Opens a batch. */
export function openBatch(nowMs: number): Batch {
  batches += 1
  const done = promiseWithResolvers()
  // Whoever waits hears of a failure; a batch of cancellations has nobody.
  done.promise.catch(() => undefined)
  return {
    id: batches,
    keys: [],
    counters: [],
    names: [],
    row: '',
    takes: [],
    takenKeys: [],
    asking: new Set(),
    nowMs,
    bornMs: performance.now(),
    done,
  }
}

/** Node 20 has no `Promise.withResolvers`. */
function promiseWithResolvers(): PromiseWithResolvers<void> {
  let resolve: () => void = () => undefined
  let reject: (reason?: unknown) => void = () => undefined
  const promise = new Promise<void>((resolveIt, rejectIt) => {
    resolve = resolveIt
    reject = rejectIt
  })
  return { promise, resolve, reject }
}

/** Whether a request of so many takes still goes in. */
export function hasRoom(batch: Batch, takes: number): boolean {
  return batch.keys.length + takes <= MOST_KEYS && batch.counters.length + takes <= MOST_COUNTERS
}

/**
 * Adds one take; the takes of a request follow each other.
 *
 * @param ahead - Units to pay ahead, 0 for none.
 * @param name - Whom a reservation is for; slots go by their lease instead.
 */
export function addTake(
  batch: Batch,
  take: Take,
  key: RedisKey,
  code: CounterCode,
  last: boolean,
  mode: Mode,
  ahead: number,
  name: string,
): void {
  if (key.batch !== batch.id) {
    key.batch = batch.id
    key.place = batch.keys.length
    batch.keys.push(key.name)
  }
  const { place } = key
  const isLong = take.cost !== 1 || ahead > 0 || mode !== 'take'
  const isNamed = code.isSlots || mode !== 'take'
  const flags = flagsOf(take, last) + (isLong ? LONG : 0) + (isNamed ? NAMED : 0)
  batch.row += String.fromCharCode(flags, placeOf(batch.counters, code), place >> 7, place & 127)
  if (isLong) batch.row += digits(take.cost, 5) + digits(ahead, 4) + String.fromCharCode(modes[mode])
  if (isNamed) batch.names.push(code.isSlots ? take.leaseId : name)
  if (ahead > 0) batch.asking.add(batch.takes.length)
  batch.takes.push(take)
  batch.takenKeys.push(key)
}

function flagsOf({ enforced, solved }: Take, last: boolean): number {
  return (last ? LAST : 0) + (enforced ? ENFORCED : 0) + (solved ? SOLVED : 0)
}

/** The arguments of the call. */
export function argumentsOf({ row, counters, names }: Batch): string[] {
  return [row, String(counters.length), ...counters.map(({ text }) => text), ...names]
}

/** Most batches have one counter or two, and the last one used comes again. */
function placeOf(counters: CounterCode[], code: CounterCode): number {
  const place = counters.lastIndexOf(code)
  return place >= 0 ? place : counters.push(code) - 1
}

/** A number in digits of 7 bits, which UTF-8 leaves as they are. */
function digits(value: number, length: number): string {
  let text = ''
  let rest = value
  for (let index = 0; index < length; index += 1) {
    text = String.fromCharCode(rest % 128) + text
    rest = Math.floor(rest / 128)
  }
  return text
}

/**
 * Writes the answer of a call into the takes.
 *
 * @param tell - Called for each take, with its key and the units paid ahead.
 * @throws TypeError when it is no answer to this batch.
 */
export function readAnswer(
  batch: Batch,
  reply: unknown,
  tell: (take: Take, key: RedisKey, paid: number) => void,
): void {
  if (!Array.isArray(reply)) throw new TypeError('Redis answered something else than a list')
  const { takes, takenKeys, asking } = batch
  let at = 0
  for (const [operation, take] of takes.entries()) {
    const state = wholeAt(reply, at)
    take.used = Math.floor(state / 8)
    take.fits = (state & 1) !== 0
    take.charged = (state & 2) !== 0
    take.cooling = (state & 4) !== 0
    take.freesMs = wholeAt(reply, at + 1)
    at += 2
    take.waitMs = 0
    if (!take.fits) {
      const waitMs = wholeAt(reply, at)
      take.waitMs = waitMs < 0 ? Infinity : waitMs
      at += 1
    }
    let paid = 0
    if (asking.size > 0 && asking.has(operation)) {
      paid = wholeAt(reply, at)
      at += 1
    }
    const key = takenKeys[operation]
    if (key !== undefined) tell(take, key, paid)
  }
}

function wholeAt(reply: readonly unknown[], at: number): number {
  const value = reply[at]
  if (typeof value !== 'number') throw new TypeError('Redis answered fewer numbers than were asked for')
  return value
}
