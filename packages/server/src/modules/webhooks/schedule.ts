const secondMs = 1_000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs

/** The pause before each further attempt, in milliseconds: ten attempts within some three days. */
export const usualPauses: readonly number[] = [
  5 * secondMs,
  5 * minuteMs,
  30 * minuteMs,
  2 * hourMs,
  5 * hourMs,
  10 * hourMs,
  14 * hourMs,
  20 * hourMs,
  24 * hourMs,
]

/** No receiver puts its deliveries off for longer. */
const longestMs = 24 * hourMs

/**
 * How long to wait after a failed attempt, or undefined when it was the last one.
 *
 * @param tries - attempts so far, from 1.
 * @param retryAfterMs - what the receiver asked for; it lengthens a pause, up to a day, and never shortens one.
 * @param random - 0 to 1; spreads what failed together over a fifth of the pause.
 */
export function pauseAfter(
  tries: number,
  retryAfterMs: number | null,
  {
    pauses = usualPauses,
    random = Math.random(),
  }: { readonly pauses?: readonly number[]; readonly random?: number } = {},
): number | undefined {
  const usual = pauses[tries - 1]
  if (usual === undefined) return undefined
  return Math.max(usual, Math.min(retryAfterMs ?? 0, longestMs)) * (1 + random / 5)
}

/** What `Retry-After` asks for, in milliseconds; null when it cannot be read. @see RFC 9110 §10.2.3 */
export function retryAfterOf(field: string | null, nowMs: number): number | null {
  if (field === null) return null
  if (/^\d{1,9}$/.test(field)) return Number(field) * secondMs
  // The one form of date that may be sent: Date.parse takes many others.
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(field)) return null
  const atMs = Date.parse(field)
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs)
}
