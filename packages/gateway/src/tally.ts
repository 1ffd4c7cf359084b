/** Requests that were answered here, counted together: a flood of refusals is one line a second. */
export interface Tally {
  /** `refused` by the guard, `faulty` as a request, or `failed` on the way to the upstream. */
  readonly kind: 'refused' | 'faulty' | 'failed'
  readonly status: number
  /** The problem's code; `policy/rule` of what the guard refused. */
  readonly reason: string
  readonly count: number
}

/** Counts what is not forwarded, and tells of it. */
export interface Tallies {
  add(kind: Tally['kind'], status: number, reason: string): void
  /** Tells what is left, and nothing any more. */
  close(): void
}

const PERIOD_MS = 1_000
/** Kinds of one second: a policy file has thousands of rules at most. */
const MOST_KINDS = 1_000

/** Starts counting. Nothing that a client has written is kept. */
export function createTallies(tell: ((tallies: readonly Tally[]) => void) | undefined): Tallies {
  const counts = new Map<string, { kind: Tally['kind']; status: number; reason: string; count: number }>()
  const flush = (): void => {
    if (counts.size === 0) return
    const tallies = [...counts.values()]
    counts.clear()
    tell?.(tallies)
  }
  const timer = setInterval(flush, PERIOD_MS).unref()
  return {
    add(kind, status, reason) {
      const key = `${status} ${reason}`
      const known = counts.get(key)
      if (known !== undefined) known.count += 1
      else if (counts.size < MOST_KINDS) counts.set(key, { kind, status, reason, count: 1 })
    },
    close() {
      clearInterval(timer)
      flush()
    },
  }
}
