import { type Decision, rateLimitHeaders } from '@rempart/guard'

/** Of a quota: the lines that no answer changes, and those of its last one, which the next often repeats. */
interface QuotaText {
  readonly head: string
  resetS: number
  resetAtS: number
  tail: string
}

const texts = new WeakMap<object, QuotaText>()

/** The fields of `rateLimitHeaders` as lines; empty for a decision that says nothing of a quota. */
export function quotaLines(decision: Decision, nowUnixMs: number): string {
  const { quota, remaining, resetMs, retryAfterMs } = decision
  // A refusal's are written one by one: it waits for nothing else.
  if (quota === undefined || retryAfterMs !== undefined) return write(decision, nowUnixMs)
  const text = textOf(quota)
  const resetS = Math.ceil(resetMs / 1_000)
  const resetAtS = Math.ceil((nowUnixMs + resetMs) / 1_000)
  if (text.resetS !== resetS || text.resetAtS !== resetAtS) {
    text.resetS = resetS
    text.resetAtS = resetAtS
    text.tail = `;t=${resetS}\r\nx-ratelimit-reset: ${resetAtS}\r\nx-ratelimit-remaining: `
  }
  return `${text.head}${remaining}${text.tail}${remaining}\r\n`
}

function textOf(quota: NonNullable<Decision['quota']>): QuotaText {
  const known = texts.get(quota)
  if (known !== undefined) return known
  const { limit, policy, name } = quota
  const head = `x-ratelimit-limit: ${limit}\r\nratelimit-policy: ${policy}\r\nratelimit: ${name};r=`
  const text = { head, resetS: -1, resetAtS: -1, tail: '' }
  texts.set(quota, text)
  return text
}

function write(decision: Decision, nowUnixMs: number): string {
  const fields: Readonly<Record<string, string>> = rateLimitHeaders(decision, nowUnixMs)
  let lines = ''
  for (const name in fields) lines += `${name}: ${fields[name]}\r\n`
  return lines
}
