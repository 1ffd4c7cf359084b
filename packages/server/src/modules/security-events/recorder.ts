import { Counter, type Registry } from '@prometheus-io/client'
import type { EventListener, GuardEvent, Subjects } from '@rempart/guard'
import type { FastifyRequest } from 'fastify'
import { createId } from '../../core/ids.ts'
import type { TenantKey } from '../../core/tenant/resolver.ts'
import type { NewEvent } from './queries.ts'

/** One event on its way to the database, with all that came after it and was the same. */
export interface OpenEvent {
  /** Whose it is, as the request named it. */
  readonly names: readonly TenantKey[]
  /** Of the first. */
  readonly row: Omit<NewEvent, 'count' | 'last_at'>
  count: number
  lastAtMs: number
  /** Of `count`, how many are stored. */
  stored: number
}

/** Collects what the guard tells, in bounded memory and without waiting for anything. */
export interface EventRecorder {
  /** Takes one event. Never throws. */
  readonly hear: EventListener
  /** The events of which something is not stored yet, oldest first. */
  unstored(): readonly OpenEvent[]
  /** Lets go of an event that belongs to no tenant. */
  drop(event: OpenEvent): void
  /** Lets go of those that are stored and whose minute is over. */
  tidy(nowMs: number): void
  /** Says that events came to nothing. */
  count(outcome: EventOutcome, events: number): void
}

/** `overflow`: too many different ones at once; `unattributed`: of no tenant; `failed`: tries to store some that failed. */
export type EventOutcome = 'stored' | 'overflow' | 'unattributed' | 'failed'

export interface RecorderDependencies {
  readonly registry: Registry
  /** The request that subjects were read of; undefined for others. */
  readonly requestOf: (subjects: Subjects) => FastifyRequest | undefined
  readonly routeOf: (request: FastifyRequest) => string
  readonly namesOf: (request: FastifyRequest) => readonly TenantKey[]
  /** Different events that may wait or be open at once. @default 4096 */
  readonly mostOpen?: number
}

/** How long the same refusals of one client are one event. */
const togetherMs = 60_000

/**
 * Makes a recorder. The refusals of a flood are one event a minute for each client and rule: the first is kept in full,
 * the others are counted.
 */
export function createEventRecorder(dependencies: RecorderDependencies): EventRecorder {
  const { registry, requestOf, routeOf, namesOf, mostOpen = 4_096 } = dependencies
  const open = new Map<string, OpenEvent>()
  const counter = new Counter({
    name: 'rempart_security_events_total',
    help: 'Security events by what became of them; overflow: too many different ones at once, unattributed: of no tenant.',
    labelNames: ['outcome'],
    registers: [registry],
  })
  for (const outcome of ['stored', 'overflow', 'unattributed', 'failed']) counter.inc({ outcome }, 0)

  const hear: EventListener = (event, subjects) => {
    const request = requestOf(subjects)
    // A lock is in the audit log, and what it refuses is an event of its own.
    if (request === undefined || event.type === 'locked') return
    const names = namesOf(request)
    const route = routeOf(request)
    const key = keyOf(event, request, names, route)
    const known = open.get(key)
    if (known !== undefined && event.atMs - millisOf(known.row.id) < togetherMs) {
      known.count += 1
      known.lastAtMs = event.atMs
      return
    }
    // One whose minute is over and of which something is not stored yet makes room once it is.
    if (known !== undefined && known.stored < known.count) open.set(`${key} ${known.row.id}`, known)
    if (known === undefined && open.size >= mostOpen) {
      counter.inc({ outcome: 'overflow' })
      return
    }
    const row = rowOf(event, request.id, route)
    open.set(key, { names, row, count: 1, lastAtMs: event.atMs, stored: 0 })
  }

  return {
    hear,
    unstored: () => [...open.values()].filter(({ count, stored }) => stored < count),
    drop(event) {
      counter.inc({ outcome: 'unattributed' }, event.count - event.stored)
      event.stored = event.count
    },
    tidy(nowMs) {
      for (const [key, { row, count, stored }] of open) {
        if (stored === count && nowMs - millisOf(row.id) >= togetherMs) open.delete(key)
      }
    },
    count: (outcome, events) => counter.inc({ outcome }, events),
  }
}

/** What makes two events one. It holds an address, and stays in this process. */
function keyOf(event: GuardEvent, request: FastifyRequest, names: readonly TenantKey[], route: string): string {
  const { type, policyId, version, ruleId, reason = '' } = event
  const tenant = names.map(({ kind, value }) => `${kind}:${value}`).join(',')
  return `${type} ${policyId} ${version} ${ruleId} ${reason} ${request.client.key} ${route} ${tenant}`
}

/** The instant that a UUIDv7 holds, in Unix milliseconds. */
export function millisOf(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}

/** Longest texts that the table takes. */
const longest = { requestId: 128, route: 512 }

function rowOf(event: GuardEvent, requestId: string, route: string): OpenEvent['row'] {
  const id = createId()
  const { reason, retryAfterMs, fpPrefix } = event
  const signals = reason === 'signal' || reason === 'signal-challenge' ? signalsOf(event) : undefined
  return {
    id,
    created_at: new Date(millisOf(id)),
    type: event.type,
    policy_id: event.policyId,
    policy_version: event.version,
    rule_id: event.ruleId,
    reason: reason ?? null,
    cost: event.cost,
    clock_ms: event.clockMs,
    retry_after_ms: retryAfterMs ?? null,
    degraded: event.degraded,
    // JSON writes an endless wait as null.
    counters: JSON.stringify(event.counters),
    signals: signals === undefined ? null : JSON.stringify(signals),
    subjects: JSON.stringify(event.subjects),
    fp_prefix: fpPrefix ?? null,
    route: clip(route, longest.route),
    request_id: clip(requestId, longest.requestId),
  }
}

/** Scores that name nobody. They are worked out when they are read. */
function signalsOf({ evidence }: GuardEvent): Record<string, number> | undefined {
  const { userAgent, reputation } = evidence?.signals ?? {}
  return { ...(userAgent !== undefined && { userAgent }), ...(reputation !== undefined && { reputation }) }
}

const clip = (text: string, most: number): string => (text.length <= most ? text : text.slice(0, most))
