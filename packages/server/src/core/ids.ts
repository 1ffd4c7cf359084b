import * as crypto from 'node:crypto'

/** A clock that steps back further than this is believed; until then ids go on from where they were. */
const longestStepMs = 10_000

let lastMs = 0
let sequence = 0

/**
 * A new UUIDv7: the ids of one process are in the order they were made, also within a millisecond and when the clock
 * steps back a little. The twelve bits behind the version count within the millisecond; the sixty-two after them are random.
 *
 * @see RFC 9562 §5.7, §6.2 (method 1)
 */
export function createId(): string {
  const id = crypto.randomUUIDv7()
  const nowMs = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
  if (nowMs > lastMs || nowMs < lastMs - longestStepMs) {
    lastMs = nowMs
    // Half of the range is left to count in.
    sequence = Number.parseInt(id.slice(15, 18), 16) >> 1
    return compose(id)
  }
  sequence += 1
  if (sequence > 0xfff) {
    lastMs += 1
    sequence = 0
  }
  return compose(id)
}

function compose(id: string): string {
  const time = lastMs.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${sequence.toString(16).padStart(3, '0')}${id.slice(18)}`
}
