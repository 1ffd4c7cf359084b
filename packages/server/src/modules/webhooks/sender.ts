import { Counter, Histogram, type Registry } from '@prometheus-io/client'
import type { Logger } from 'pino'
import type { KeyRing } from '../../core/credentials/sealing.ts'
import type { MailQueue } from '../../core/mail/outbox.ts'
import type { PublicFetch } from '../../core/outbound/public-fetch.ts'
import { startWorkLoop } from '../../core/work/work-loop.ts'
import type { ConnectionTarget, Pool } from '../../database/connect.ts'
import { inTenant } from '../../database/tenant.ts'
import { attempt, type Receiver } from './attempt.ts'
import { claim } from './claim.ts'
import { usualPauses } from './schedule.ts'
import { type DueDelivery, type DueWebhook, listDueWebhooks, releaseDelivery } from './sender-queries.ts'
import { fateOf, outcomeOf, record } from './settle.ts'

/** How the sender goes about it, all in milliseconds. */
interface Pace {
  /** How often it looks without being told. */
  readonly lookMs: number
  /** How long a delivery belongs to the process that took it. Longer than one attempt may take. */
  readonly leaseMs: number
  /** How long a stopping process waits for attempts under way before it breaks them off. */
  readonly stopMs: number
  /** Before each further attempt. */
  readonly pauses: readonly number[]
}

const usualPace: Pace = { lookMs: 2_000, leaseMs: 60_000, stopMs: 5_000, pauses: usualPauses }

export interface WebhookSenderDependencies {
  /** As rempart_worker. */
  readonly pool: Pool
  /** Where new deliveries are heard of. */
  readonly listenAt: ConnectionTarget
  readonly ring: KeyRing
  readonly fetchPublic: PublicFetch
  readonly mail: MailQueue
  readonly registry: Registry
  readonly log: Logger
  /** Figures that tests shorten. */
  readonly pace?: Partial<Pace>
}

/** Attempts under way in one process; and those to one webhook, of which one that fails gets a single one. */
const mostAtOnce = 100
const mostToOne = 5

/** Sends what is queued for webhooks. */
export interface WebhookSender {
  /** Looks at once. Resolves when what is due has been taken; it may still be under way. */
  look(): Promise<void>
  /** Takes no more; waits a little for what is under way, then breaks it off: it is due again at once. */
  stop(): Promise<void>
}

/** What is under way to one webhook, and how much may be. */
interface Lane {
  underWay: number
  most: number
}

/**
 * Sends deliveries until stopped. Several processes may run one each: a delivery is taken by one of them. It is made at
 * least once: where a process dies between the delivery and its record, another makes it again, under the same webhook-id.
 * Each webhook has its own few attempts at once, so that a slow receiver holds up nobody but itself.
 */
export function startWebhookSender(dependencies: WebhookSenderDependencies): WebhookSender {
  const { pool, log, fetchPublic, mail } = dependencies
  const pace = { ...usualPace, ...dependencies.pace }
  const stopping = new AbortController()
  const breakOff = new AbortController()
  const figures = createFigures(dependencies.registry)
  const lanes = new Map<string, Lane>()
  const underWay = new Set<Promise<void>>()
  // What was said of once.
  const unreadable = new Set<string>()
  const free = (): number => mostAtOnce - underWay.size

  const handle = async (webhook: DueWebhook, receiver: Receiver, delivery: DueDelivery): Promise<void> => {
    const { tenant_id: tenantId } = webhook
    const message = { id: delivery.id, type: delivery.type, occurredAt: delivery.created_at, data: delivery.data }
    const made = await attempt(fetchPublic, receiver, message, breakOff.signal)
    if (made.status === null && breakOff.signal.aborted) {
      return await inTenant(pool, tenantId, (tx) => releaseDelivery(tx, tenantId, delivery))
    }
    const fate = fateOf(made, delivery.tries, pace.pauses)
    figures.count(delivery.type, outcomeOf(fate), made.durationMs)
    await inTenant(pool, tenantId, (tx) => record(tx, mail, webhook, { delivery, made, fate }))
  }
  const start = (webhook: DueWebhook, receiver: Receiver, delivery: DueDelivery, lane: Lane): void => {
    lane.underWay += 1
    const work = handle(webhook, receiver, delivery)
      // It is made again when its lease is over.
      .catch((error) => log.warn({ err: error, deliveryId: delivery.id }, 'a webhook delivery could not be recorded'))
      .finally(() => {
        underWay.delete(work)
        lane.underWay -= 1
        if (lane.underWay === 0) lanes.delete(webhook.webhook_id)
        void loop.look()
      })
    underWay.add(work)
  }
  /** Takes what one webhook may have under way. How many that were. */
  const take = async (webhook: DueWebhook): Promise<number> => {
    const lane = lanes.get(webhook.webhook_id) ?? { underWay: 0, most: mostToOne }
    const claimed = await claim(dependencies, webhook, {
      leaseMs: pace.leaseMs,
      roomFor(isFailing) {
        lane.most = isFailing ? 1 : mostToOne
        return Math.min(lane.most - lane.underWay, free())
      },
      onUnreadable() {
        if (unreadable.has(webhook.webhook_id)) return
        unreadable.add(webhook.webhook_id)
        log.error({ webhookId: webhook.webhook_id }, 'the secret of a webhook is under another secret key: rotate it')
      },
    })
    if (claimed === undefined) return 0
    if (claimed.deliveries.length > 0) lanes.set(webhook.webhook_id, lane)
    for (const delivery of claimed.deliveries) start(webhook, claimed.receiver, delivery, lane)
    return claimed.deliveries.length
  }
  const round = async (): Promise<void> => {
    let isMore = true
    while (isMore && free() > 0 && !stopping.signal.aborted) {
      const busy = [...lanes].filter(([, lane]) => lane.underWay >= lane.most).map(([id]) => id)
      let taken = 0
      for (const webhook of await listDueWebhooks(pool, busy, free())) taken += await take(webhook)
      isMore = taken > 0
    }
  }
  const loop = startWorkLoop({
    round,
    listenAt: dependencies.listenAt,
    channel: 'rempart_webhooks',
    lookMs: pace.lookMs,
    stopMs: pace.stopMs,
    stopping,
    breakOff,
    settled: () => Promise.all(underWay),
    onFailed: (error) => log.warn({ err: error }, 'webhooks could not be worked off; tried again shortly'),
    onLost: (error) => log.warn({ reason: error.message }, 'webhooks are sent late: the connection is lost'),
  })
  return loop
}

function createFigures(registry: Registry) {
  const attempts = new Counter({
    name: 'rempart_webhook_attempts_total',
    help: 'Attempts to tell webhooks, by event and by what became of the delivery; retried: it is tried again.',
    labelNames: ['type', 'outcome'],
    registers: [registry],
  })
  const duration = new Histogram({
    name: 'rempart_webhook_attempt_seconds',
    help: 'Time that receivers took to answer, or were given.',
    labelNames: ['outcome'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15],
    registers: [registry],
  })
  return {
    count(type: string, outcome: string, durationMs: number): void {
      attempts.inc({ type, outcome })
      duration.observe({ outcome }, durationMs / 1000)
    },
  }
}
