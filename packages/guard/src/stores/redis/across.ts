import type { Take } from '../../store.ts'
import { addTake, type Mode } from './batch.ts'
import { codeOfTake, type Keyring, type RedisKey } from './keys.ts'
import type { Lane } from './lane.ts'

/** The takes of a request that lie in one lane. */
interface Part {
  readonly lane: Lane
  readonly takes: Take[]
  readonly keys: RedisKey[]
}

/** As long as the program's names of holds. */
const NAME_LENGTH = 16
let reservations = 0

/**
 * Takes counters of several lanes, which no single call may touch. Each lane first holds the units for
 * this request; when all of them have, each is told to charge, and the request is admitted once all have
 * done so. When one refuses, the others let go. A hold that hears neither of these expires within a second:
 * it counts against the limit until then, so that more than the limit is never admitted.
 */
export async function takeAcross(
  takes: readonly Take[],
  count: number,
  nowMs: number,
  keyring: Keyring,
  laneOf: (key: RedisKey) => Lane,
  processName: string,
): Promise<void> {
  const parts = split(takes, count, keyring, laneOf)
  const name = nameReservation(processName)
  const ask = (mode: Mode, asked: readonly Part[]): Promise<PromiseSettledResult<void>[]> =>
    Promise.allSettled(asked.map((part) => sendPart(part, mode, name, nowMs)))

  const reserved = await ask('reserve', parts)
  const answered = parts.filter((_, index) => reserved[index]?.status === 'fulfilled')
  const held = answered.map(heldPart).filter((part) => part.takes.length > 0)
  if (answered.length === parts.length && parts.every(admits)) {
    throwFailure(await ask('confirm', held))
    return
  }
  // Nobody waits for it: what is not let go expires.
  void ask('cancel', held.map(copyPart))
  for (const take of held.flatMap((part) => part.takes)) take.charged = false
  throwFailure(reserved)
}

function throwFailure(results: readonly PromiseSettledResult<void>[]): void {
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

function split(
  takes: readonly Take[],
  count: number,
  keyring: Keyring,
  laneOf: (key: RedisKey) => Lane,
): readonly Part[] {
  const parts = new Map<Lane, Part>()
  for (const take of takes.slice(0, count)) {
    if (!take.active) continue
    const key = keyring.ofTake(take)
    const lane = laneOf(key)
    const part = parts.get(lane) ?? { lane, takes: [], keys: [] }
    part.takes.push(take)
    part.keys.push(key)
    parts.set(lane, part)
  }
  return [...parts.values()]
}

function sendPart({ lane, takes, keys }: Part, mode: Mode, name: string, nowMs: number): Promise<void> {
  if (lane.breaker.isOpen()) return Promise.reject(new Error('a lane does not answer'))
  const batch = lane.batch(takes.length, nowMs)
  for (const [index, take] of takes.entries()) {
    const key = keys[index]
    if (key !== undefined) addTake(batch, take, key, codeOfTake(take), index === takes.length - 1, mode, 0, name)
  }
  lane.added()
  return batch.done.promise
}

function admits({ takes }: Part): boolean {
  return takes.every((take) => take.fits || !take.enforced)
}

/** What a lane holds for the request: attempts have been charged in any case. */
function heldPart({ lane, takes, keys }: Part): Part {
  const isHeld = takes.map((take) => take.charged && take.counter.charge === 'admitted')
  return { lane, takes: takes.filter((_, index) => isHeld[index]), keys: keys.filter((_, index) => isHeld[index]) }
}

/** The takes are their caller's again by the time a cancellation is answered. */
function copyPart({ lane, takes, keys }: Part): Part {
  return { lane, keys, takes: takes.map((take) => ({ ...take, values: [...take.values] })) }
}

function nameReservation(processName: string): string {
  reservations = (reservations + 1) % 36 ** 5
  return `${processName.slice(0, NAME_LENGTH - 5)}${reservations.toString(36).padStart(5, '0')}`.padEnd(
    NAME_LENGTH,
    '0',
  )
}
