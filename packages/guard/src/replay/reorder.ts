/** One request on its way to its decision. */
export interface LoggedRequest {
  client: number
  route: number
  agent: number
  status: number
  /** Unix time. */
  second: number
  milli: number
}

/** What becomes of requests in the order of their times. */
export type Release = (request: LoggedRequest) => void

/** Puts requests in order within a window, in a bounded memory. */
export interface ReorderBuffer {
  /** Takes a request; releases those that no later line within the window can precede. */
  add(request: LoggedRequest): void
  /** Releases the oldest second that is held; false when nothing is held. */
  releaseOldest(): boolean
  /** Releases everything. */
  end(): void
  /** Requests from this second on may still be held. */
  frontier(): number
  /** Requests that came later than the window and are released at the present time. */
  readonly counts: { late: number; misdated: number; shortened: number }
}

/** Client, milliseconds, route, status and User-Agent in 32-bit words. */
const STRIDE = 3
const MILLI_SHIFT = 18
const STATUS_SHIFT = 16
/** Requests held at most; beyond, the window is shortened. 12 bytes each. */
const MOST_HELD = 1_048_576
/** A time this much further on than the last is believed once others confirm it. */
const LONGEST_JUMP_SECONDS = 3_600
/** So many lines in a row confirm a jump. */
const CONFIRMATIONS = 16
/** A second that held more than this gives its memory back. */
const KEPT_CAPACITY = 8_192

interface Second {
  words: Uint32Array
  count: number
  /** Whether the milliseconds came in order. */
  isSorted: boolean
  lastMilli: number
}

/**
 * Creates a buffer. Servers log a request when it ends and date it by its beginning, so lines within a minute of each
 * other come in any order. Requests of one second are kept together in the order of their milliseconds, then of their
 * lines.
 *
 * A line dated further back than the window is released at once, at the present time. A line dated more than an hour
 * ahead waits until fifteen others follow it there; until then it would make every other line late.
 *
 * @param windowSeconds - 0 to 3,600.
 */
export function createReorderBuffer(windowSeconds: number, release: Release): ReorderBuffer {
  const size = windowSeconds + 1
  const ring = Array.from({ length: size }, createSecond)
  const counts = { late: 0, misdated: 0, shortened: 0 }
  const request: LoggedRequest = { client: 0, route: 0, agent: 0, status: 0, second: 0, milli: 0 }
  /** No second before this one is held. */
  let frontier = -1
  let newest = -1
  let held = 0
  let nowSecond = 0
  let nowMilli = 0
  const ahead: LoggedRequest[] = []

  const hand = (): void => {
    if (request.second < nowSecond || (request.second === nowSecond && request.milli < nowMilli)) {
      request.second = nowSecond
      request.milli = nowMilli
    }
    nowSecond = request.second
    nowMilli = request.milli
    release(request)
  }

  const drain = (second: number): void => {
    const bucket = ring[second % size]
    if (bucket === undefined || bucket.count === 0) return
    if (!bucket.isSorted) sortByMilli(bucket)
    const { words, count } = bucket
    for (let index = 0; index < count; index += 1) {
      readWords(words, index * STRIDE, second, request)
      hand()
    }
    held -= count
    emptySecond(bucket)
  }

  const advance = (second: number): void => {
    // Everything older than the window is settled. Beyond one round of the ring there is nothing to look for.
    const settled = second - windowSeconds
    if (held > 0) {
      const last = Math.min(settled, newest + 1)
      for (let each = frontier; each < last; each += 1) drain(each)
    }
    frontier = Math.max(frontier, settled)
    newest = second
  }

  const releaseOldest = (): boolean => {
    if (held === 0) return false
    while (ring[frontier % size]?.count === 0) frontier += 1
    drain(frontier)
    frontier += 1
    return true
  }

  const begin = (second: number): void => {
    if (frontier < 0) {
      frontier = second - windowSeconds
      newest = second
    } else if (second > newest) {
      advance(second)
    }
  }
  /** Decides at the present time what comes too late for its own. */
  const handLate = (from: LoggedRequest): void => {
    counts.late += 1
    Object.assign(request, from)
    if (frontier - 1 > nowSecond) {
      request.second = frontier - 1
      request.milli = 0
    }
    hand()
  }
  const accept = (from: LoggedRequest): void => {
    begin(from.second)
    if (held >= MOST_HELD) {
      counts.shortened += 1
      releaseOldest()
    }
    const bucket = ring[from.second % size]
    if (from.second < frontier || bucket === undefined) {
      handLate(from)
      return
    }
    writeWords(bucket, from)
    held += 1
  }

  const flushAhead = (isBelieved: boolean): void => {
    const waiting = ahead.splice(0)
    if (!isBelieved) counts.misdated += waiting.length
    for (const each of waiting) accept(isBelieved ? each : { ...each, second: newest, milli: 0 })
  }

  return {
    counts,
    add(from) {
      if (newest >= 0 && from.second > newest + LONGEST_JUMP_SECONDS) {
        ahead.push({ ...from })
        if (ahead.length >= CONFIRMATIONS) flushAhead(true)
        return
      }
      if (ahead.length > 0) flushAhead(false)
      accept(from)
    },
    releaseOldest,
    end() {
      flushAhead(true)
      while (releaseOldest()) {
        // Until nothing is held.
      }
    },
    frontier: () => frontier,
  }
}

function createSecond(): Second {
  return { words: new Uint32Array(64 * STRIDE), count: 0, isSorted: true, lastMilli: 0 }
}

function emptySecond(bucket: Second): void {
  bucket.count = 0
  bucket.isSorted = true
  bucket.lastMilli = 0
  if (bucket.words.length > KEPT_CAPACITY * STRIDE) bucket.words = new Uint32Array(64 * STRIDE)
}

function writeWords(bucket: Second, { client, route, agent, status, milli }: LoggedRequest): void {
  const at = bucket.count * STRIDE
  if (at === bucket.words.length) {
    const larger = new Uint32Array(bucket.words.length * 2)
    larger.set(bucket.words)
    bucket.words = larger
  }
  if (milli < bucket.lastMilli) bucket.isSorted = false
  bucket.lastMilli = milli
  bucket.words[at] = client | (milli << MILLI_SHIFT)
  bucket.words[at + 1] = route | (status << STATUS_SHIFT)
  bucket.words[at + 2] = agent
  bucket.count += 1
}

function readWords(words: Uint32Array, at: number, second: number, request: LoggedRequest): void {
  const first = words[at] ?? 0
  const middle = words[at + 1] ?? 0
  request.client = first & 0x3ffff
  request.milli = first >>> MILLI_SHIFT
  request.route = middle & 0xffff
  request.status = middle >>> STATUS_SHIFT
  request.agent = words[at + 2] ?? 0
  request.second = second
}

/** Sorts a second by its milliseconds; lines of one millisecond keep their order. */
function sortByMilli(bucket: Second): void {
  const { words, count } = bucket
  const order = Array.from({ length: count }, (_, index) => index)
  const milliOf = (index: number): number => (words[index * STRIDE] ?? 0) >>> MILLI_SHIFT
  order.sort((one, other) => milliOf(one) - milliOf(other))
  const sorted = new Uint32Array(words.length)
  for (const [place, index] of order.entries()) {
    sorted.set(words.subarray(index * STRIDE, index * STRIDE + STRIDE), place * STRIDE)
  }
  bucket.words = sorted
}
