/**
 * Speed of a decision over the memory store, in millions per second of processor time: `node --conditions=rempart-source
 * --expose-gc bench/guard-memory.ts [rounds]`. Medians of several rounds, cases alternating, so that a
 * noisy machine disturbs all of them alike. What an admitted decision allocates is measured besides.
 */
import { compilePolicy, createMemoryStore, decide, definePolicy, type Plan, type RuleInput } from '@rempart/guard'

const rounds = Number(process.argv[2] ?? 5)

function plan(rules: readonly RuleInput[]): Plan {
  const { early } = compilePolicy(definePolicy({ id: 'bench', rules }))
  if (early === undefined) throw new Error('no early rule')
  return early
}

const rule = (id: string, limit: number, window: string): RuleInput => ({
  id,
  kind: 'rate-limit',
  by: 'ip',
  limit,
  window,
})
const clients = Array.from({ length: 1_000_000 }, (_, index) => {
  const text = `10.${(index >>> 16) & 255}.${(index >>> 8) & 255}.${index & 255}`
  return { ip: { text, key: text, family: 4 as const } }
})
const [hot] = clients
if (hot === undefined) throw new Error('no client')

/** A case: how many decisions a round makes, and the round. */
interface Case {
  readonly name: string
  readonly decisions: number
  readonly run: () => void
}

function hotCase(name: string, rules: readonly RuleInput[]): Case {
  const compiled = plan(rules)
  const store = createMemoryStore()
  const decisions = 2_000_000
  let nowMs = 1
  return {
    name,
    decisions,
    run() {
      for (let index = 0; index < decisions; index += 1) {
        if ((index & 15) === 0) nowMs += 1
        decide(compiled, store, hot as NonNullable<typeof hot>, 1, nowMs)
      }
    },
  }
}

function manyCase(name: string, keys: number, budgetMiB: number): Case {
  const compiled = plan([rule('burst', 120, '60s')])
  const store = createMemoryStore({ budgetBytes: budgetMiB * 1_048_576 })
  let nowMs = 1
  return {
    name,
    decisions: keys,
    run() {
      nowMs += 120_000
      for (let index = 0; index < keys; index += 1) {
        const client = clients[index]
        if (client !== undefined) decide(compiled, store, client, 1, nowMs)
      }
    },
  }
}

const cases: readonly Case[] = [
  hotCase('one hot key, admitted, 2^31 in 1 d', [rule('burst', 2 ** 31, '1d')]),
  hotCase('one hot key, refused, 3 in 1 d', [rule('burst', 3, '1d')]),
  hotCase('one hot key, 120 in 60 s, mostly refused', [rule('burst', 120, '60s')]),
  hotCase('one hot key, three rules, admitted', [
    rule('a', 2 ** 31, '1h'),
    rule('b', 2 ** 31, '1d'),
    rule('c', 2 ** 31, '30d'),
  ]),
  manyCase('10 k fresh keys', 10_000, 32),
  manyCase('1 M fresh keys', 1_000_000, 256),
]

const figures = cases.map((): number[] => [])
for (let round = 0; round <= rounds; round += 1) {
  for (const [index, { decisions, run }] of cases.entries()) {
    const before = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(before)
    const perSecond = decisions / (user + system)
    // The first round compiles.
    if (round > 0) figures[index]?.push(perSecond)
  }
}
for (const [index, { name }] of cases.entries()) {
  const sorted = (figures[index] ?? []).toSorted((a, b) => a - b)
  console.log(`${name.padEnd(44)} ${(sorted[Math.floor(sorted.length / 2)] ?? 0).toFixed(1).padStart(6)} M/s`)
}

const [admitted] = cases
if (globalThis.gc !== undefined && admitted !== undefined) {
  globalThis.gc()
  const before = process.memoryUsage().heapUsed
  admitted.run()
  const bytes = (process.memoryUsage().heapUsed - before) / admitted.decisions
  console.log(`allocated by an admitted decision: ${bytes.toFixed(3)} bytes`)
}
