/**
 * The memory store beside its peers: `npm run bench:guard [-- rounds]`, with `--expose-gc`. Every row gives all of
 * them the same limit, the same window and the same keys, in one process, in turn; every other round goes backwards.
 *
 * Of Rempart the **whole decision** is measured: `decide` with the subject read, its key hashed, the counters charged,
 * the rules judged and the headers' figures written. Of the peers it is what their middleware calls to count a request
 * (`increment`, `incr`, `consume`) and one comparison with the limit, which is the least they do. Those whose call
 * answers with a promise are awaited one by one. Keys are IPv4 addresses in flat strings made before the clock starts.
 * The clock of Rempart is an argument, as its callers read it once; the peers read `Date.now()` themselves.
 *
 * The tables of Rempart have been in use before, and everything in them is over; the peers begin empty, which spares
 * them the old keys' garbage. Figures are millions per second of processor time, that of the garbage collector's
 * threads included: a busy server has no other cores for them. Medians of the rounds.
 *
 * "Bytes per key" is what a million keys of one request each leave: for the peers in the heap besides the keys' own
 * texts, for Rempart the least of some budgets that keeps 999 of 1,000.
 */
import { compilePolicy, createMemoryStore, decide, definePolicy, type Plan, type RuleInput } from '@rempart/guard'
import { peers } from './guard-memory-peers.ts'
import { median, record } from './support.ts'

const rounds = Number(process.argv[2] ?? 5)
/** `--own`: Rempart alone, while it is worked on; nothing is kept. */
const isOwn = process.argv.includes('--own')
const collect = globalThis.gc
if (collect === undefined) throw new Error('run with --expose-gc')

const WINDOW_MS = 60_000
const MOST = 2 ** 31

interface Client {
  readonly ip: { readonly text: string; readonly key: string; readonly family: 4 }
}

function addresses(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const text = `10.${(index >>> 16) & 255}.${(index >>> 8) & 255}.${index & 255}`
    return Buffer.from(text, 'latin1').toString('latin1')
  })
}

const clientsOf = (keys: readonly string[]): Client[] =>
  keys.map((key) => ({ ip: { text: key, key, family: 4 as const } }))

const rule = (id: string, limit: number, window: number | string = WINDOW_MS): RuleInput => ({
  id,
  kind: 'rate-limit',
  by: 'ip',
  limit,
  window,
})

function plan(rules: readonly RuleInput[]): Plan {
  const { early } = compilePolicy(definePolicy({ id: 'bench', rules }))
  if (early === undefined) throw new Error('no early rule')
  return early
}

/** What is asked of everyone. `own` rows ask Rempart alone. */
interface Row {
  readonly name: string
  readonly rules: readonly RuleInput[]
  readonly limit: number
  readonly keys: 'hot' | number
  readonly decisions: number
  readonly own?: boolean
  /** Rounds of peers that would take minutes. */
  readonly peerRounds?: number
}

const rows: readonly Row[] = [
  { name: 'hot key, admitted', rules: [rule('r', 1e9)], limit: 1e9, keys: 'hot', decisions: 1_500_000 },
  { name: 'hot key, refused', rules: [rule('r', 3)], limit: 3, keys: 'hot', decisions: 1_500_000 },
  { name: '10 k fresh keys', rules: [rule('r', 120)], limit: 120, keys: 10_000, decisions: 10_000 },
  { name: '1 M fresh keys', rules: [rule('r', 120)], limit: 120, keys: 1_000_000, decisions: 1_000_000, peerRounds: 2 },
  { name: '10 k clients, 10 times each', rules: [rule('r', 120)], limit: 120, keys: 10_000, decisions: 100_000 },
  { name: 'hot key, limit 1e6', rules: [rule('r', 1e6)], limit: 1e6, keys: 'hot', decisions: 1_500_000, own: true },
  {
    name: 'hot key, limit 1 renewed',
    rules: [rule('r', 1, 1)],
    limit: 1,
    keys: 'hot',
    decisions: 1_500_000,
    own: true,
  },
  {
    name: 'hot key, three rules',
    rules: [rule('a', MOST), rule('b', MOST, '1d'), rule('c', MOST, '30d')],
    limit: MOST,
    keys: 'hot',
    decisions: 1_500_000,
    own: true,
  },
  {
    name: 'hot key, rate and burst',
    rules: [{ id: 'r', kind: 'rate-limit', by: 'ip', rate: 60_001, burst: 1, window: WINDOW_MS }],
    limit: 60_001,
    keys: 'hot',
    decisions: 1_500_000,
    own: true,
  },
]

const OWN = 'rempart'

/** Decisions a round repeats, so that it is long enough for the clock. */
const repeats = ({ decisions }: Row): number => Math.max(1, Math.floor(100_000 / decisions))

function ownRun({ rules, keys, decisions, name }: Row): () => number {
  const compiled = plan(rules)
  const store = createMemoryStore({ budgetBytes: keys === 1_000_000 ? 64 * 1_048_576 : 32 * 1_048_576 })
  const clients = clientsOf(addresses(keys === 'hot' ? 1 : keys))
  // Time passes as it does for a busy server, and a limit of 1 in a millisecond admits each request.
  const perMs = name.includes('renewed') || name.includes('burst') ? 1 : 16
  let nowMs = 1
  // A store in use has touched its pages; all that these had is over, so that every key is a fresh one.
  if (keys !== 'hot') {
    for (let index = 0; index < 300_000; index += 1) {
      const key = `past-${index}`
      decide(compiled, store, { ip: { text: key, key, family: 4 } }, 1, nowMs)
    }
    nowMs += 2 * WINDOW_MS
  }
  return () => {
    let admitted = 0
    for (let index = 0, place = 0; index < decisions; index += 1) {
      if (index % perMs === 0) nowMs += 1
      const client = clients[place] as Client
      place = place + 1 === clients.length ? 0 : place + 1
      if (decide(compiled, store, client, 1, nowMs).outcome === 'allow') admitted += 1
    }
    return admitted
  }
}

