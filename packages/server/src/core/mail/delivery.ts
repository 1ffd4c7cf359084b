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
  const about = aboutOf(mail)
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
  return settle(dependencies, mail, carried)
}

const aboutOf = ({ id, template, attempts }: DueMail) => ({ mailId: id, template, attempts })

function settle({ absence, pace, log, breakOff }: DeliveryDependencies, mail: DueMail, carried: Carried): Settlement {
  const about = aboutOf(mail)
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
  // No later than half of the time that is left: what is worth something for half an hour is tried again within it.
  const leftMs = Math.max(pace.firstPauseMs, (mail.expires_at.getTime() - Date.now()) / 2)
  return { outcome: 'retried', again: { pauseMs: Math.min(pauseAfter(mail.attempts, pace), leftMs), isCounted: true } }
}
