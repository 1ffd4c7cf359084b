/** What a naive lockout or ladder answers. */
export interface NaiveAttempt {
  readonly admitted: boolean
  readonly challenged: boolean
  /** Until the next attempt would be let through; 0 when this one is, or lacks only a challenge. */
  readonly waitMs: number
}

/** A lockout over a list of every attempt that was let through. */
export function createNaiveLockout(figures: {
  readonly attempts: number
  readonly windowMs: number
  readonly lockMs: number
}): { attempt(nowMs: number): NaiveAttempt; succeed(): void } {
  let countedAtMs: number[] = []
  let lockedUntilMs = 0
  return {
    attempt(nowMs) {
      const running = countedAtMs.filter((atMs) => nowMs - atMs < figures.windowMs)
      const locked = nowMs < lockedUntilMs
      if (!locked && running.length < figures.attempts) {
        countedAtMs.push(nowMs)
        return { admitted: true, challenged: false, waitMs: 0 }
      }
      if (!locked) lockedUntilMs = nowMs + figures.lockMs
      const freedMs = (running.at(-figures.attempts) ?? -Infinity) + figures.windowMs
      return { admitted: false, challenged: false, waitMs: Math.max(lockedUntilMs, freedMs) - nowMs }
    },
    succeed() {
      countedAtMs = []
      lockedUntilMs = 0
    },
  }
}

/** One step as an author writes it, in milliseconds. */
export interface NaiveStep {
  readonly after: number
  readonly do: 'challenge' | 'delay' | 'lock'
  readonly forMs: number
  readonly growth: number
  readonly capMs: number
}

/** A ladder that looks its wait up anew from its steps at each attempt. */
export function createNaiveLadder(figures: { readonly windowMs: number; readonly steps: readonly NaiveStep[] }): {
  attempt(nowMs: number, solved: boolean): NaiveAttempt
  succeed(): void
} {
  let attempts = 0
  let lastMs = 0
  const waitOf = (count: number): number => {
    const step = figures.steps.findLast((candidate) => candidate.do !== 'challenge' && candidate.after <= count)
    return step === undefined ? 0 : Math.ceil(Math.min(step.capMs, step.forMs * step.growth ** (count - step.after)))
  }
  return {
    attempt(nowMs, solved) {
      if (nowMs >= lastMs + waitOf(attempts) + figures.windowMs) attempts = 0
      const waitMs = attempts === 0 ? 0 : Math.max(0, lastMs + waitOf(attempts) - nowMs)
      if (waitMs > 0) return { admitted: false, challenged: false, waitMs }
      const asked = figures.steps.some((step) => step.do === 'challenge' && step.after <= attempts)
      if (asked && !solved) return { admitted: false, challenged: true, waitMs: 0 }
      attempts += 1
      lastMs = nowMs
      return { admitted: true, challenged: false, waitMs: 0 }
    },
    succeed() {
      attempts = 0
    },
  }
}