type Run = () => number | Promise<number>

function prepare(contender: string, row: Row): Run {
  const runs = Array.from({ length: repeats(row) }, (): Run => {
    if (contender === OWN) return ownRun(row)
    const peer = peers.find(({ name }) => name === contender)
    if (peer === undefined) throw new Error(contender)
    const keys = addresses(row.keys === 'hot' ? 1 : row.keys)
    const count = peer.create(row.limit, WINDOW_MS, Math.max(keys.length, 5_000))
    const list = Array.from({ length: row.decisions }, (_, index) => keys[index % keys.length] ?? '')
    return () => count(list)
  })
  return async () => {
    let admitted = 0
    for (const run of runs) {
      const answer = run()
      admitted += typeof answer === 'number' ? answer : await answer
    }
    return admitted
  }
}

async function measure(contender: string, row: Row): Promise<number> {
  const run = prepare(contender, row)
  collect?.()
  const before = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(before)
  return (row.decisions * repeats(row)) / (user + system)
}

const figures: Record<string, Record<string, number[]>> = {}
for (const row of rows) {
  const contenders = [OWN, ...(row.own || isOwn ? [] : peers.filter((peer) => !peer.grows || row.limit <= 120))].map(
    (entry) => (typeof entry === 'string' ? entry : entry.name),
  )
  const runs: Record<string, number[]> = {}
  for (let round = 0; round <= rounds; round += 1) {
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
      const most = contender === OWN ? rounds : (row.peerRounds ?? rounds)
      if (round > most) continue
      const perSecond = await measure(contender, row)
      // The first round compiles.
      if (round > 0) runs[contender] = [...(runs[contender] ?? []), perSecond]
    }
  }
  figures[row.name] = runs
  const own = median(runs[OWN] ?? [])
  for (const [contender, values] of Object.entries(runs)) {
    const ratio = contender === OWN ? '' : `  ours is ${(own / median(values)).toFixed(2)}x`
    console.log(`${row.name.padEnd(28)} ${contender.padEnd(22)} ${median(values).toFixed(2).padStart(7)} M/s${ratio}`)
  }
}

const MILLION = 1_000_000

/** The least of some budgets in which a million clients are all but kept, by key. */
function ownBytes(): number {
  const keys = clientsOf(addresses(MILLION))
  const compiled = plan([rule('r', 120)])
  for (const bytes of [12, 14, 16, 18, 20, 22, 24, 32, 48, 64, 96, 128]) {
    const store = createMemoryStore({ budgetBytes: bytes * MILLION })
    for (const client of keys) decide(compiled, store, client, 1, 1)
    if (store.stats().entries >= MILLION * 0.999) return bytes
  }
  return Number.NaN
}

async function peerBytes(peer: (typeof peers)[number]): Promise<number> {
  const keys = addresses(MILLION)
  collect?.()
  const heap = (): number => process.memoryUsage().heapUsed
  const before = heap()
  const count = peer.create(120, WINDOW_MS, MILLION)
  let held = 0
  // The last key is asked from inside the list, before the limiter is shut down.
  const list = Object.assign([...keys], {
    *[Symbol.iterator]() {
      yield* keys
      collect?.()
      held = heap() - before
    },
  })
  const listBytes = 8 * MILLION
  await count(list)
  return (held - listBytes) / MILLION
}

const bytesPerKey: Record<string, number> = { [OWN]: ownBytes() }
for (const peer of isOwn ? [] : peers) bytesPerKey[peer.name] = Math.round(await peerBytes(peer))
console.log('bytes per key at 1 M', bytesPerKey)

/** What an admitted decision allocates, in bytes. */
function allocation(): number {
  const run = ownRun(rows[0] as Row)
  run()
  collect?.()
  const before = process.memoryUsage().heapUsed
  run()
  return (process.memoryUsage().heapUsed - before) / 1_500_000
}
const allocatedBytes = allocation()
console.log(`an admitted decision allocates ${allocatedBytes.toFixed(3)} bytes`)

if (isOwn) process.exit(0)

const best = (name: string): string => {
  const others = Object.entries(figures[name] ?? {}).filter(([contender]) => contender !== OWN)
  return others.toSorted(([, one], [, other]) => median(other) - median(one))[0]?.[0] ?? ''
}
record('guard-memory', {
  rounds,
  millionPerSecond: Object.fromEntries(
    Object.entries(figures).map(([name, runs]) => [
      name,
      Object.fromEntries(
        Object.entries(runs).map(([contender, values]) => [contender, Number(median(values).toFixed(3))]),
      ),
    ]),
  ),
  ratioToBestPeer: Object.fromEntries(
    rows
      .filter(({ own }) => own !== true)
      .map(({ name }) => [
        name,
        {
          peer: best(name),
          ratio: Number((median(figures[name]?.[OWN] ?? []) / median(figures[name]?.[best(name)] ?? [])).toFixed(2)),
        },
      ]),
  ),
  bytesPerKey,
  allocatedBytesPerDecision: Number(allocatedBytes.toFixed(3)),
  targets: {
    'hot key': 'must 1.3, aim 2',
    '10 k fresh keys': 'must 1.6, aim 2',
    '1 M fresh keys': 'must 4, aim 5.5',
    bytesPerKey: 'must 24, aim 16',
  },
})
process.exit(0)
