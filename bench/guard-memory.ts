/**
 * The memory store beside its peers: `npm run bench:guard [-- rounds]`, with `--expose-gc`. Every row gives all of
 * them the same limit, the same window and the same keys, in one process, in turn; every other round goes backwards.
 *
 * Like is compared with like: of Rempart the **limiter** (`createLimiter(…).take(key)`), of the peers what their
 * middleware calls to count a request (`increment`, `incr`, `consume`) and one comparison with the limit, which is the
 * least they do. Those whose call answers with a promise are awaited one by one. Keys are IPv4 addresses in flat strings
 * made before the clock starts. **"Whole decision"** is `decide` with its subjects, plan, judging and headers' figures: no
 * peer does as much, and it is kept beside them as what a request of the server costs.
 *
 * On one hot key the limiter reads the system's clock as it does for everyone (once in a turn of the event loop, and
 * once in 64 calls of a longer one); the peers read `Date.now()` at each call, which is most of their cost there. In the
 * rows of many keys, whose windows must pass, Rempart is told the time.
 *
 * Rempart's store has counted as many other keys before, and their windows are over; the peers begin empty, which
 * spares them the old keys' garbage. Figures are millions per second of processor time, that of the garbage collector's
 * threads included: a busy server has no other cores for them. Medians of the rounds.
 *
 * "Bytes per key" is what a million keys of one request each leave: for the peers in the heap besides the keys' own
 * texts, for Rempart the least of some budgets that keeps 999 of 1,000.
 */
import {
  compilePolicy,
  createLimiter,
  createMemoryStore,
  decide,
  definePolicy,
  type Plan,
  type RuleInput,
} from '@rempart/guard'
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

