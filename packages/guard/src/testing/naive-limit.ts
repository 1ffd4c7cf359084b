/** The figures of the naive limiter. */
export interface NaiveFigures {
  readonly limit: number
  readonly windowMs: number
  readonly cooldownMs: number
}

/** What the naive limiter answers. */
export interface NaiveAnswer {
  readonly admitted: boolean
  readonly cooling: boolean
  readonly remaining: number
  /** Until the request would be admitted, `Infinity` for never; 0 when it is. */
  readonly waitMs: number
}

/**
 * "N in W" written the slow and obvious way: every unit ever admitted, in a list. It is what the
 * engine is measured against, so it shares nothing with it.
 */
export function createNaiveLimit(figures: NaiveFigures): (nowMs: number, cost: number) => NaiveAnswer {
  const admittedAtMs: number[] = []
  let coolingUntilMs = -1

  return (nowMs, cost) => {
    const wasCooling = nowMs < coolingUntilMs
    const admitted = !wasCooling && usedAt(admittedAtMs, nowMs, figures.windowMs) + cost <= figures.limit
    if (!wasCooling && !admitted) coolingUntilMs = nowMs + figures.cooldownMs
    if (admitted) admittedAtMs.push(...Array.from({ length: cost }, () => nowMs))
    const coolingMs = Math.max(0, coolingUntilMs - nowMs)
    return {
      admitted,
      cooling: coolingMs > 0,
      remaining: coolingMs > 0 ? 0 : figures.limit - usedAt(admittedAtMs, nowMs, figures.windowMs),
      waitMs: admitted ? 0 : Math.max(coolingMs, waitFor(admittedAtMs, figures, nowMs, cost)),
    }
  }
}

/** Units whose window has not ended, one that lasts `windowMs`. */
export function usedAt(admittedAtMs: readonly number[], nowMs: number, windowMs: number): number {
  return admittedAtMs.filter((unitMs) => nowMs - unitMs < windowMs).length
}

function waitFor(admittedAtMs: readonly number[], figures: NaiveFigures, nowMs: number, cost: number): number {
  const moments = [nowMs, ...admittedAtMs.map((unitMs) => unitMs + figures.windowMs)]
  const fitting = moments.filter(
    (atMs) => atMs >= nowMs && usedAt(admittedAtMs, atMs, figures.windowMs) + cost <= figures.limit,
  )
  return Math.min(...fitting) - nowMs
}

/** The most units within any window of this length. */
export function mostInAnyWindow(timesMs: readonly number[], windowMs: number): number {
  let most = 0
  let first = 0
  for (const [index, timeMs] of timesMs.entries()) {
    while (timeMs - (timesMs[first] ?? 0) >= windowMs) first += 1
    most = Math.max(most, index - first + 1)
  }
  return most
}
