import type { GcraCounter, HeldLease, LadderCounter, LeaseCounter, Take, WindowCounter } from '../store.ts'
import { canonicalKey } from '../stores/canonical-key.ts'

interface Reading {
  readonly fits: boolean
  readonly waitMs: number
}

/** What one key holds, whatever its shape. */
interface State {
  entries: { begunMs: number; atMs: number; units: number }[]
  coolUntilMs: number
  arrivalUs: number
  attempts: number
  lastMs: number
  holders: { readonly leaseId: string; readonly untilMs: number }[]
}

/** Where cells begin: at multiples of their length, as they can for many processes, or with their first arrival. */
type Cells = 'aligned' | 'with-arrival'

/** What a naive store can be asked. */
export interface NaiveStore {
  take(takes: readonly Take[], nowMs: number): void
  clear(takes: readonly Take[]): void
  release(leases: readonly HeldLease[]): void
}

/** Cells that a window is divided in above a limit of 32. */
const CELLS = 31
/** Entries that are kept: the newest is shared above them. */
const MOST_ENTRIES = 32

/**
 * A store as its contract reads: lists, no encoding, nothing forgotten but by time. What real ones are
 * measured against, so it shares nothing with them. Above a limit of 32 arrivals of one cell count by
 * the last of them, as the contract allows.
 */
export function createNaiveStore(cells: Cells = 'aligned'): NaiveStore {
  const states = new Map<string, State>()
  const stateOf = (take: Take): State => {
    const key = canonicalKey(take.counter, take.values)
    const state = states.get(key) ?? emptyState()
    states.set(key, state)
    return state
  }
  return {
    take(takes, nowMs) {
      const readings = takes.map((take) => read(take, stateOf(take), nowMs))
      const admitted = takes.every((take, index) => !take.enforced || readings[index]?.fits)
      for (const [index, take] of takes.entries()) {
        const { fits, waitMs } = readings[index] ?? { fits: false, waitMs: 0 }
        const state = stateOf(take)
        Object.assign(take, { fits, waitMs, cooling: isCooling(take, state, nowMs) })
        take.charged = fits && (admitted || take.counter.charge === 'attempt')
        if (take.charged) charge(take, state, nowMs, cells)
        if (!fits) coolDown(take, state, nowMs)
        Object.assign(take, figures(take, state, nowMs))
      }
    },
    clear(takes) {
      for (const take of takes) Object.assign(stateOf(take), { ...emptyState(), holders: stateOf(take).holders })
    },
    release(leases) {
      for (const { counter, values, leaseId } of leases) {
        const state = states.get(canonicalKey(counter, values))
        if (state !== undefined) state.holders = state.holders.filter((holder) => holder.leaseId !== leaseId)
      }
    },
  }
}

function emptyState(): State {
  return { entries: [], coolUntilMs: 0, arrivalUs: 0, attempts: 0, lastMs: 0, holders: [] }
}

function isCooling({ counter }: Take, { coolUntilMs }: State, nowMs: number): boolean {
  return counter.cooldownMs > 0 && nowMs < coolUntilMs
}

function read(take: Take, state: State, nowMs: number): Reading {
  const { counter } = take
  const coolingMs = isCooling(take, state, nowMs) ? state.coolUntilMs - nowMs : 0
  const bare = readBare(take, state, nowMs)
  if (counter.shape === 'ladder' || counter.shape === 'leases') return bare
  if (take.cost > counter.capacity) return { fits: false, waitMs: Infinity }
  return { fits: bare.fits && coolingMs === 0, waitMs: Math.max(coolingMs, bare.waitMs) }
}

function readBare(take: Take, state: State, nowMs: number): Reading {
  const { counter } = take
  switch (counter.shape) {
    case 'window':
      return readWindow(take, counter, state, nowMs)
    case 'gcra': {
      const excessUs = debtOf(state, nowMs) + (take.cost - counter.capacity) * counter.intervalUs
      return { fits: excessUs <= 0, waitMs: Math.max(0, Math.ceil(excessUs / 1_000)) }
    }
    case 'ladder':
      return readLadder(take, counter, state, nowMs)
    case 'leases':
      return readLeases(counter, state, nowMs)
  }
}

function readWindow(take: Take, counter: WindowCounter, state: State, nowMs: number): Reading {
  state.entries = state.entries.filter(({ atMs }) => nowMs - atMs < counter.windowMs)
  let excess = unitsOf(state) + take.cost - counter.limit
  if (excess <= 0) return { fits: true, waitMs: 0 }
  for (const { atMs, units } of state.entries) {
    excess -= units
    if (excess <= 0) return { fits: false, waitMs: atMs + counter.windowMs - nowMs }
  }
  return { fits: false, waitMs: Infinity }
}

