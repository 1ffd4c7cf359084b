/** How the sender goes about it, all in milliseconds. */
export interface Pace {
  /** How often the outbox is looked at without being told. */
  readonly lookMs: number
  /** How long a mail belongs to the process that took it. Longer than a delivery may take. */
  readonly leaseMs: number
  /** How long one delivery may take. */
  readonly deliveryMs: number
  /** The first pause after a delivery that failed; it doubles up to the longest. */
  readonly firstPauseMs: number
  readonly longestPauseMs: number
  /** How long a stopping process waits for deliveries under way before it breaks them off. */
  readonly stopMs: number
}

export const usualPace: Pace = {
  lookMs: 10_000,
  leaseMs: 300_000,
  deliveryMs: 60_000,
  firstPauseMs: 15_000,
  longestPauseMs: 1_800_000,
  stopMs: 5_000,
}

/** Doubling from the first pause to the longest, and half to one and a half of it, so that mails do not come in waves. */
export function pauseAfter(attempts: number, { firstPauseMs, longestPauseMs }: Pace): number {
  return Math.min(firstPauseMs * 2 ** (attempts - 1), longestPauseMs) * (0.5 + Math.random())
}
