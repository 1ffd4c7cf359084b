import type { Counter, LadderCounter, WindowCounter } from '../../store.ts'
import type { Subject } from '../../subject.ts'

/** A counter as the program reads it, and what the caller needs to know of it. */
export interface CounterCode {
  /** The counter's figures, as `lua.ts` lists them. */
  readonly text: string
  /** Which of the counter's values names its lane. */
  readonly laneBy: number
  readonly isSlots: boolean
  /** How far ahead units may be paid for, in milliseconds; 0 where they may not. */
  readonly aheadMs: number
}

/** Cells that a window of more than {@link EXACT_LIMIT} units is divided in. */
const CELLS = 31
const EXACT_LIMIT = 32
/** Units paid ahead may be spent for this long, and for a thirty-first of the window at most. */
const LONGEST_AHEAD_MS = 250
/** What a key outlives its last entry by. */
const MARGIN_MS = 1_000

const shapes = { window: 1, gcra: 2, ladder: 3, leases: 4 } as const

/** Writes a counter down. */
export function encodeCounter(counter: Counter): CounterCode {
  const { shape, capacity, windowMs, cooldownMs, charge } = counter
  const aheadMs = shape === 'window' ? aheadOf(counter) : 0
  const liveMs = Math.ceil(Math.max(livesMs(counter) + aheadMs, cooldownMs)) + MARGIN_MS
  const attempts = charge === 'attempt' ? 1 : 0
  const figures = [shapes[shape], capacity, windowMs, Math.ceil(cooldownMs), liveMs, attempts, ...ownFigures(counter)]
  return { text: figures.join(','), laneBy: laneSubject(counter.by), isSlots: shape === 'leases', aheadMs }
}

function ownFigures(counter: Counter): readonly number[] {
  switch (counter.shape) {
    case 'window':
      return [counter.limit > EXACT_LIMIT ? Math.ceil(counter.windowMs / CELLS) : 1, aheadOf(counter)]
    case 'gcra':
      return [counter.intervalUs, 0]
    case 'ladder':
      return [
        Number.isFinite(counter.challengeAfter) ? counter.challengeAfter : -1,
        0,
        ...counter.rows.flatMap(({ after, waitMs }) => [after, Math.ceil(waitMs)]),
      ]
    case 'leases':
      return [0, 0]
  }
}

function livesMs(counter: Counter): number {
  switch (counter.shape) {
    case 'window':
    case 'leases':
      return counter.windowMs
    case 'gcra':
      return (counter.capacity * counter.intervalUs) / 1_000
    case 'ladder':
      return counter.windowMs + longestWait(counter)
  }
}

function longestWait({ rows }: LadderCounter): number {
  return rows.reduce((longest, { waitMs }) => Math.max(longest, waitMs), 0)
}

function aheadOf({ limit, windowMs }: WindowCounter): number {
  return limit > EXACT_LIMIT ? Math.min(LONGEST_AHEAD_MS, Math.floor(windowMs / CELLS)) : 0
}

/** Who a counter is about, first of all: a tenant only when nobody in it is named. */
const ranks: readonly Subject[] = ['account', 'api-key', 'ip', 'fingerprint']

function laneSubject(by: readonly Subject[]): number {
  const places = by.map((subject, place) => ({ place, rank: rankOf(subject) }))
  return places.reduce((best, one) => (one.rank < best.rank ? one : best), { place: 0, rank: Infinity }).place
}

function rankOf(subject: Subject): number {
  const rank = ranks.indexOf(subject)
  if (rank >= 0) return rank
  if (subject.startsWith('ip/')) return ranks.length
  return subject === 'tenant' ? ranks.length + 2 : ranks.length + (subject === 'route' ? 3 : 1)
}
