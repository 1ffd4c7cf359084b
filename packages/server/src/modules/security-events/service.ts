import type { Context } from '../../core/context.ts'
import { ProblemError } from '../../core/problem.ts'
import { type Page, pageReply, pageRequest } from '../../core/shapes/pagination.ts'
import { explainEvent } from './explain.ts'
import * as queries from './queries.ts'
import { millisOf } from './recorder.ts'
import type { EventCounter, SecurityEvent, SecurityEventDetail, SecurityEventQuery } from './schema.ts'

/** The versions of a policy as it is in force today, for the installation and for a tenant; undefined where there is none. */
export type VersionsInForce = (policyId: string, tenant: Context['tenant']) => readonly (string | undefined)[]

/** The security events of the tenant, newest first. */
export async function listSecurityEvents(context: Context, query: SecurityEventQuery): Promise<Page<SecurityEvent>> {
  const request = pageRequest(query)
  const filter = {
    ...query,
    since: query.since === undefined ? undefined : new Date(query.since),
    until: query.until === undefined ? undefined : new Date(query.until),
  }
  return await context.inTenant(async (tx) => {
    const [rows, total] = await Promise.all([queries.listEvents(tx, request, filter), queries.countEvents(tx, filter)])
    return pageReply(rows, total, request, toEvent)
  })
}

/** One event, and why it came to it. @throws ProblemError `security-event-not-found`, also for one of another tenant. */
export async function readSecurityEvent(
  context: Context,
  id: string,
  versionsInForce: VersionsInForce,
): Promise<SecurityEventDetail> {
  const row = await context.inTenant((tx) => queries.findEvent(tx, id, new Date(millisOf(id))))
  if (row === undefined) throw new ProblemError('security-event-not-found')
  const event = toEvent(row)
  // Written by `recorder.ts`, and by nobody else.
  const counters = row.counters as unknown as readonly EventCounter[]
  const signals = row.signals as unknown as Record<string, number> | null
  const facts = {
    ...event,
    createdAtMs: row.created_at.getTime(),
    retryAfterMs: row.retry_after_ms,
    degraded: row.degraded,
    counters,
    signals,
  }
  return {
    ...event,
    cost: row.cost,
    clockMs: row.clock_ms,
    retryAfterMs: row.retry_after_ms,
    degraded: row.degraded,
    counters: [...counters],
    signals,
    subjects: row.subjects as unknown as Record<string, string>,
    explanation: explainEvent(facts, versionsInForce(row.policy_id, context.tenant), context.locale),
  }
}

type Row = Awaited<ReturnType<typeof queries.listEvents>>[number]

function toEvent(row: Row): SecurityEvent {
  return {
    id: row.id,
    // The column has a check constraint with exactly these values.
    type: row.type as SecurityEvent['type'],
    createdAt: row.created_at.toISOString(),
    lastAt: row.last_at.toISOString(),
    count: row.count,
    policyId: row.policy_id,
    policyVersion: row.policy_version,
    ruleId: row.rule_id,
    reason: row.reason,
    fpPrefix: row.fp_prefix,
    route: row.route,
    requestId: row.request_id,
  }
}
