import type { Logger } from 'pino'
import type { Carried, Carrier } from './envelope.ts'
import type { DueMail, TenantWithMail } from './outbox-queries.ts'
import { type Pace, pauseAfter } from './pace.ts'
import type { ServerAbsence } from './server-absence.ts'
import type { createWriter } from './writer.ts'

/** What became of one mail, as the metric calls it. */
type Outcome = 'delivered' | 'retried' | 'refused' | 'expired' | 'dropped' | 'unreadable'

/** What to record of a mail: that it is gone, or when it is due again. */
export interface Settlement {
  readonly outcome: Outcome
  /** Absent: the row is deleted. */
  readonly again?: { readonly pauseMs: number; readonly isCounted: boolean }
}

export interface DeliveryDependencies {
  readonly write: ReturnType<typeof createWriter>
  readonly carrier: Carrier
  readonly absence: ServerAbsence
  readonly pace: Pace
  readonly log: Logger
  /** Aborted when the process stops and will wait no longer. */
  readonly breakOff: AbortSignal
}

/** With the pauses between them these take more than eight hours. */
const mostAttempts = 20

/** Brings one mail out of the house, or says why not. No database is held meanwhile, and no address is logged. */
export async function deliver(
  dependencies: DeliveryDependencies,
  tenant: TenantWithMail,
  mail: DueMail,
): Promise<Settlement> {
  const { write, carrier, pace, log, breakOff } = dependencies
  const about = { mailId: mail.id, template: mail.template, attempts: mail.attempts }
  if (mail.is_dropped || !tenant.is_active) return { outcome: 'dropped' }
  if (mail.expires_at.getTime() <= Date.now() || mail.attempts > mostAttempts) {
    log.error(about, 'a mail could not be delivered in time and is given up')
    return { outcome: 'expired' }
  }
  const envelope = write(tenant.name, mail)
  if (envelope === undefined) {
    log.error(about, 'a mail cannot be read: it was made under another secret key or by another release')
    return { outcome: 'unreadable' }
  }
  const carried = await carrier.carry(envelope, AbortSignal.any([breakOff, AbortSignal.timeout(pace.deliveryMs)]))
  return settle(dependencies, about, carried)
}

function settle(
  { absence, pace, log, breakOff }: DeliveryDependencies,
  about: { readonly attempts: number },
  carried: Carried,
): Settlement {
  if (carried.outcome === 'carried') {
    absence.returned()
    return { outcome: 'delivered' }
  }
  if (breakOff.aborted) return { outcome: 'retried', again: { pauseMs: 0, isCounted: false } }
  if (carried.outcome === 'never') {
    log.error({ ...about, reason: carried.reason }, 'a mail was refused for good')
    return { outcome: 'refused' }
  }
  if (carried.isServerAway) absence.left(carried.reason)
  else log.info({ ...about, reason: carried.reason }, 'a mail was not taken, and is tried again')
  return { outcome: 'retried', again: { pauseMs: pauseAfter(about.attempts, pace), isCounted: true } }
}
