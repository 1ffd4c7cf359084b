import { type Decision, rateLimitHeaders } from '@rempart/guard'

/** Of a rule, the lines of its last decision: under load the next decisions differ in what remains, or not at all. */
interface Written {
  readonly remaining: number
  readonly resetS: number
  readonly nowS: number
  readonly text: string
}

const written = new WeakMap<object, Written>()

/** The rate-limit fields of a decision, as lines; empty for one that says nothing of a quota. */
export function quotaLines(decision: Decision, nowUnixMs: number): string {
  const { quota, remaining, resetMs, retryAfterMs } = decision
  if (quota === undefined || retryAfterMs !== undefined) return write(decision, nowUnixMs)
  const resetS = Math.ceil(resetMs / 1_000)
  const nowS = Math.ceil((nowUnixMs + resetMs) / 1_000)
  const last = written.get(quota)
  if (last?.remaining === remaining && last.resetS === resetS && last.nowS === nowS) return last.text
  const text = write(decision, nowUnixMs)
  written.set(quota, { remaining, resetS, nowS, text })
  return text
}

function write(decision: Decision, nowUnixMs: number): string {
  const fields: Readonly<Record<string, string>> = rateLimitHeaders(decision, nowUnixMs)
  let lines = ''
  for (const name in fields) lines += `${name}: ${fields[name]}\r\n`
  return lines
}