function addresses(count: number, network = 10): string[] {
  return Array.from({ length: count }, (_, index) => {
    const text = `${network}.${(index >>> 16) & 255}.${(index >>> 8) & 255}.${index & 255}`
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

const OWN = 'rempart: limiter'
const WHOLE = 'rempart: whole decision'
const isOurs = (contender: string): boolean => contender === OWN || contender === WHOLE

/** Decisions a round repeats, so that it is long enough for the clock. */
const repeats = ({ decisions }: Row): number => Math.max(1, Math.floor(300_000 / decisions))

/** What is measured once stays: code that is made for an object which has gone is made anew. */
const kept: unknown[] = []

/** Time passes as it does for a busy server, and a limit of 1 in a millisecond admits each request. */
function createTime({ name }: Row) {
  const callsOfMs = name.includes('renewed') || name.includes('burst') ? 1 : 16
  let ms = 1
  let calls = 0
  return {
    nowMs: (): number => {
      calls += 1
      if (calls % callsOfMs === 0) ms += 1
      return ms
    },
    passWindow: (): void => {
      ms += 2 * WINDOW_MS
    },
  }
}

const budgetOf = ({ keys }: Row): number => (keys === 1_000_000 ? 64 : 32) * 1_048_576

function limiterRun(row: Row, past: readonly string[], lists: readonly (readonly string[])[]): () => number {
  const { nowMs, passWindow } = createTime(row)
  const store = createMemoryStore({ budgetBytes: budgetOf(row) })
  const limiter = createLimiter({ limit: row.limit, window: WINDOW_MS, store, ...(row.keys !== 'hot' && { nowMs }) })
  for (const key of past) limiter.take(key)
  kept.push(limiter)
  return () => {
    let admitted = 0
    for (const list of lists) {
      passWindow()
      for (const key of list) if (limiter.take(key).admitted) admitted += 1
    }
    return admitted
  }
}

function wholeRun(row: Row, past: readonly string[], lists: readonly (readonly string[])[]): () => number {
  const { nowMs, passWindow } = createTime(row)
  const store = createMemoryStore({ budgetBytes: budgetOf(row) })
  const compiled = plan(row.rules)
  for (const client of clientsOf(past)) decide(compiled, store, client, 1, nowMs())
  kept.push(compiled, store)
  const clients = lists.map((list) => {
    const byKey = new Map(clientsOf([...new Set(list)]).map((client) => [client.ip.key, client]))
    return list.map((key) => byKey.get(key) as Client)
  })
  return () => {
    let admitted = 0
    for (const list of clients) {
      passWindow()
      for (const client of list) if (decide(compiled, store, client, 1, nowMs()).outcome === 'allow') admitted += 1
    }
    return admitted
  }
}

/** The keys of a row's requests, others for each time that it is repeated. */
function listsOf({ keys, decisions, ...row }: Row): string[][] {
  return Array.from({ length: repeats({ keys, decisions, ...row }) }, (_, index) => {
    const some = addresses(keys === 'hot' ? 1 : keys, 10 + index)
    return Array.from({ length: decisions }, (_, place) => some[place % some.length] ?? '')
  })
}

function ownRun(contender: string, row: Row): () => number {
  const past = row.keys === 'hot' ? [] : addresses(row.keys, 99)
  return contender === OWN ? limiterRun(row, past, listsOf(row)) : wholeRun(row, past, listsOf(row))
}

type Run = () => number | Promise<number>

function prepare(contender: string, row: Row): Run {
  if (isOurs(contender)) return ownRun(contender, row)
  const peer = peers.find(({ name }) => name === contender)
  if (peer === undefined) throw new Error(contender)
  const runs = listsOf(row).map((list): Run => {
    const count = peer.create(row.limit, WINDOW_MS, Math.max(row.keys === 'hot' ? 1 : row.keys, 5_000))
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
  // What sweeps the others' garbage is not to be counted here.
  await new Promise((resolve) => setTimeout(resolve, 50))
  const before = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(before)
  return (row.decisions * repeats(row)) / (user + system)
}

const figures: Record<string, Record<string, number[]>> = {}
for (const row of rows) {
  const others = row.own || isOwn ? [] : peers.filter((peer) => !peer.grows || row.limit <= 120)
  const ours =
    row.rules.length > 1 || row.name.includes('renewed') || row.name.includes('burst') ? [WHOLE] : [OWN, WHOLE]
  const contenders = [...ours, ...others.map((peer) => peer.name)]
  const runs: Record<string, number[]> = {}
  for (let round = 0; round <= rounds; round += 1) {
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
      const most = isOurs(contender) ? rounds : (row.peerRounds ?? rounds)
      if (round > most) continue
      const perSecond = await measure(contender, row)
      // The first round compiles.
      if (round > 0) runs[contender] = [...(runs[contender] ?? []), perSecond]
    }
  }
  figures[row.name] = runs
  for (const [contender, values] of Object.entries(runs)) {
    const times = (own: string): string => (median(runs[own] ?? []) / median(values)).toFixed(2)
    const ratio = isOurs(contender) ? '' : `  limiter ${times(OWN)}x, whole decision ${times(WHOLE)}x`
    console.log(`${row.name.padEnd(28)} ${contender.padEnd(24)} ${median(values).toFixed(2).padStart(7)} M/s${ratio}`)
  }
}

const MILLION = 1_000_000

/** The least of some budgets in which a million clients are all but kept, by key. */
function ownBytes(): number {
  const keys = clientsOf(addresses(MILLION))
  const compiled = plan([rule('r', 120)])
  for (const bytes of [12, 13, 14, 15, 16, 18, 20, 22, 24, 32, 48, 64, 96, 128]) {
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
  const compiled = plan([rule('r', 1e9)])
  const store = createMemoryStore()
  const [client] = clientsOf(addresses(1))
  const run = (fromMs: number): void => {
    for (let index = 0; index < 1_500_000; index += 1)
      decide(compiled, store, client as Client, 1, fromMs + (index >>> 4))
  }
  run(1)
  collect?.()
  const before = process.memoryUsage().heapUsed
  run(100_000)
  return (process.memoryUsage().heapUsed - before) / 1_500_000
}
const allocatedBytes = allocation()
console.log(`an admitted decision allocates ${allocatedBytes.toFixed(3)} bytes`)

if (isOwn) process.exit(0)

const best = (name: string): string => {
  const others = Object.entries(figures[name] ?? {}).filter(([contender]) => !isOurs(contender))
  return others.toSorted(([, one], [, other]) => median(other) - median(one))[0]?.[0] ?? ''
}
const ratioTo = (name: string, own: string): number =>
  Number((median(figures[name]?.[own] ?? []) / median(figures[name]?.[best(name)] ?? [])).toFixed(2))
const whole = (name: string): number => median(figures[name]?.[WHOLE] ?? [])
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
          limiter: ratioTo(name, OWN),
          wholeDecision: ratioTo(name, WHOLE),
        },
      ]),
  ),
  /** Time of a decision at a limit of 1,000,000 in that at a limit of 1: must 1.2. */
  costAtLimit1e6: Number((whole('hot key, limit 1 renewed') / whole('hot key, limit 1e6')).toFixed(2)),
  bytesPerKey: { ...bytesPerKey, [OWN]: undefined, rempart: bytesPerKey[OWN] },
  allocatedBytesPerDecision: Number(allocatedBytes.toFixed(3)),
  targets: {
    'hot key': 'must 1.3, aim 2',
    '10 k fresh keys': 'must 1.6, aim 2',
    '1 M fresh keys': 'must 4, aim 5.5',
    bytesPerKey: 'must 24, aim 16',
  },
})
process.exit(0)