function readLadder(take: Take, counter: LadderCounter, state: State, nowMs: number): Reading {
  if (nowMs >= state.lastMs + waitAfter(counter, state.attempts) + counter.windowMs) state.attempts = 0
  const waitMs = state.attempts === 0 ? 0 : state.lastMs + waitAfter(counter, state.attempts) - nowMs
  if (waitMs > 0) return { fits: false, waitMs }
  return { fits: take.solved || state.attempts < counter.challengeAfter, waitMs: 0 }
}

function readLeases(counter: LeaseCounter, state: State, nowMs: number): Reading {
  state.holders = state.holders.filter(({ untilMs }) => untilMs > nowMs)
  const fits = state.holders.length < counter.capacity
  return { fits, waitMs: fits ? 0 : firstExpiry(state) - nowMs }
}

function charge(take: Take, state: State, nowMs: number, cells: Cells): void {
  const { counter, cost } = take
  switch (counter.shape) {
    case 'window':
      addEntry(counter, state, cost, nowMs, cells)
      break
    case 'gcra':
      state.arrivalUs = nowMs * 1_000 + debtOf(state, nowMs) + cost * counter.intervalUs
      break
    case 'ladder':
      state.attempts += 1
      state.lastMs = nowMs
      break
    case 'leases':
      state.holders.push({ leaseId: take.leaseId, untilMs: nowMs + counter.windowMs })
      break
  }
}

function addEntry(counter: WindowCounter, state: State, units: number, nowMs: number, cells: Cells): void {
  const cellMs = counter.limit <= 32 ? 1 : Math.ceil(counter.windowMs / CELLS)
  const newest = state.entries.at(-1)
  if (newest !== undefined && (isSameCell(newest, cellMs, nowMs, cells) || state.entries.length === MOST_ENTRIES)) {
    newest.atMs = nowMs
    newest.units += units
  } else {
    state.entries.push({ begunMs: nowMs, atMs: nowMs, units })
  }
}

function isSameCell({ begunMs, atMs }: State['entries'][number], cellMs: number, nowMs: number, cells: Cells): boolean {
  if (cells === 'with-arrival') return nowMs - begunMs < cellMs
  return Math.floor(atMs / cellMs) === Math.floor(nowMs / cellMs)
}

function coolDown(take: Take, state: State, nowMs: number): void {
  const { cooldownMs } = take.counter
  if (cooldownMs === 0 || take.cooling) return
  state.coolUntilMs = nowMs + cooldownMs
  take.cooling = true
  take.waitMs = Math.max(take.waitMs, cooldownMs)
}

function figures({ counter }: Take, state: State, nowMs: number): Pick<Take, 'used' | 'freesMs'> {
  switch (counter.shape) {
    case 'window': {
      const [oldest] = state.entries
      return { used: unitsOf(state), freesMs: oldest === undefined ? 0 : oldest.atMs + counter.windowMs - nowMs }
    }
    case 'gcra':
      return debtFigures(counter, debtOf(state, nowMs))
    case 'ladder':
      return ladderFigures(counter, state, nowMs)
    case 'leases':
      return {
        used: state.holders.length,
        freesMs: state.holders.length === 0 ? 0 : firstExpiry(state) - nowMs,
      }
  }
}

function debtFigures({ intervalUs }: GcraCounter, debtUs: number): Pick<Take, 'used' | 'freesMs'> {
  const used = Math.ceil(debtUs / intervalUs)
  return { used, freesMs: used === 0 ? 0 : Math.ceil((debtUs - (used - 1) * intervalUs) / 1_000) }
}

function ladderFigures(counter: LadderCounter, state: State, nowMs: number): Pick<Take, 'used' | 'freesMs'> {
  const { attempts, lastMs } = state
  const freesMs = attempts === 0 ? 0 : lastMs + waitAfter(counter, attempts) + counter.windowMs - nowMs
  return { used: attempts, freesMs }
}

function debtOf({ arrivalUs }: State, nowMs: number): number {
  return Math.max(0, arrivalUs - nowMs * 1_000)
}

function firstExpiry({ holders }: State): number {
  return Math.min(...holders.map(({ untilMs }) => untilMs))
}

function unitsOf({ entries }: State): number {
  return entries.reduce((sum, { units }) => sum + units, 0)
}

function waitAfter({ rows }: LadderCounter, attempts: number): number {
  return rows.findLast(({ after }) => after <= attempts)?.waitMs ?? 0
}
