/**
 * A guard of its own process under a flood: `flood-memory.test.ts` starts it and reads the report that it prints.
 *
 * 1,000 offenders are in a cooldown of an hour. Ten million requests come from ten million other keys within one
 * window, twice as many as the store has room for, among them 1,000 honest clients that make a request every five
 * seconds, of 20 in a minute that they may, and at the end every offender again. A guard's rule decides every other
 * one, a limiter over the same store the others.
 */
import { compilePolicy, createLimiter, createMemoryStore, decide, definePolicy } from '@rempart/guard'

const BUDGET_BYTES = 64 * 1_048_576
const FLOOD = 10_000_000
const FLOOD_MS = 60_000
const HONEST_EVERY_MS = 5_000
const EACH = 1_000

const { early } = compilePolicy(
  definePolicy({
    id: 'flooded',
    rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 20, window: '1m', cooldown: '1h' }],
  }),
)
if (early === undefined) throw new Error('no early rule')
const plan = early
const store = createMemoryStore({ budgetBytes: BUDGET_BYTES })
let nowMs = 0
const limiter = createLimiter({ limit: 20, window: '1m', cooldown: '1h', store, nowMs: () => nowMs })

/** Every other client asks the guard, the others the limiter. */
function isAdmitted(text: string, index: number): boolean {
  if (index % 2 === 0) return limiter.take(text).admitted
  return decide(plan, store, { ip: { text, key: text, family: 4 } }, 1, nowMs).outcome === 'allow'
}

const offender = (index: number): string => `203.0.${index >>> 8}.${index & 255}`
const honest = (index: number): string => `198.51.${index >>> 8}.${index & 255}`

for (let index = 0; index < EACH; index += 1)
  for (let sent = 0; sent < 21; sent += 1) isAdmitted(offender(index), index)
globalThis.gc?.()
const before = process.memoryUsage()
let mostRss = before.rss

let honestRefused = 0
let honestSent = 0
let floodRefused = 0
let nextHonestMs = 0
const startedMs = performance.now()
for (let index = 0; index < FLOOD; index += 1) {
  nowMs = Math.floor((index * FLOOD_MS) / FLOOD)
  if (nowMs >= nextHonestMs) {
    nextHonestMs += HONEST_EVERY_MS
    mostRss = Math.max(mostRss, process.memoryUsage.rss())
    for (let client = 0; client < EACH; client += 1) {
      honestSent += 1
      if (!isAdmitted(honest(client), client)) honestRefused += 1
    }
  }
  // Spread over all addresses, and never the same again: an odd factor only permutes 32 bits.
  const word = Math.imul(index + 1, 0x9e37_79b1) >>> 0
  const key = `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}:${index & 7}`
  if (!isAdmitted(key, index)) floodRefused += 1
}
const floodMs = performance.now() - startedMs

let offendersAdmitted = 0
for (let index = 0; index < EACH; index += 1) if (isAdmitted(offender(index), index)) offendersAdmitted += 1
globalThis.gc?.()
const after = process.memoryUsage()
process.stdout.write(
  JSON.stringify({
    budgetBytes: BUDGET_BYTES,
    growthBytes: Math.max(mostRss, after.rss) - before.rss,
    tableBytes: after.arrayBuffers,
    honestSent,
    honestRefused,
    floodRefused,
    offendersAdmitted,
    nanosecondsEach: Math.round((floodMs * 1e6) / FLOOD),
    stats: store.stats(),
  }),
)
