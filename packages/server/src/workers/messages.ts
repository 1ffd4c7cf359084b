import type { JoinedTarget } from '../database/open.ts'

/** What a worker is told before it starts. */
export interface Assignment {
  /** From 1. A worker that replaces another has its number. */
  readonly number: number
  /** Connections of its serving pool. */
  readonly databasePoolSize: number
  /** Client connections it takes at most. */
  readonly maxConnections: number
  /** The embedded database, which the primary keeps; absent where the configuration names one. */
  readonly database?: JoinedTarget | undefined
}

/** What the primary tells a worker. Texts of metrics are in the format of Prometheus. */
export type ToWorker =
  | { readonly type: 'begin'; readonly assignment: Assignment }
  | { readonly type: 'stop' }
  | { readonly type: 'reload' }
  | { readonly type: 'tell-metrics'; readonly id: number }
  | { readonly type: 'all-metrics'; readonly id: number; readonly text: string }

/** What a worker tells the primary. */
export type ToPrimary =
  | { readonly type: 'ready'; readonly url: string }
  /** It cannot start: the reason is for a person. */
  | { readonly type: 'failed'; readonly reason: string }
  | { readonly type: 'metrics'; readonly id: number; readonly text: string }
  | { readonly type: 'ask-metrics'; readonly id: number }

/** The workers cannot start. The message says all there is to say. */
export class WorkersError extends Error {
  override readonly name = 'WorkersError'
}
