import { Counter, type Registry } from '@prometheus-io/client'
import type { Logger } from 'pino'
import type { ConnectionTarget, Pool } from '../../database/connect.ts'
import { inTenant } from '../../database/tenant.ts'
import { startWorkLoop } from '../work/work-loop.ts'
import { deliver } from './delivery.ts'
import type { Carrier } from './envelope.ts'
import { type HolderRules, settleHolder } from './holder.ts'
import {
  claimMails,
  type DueMail,
  deleteMail,
  listTenantsWithMail,
  postponeMail,
  type TenantWithMail,
} from './outbox-queries.ts'
import { type Pace, usualPace } from './pace.ts'
import type { MailKeys } from './sealed-mail.ts'
import { createServerAbsence } from './server-absence.ts'
import { createWriter } from './writer.ts'

export interface MailSenderDependencies {
  /** As rempart_worker. */
  readonly pool: Pool
  /** Where new mail is heard of. */
  readonly listenAt: ConnectionTarget
  readonly keys: MailKeys
  readonly carrier: Carrier
  /** Who gets what was asked for by an address. */
  readonly holderRules: HolderRules
  readonly publicUrl: string
  readonly registry: Registry
  readonly log: Logger
  /** Figures that tests shorten. */
  readonly pace?: Partial<Pace>
}

/** Mails taken at once from one tenant, and sent side by side; one after the other they would wait for the slowest. */
const batch = 5
const tenantsAtOnce = 20

/** Sends what is in the outbox. */
export interface MailSender {
  /** Looks at once. Resolves when everything that is due now has been tried. */
  look(): Promise<void>
  /** Takes no more; waits a little for what is under way, then breaks it off: it is due again at once. */
  stop(): Promise<void>
}

/**
 * Sends the mails of every tenant until stopped. Several processes may run one each: a mail is taken by one of them. It
 * is sent at least once: where a process dies between the delivery and its record, another sends it again, under the
 * same Message-ID.
 */
export function startMailSender(dependencies: MailSenderDependencies): MailSender {
  const { pool, log, carrier } = dependencies
  const pace = { ...usualPace, ...dependencies.pace }
  const stopping = new AbortController()
  const breakOff = new AbortController()
  const absence = createServerAbsence(log, pace.firstPauseMs / 3)
  const delivery = { write: createWriter(dependencies), carrier, absence, pace, log, breakOff: breakOff.signal }
  const count = countMails(dependencies.registry)
  const mayGoOn = (): boolean => !stopping.signal.aborted && !absence.isWaiting()

  const handle = async (tenant: TenantWithMail, mail: DueMail): Promise<void> => {
    const isAsked = mail.awaits_holder && !mail.is_dropped && tenant.is_active
    const settled = isAsked ? await settleHolder(dependencies, mail) : mail
    if (settled === undefined) return count.inc({ template: mail.template, outcome: 'dropped' })
    const { outcome, again } = await deliver(delivery, tenant, settled)
    count.inc({ template: mail.template, outcome })
    await inTenant(pool, mail.tenant_id, (tx) =>
      again === undefined ? deleteMail(tx, mail.id) : postponeMail(tx, mail.id, again.pauseMs, again.isCounted),
    )
  }
  /** One batch of one tenant. Whether there may be more. */
  const sendSome = async (tenant: TenantWithMail): Promise<boolean> => {
    const due = await inTenant(pool, tenant.id, (tx) => claimMails(tx, batch, pace.leaseMs))
    const done = await Promise.allSettled(due.map((mail) => handle(tenant, mail)))
    // What could not be recorded is sent again when its lease is over.
    for (const each of done) if (each.status === 'rejected') throw each.reason
    // What was asked for by an address may have led to another mail, to whoever has it.
    return due.length === batch || due.some((mail) => mail.awaits_holder)
  }
  const sendAll = async (tenant: TenantWithMail): Promise<void> => {
    let isMore = true
    while (isMore && mayGoOn()) isMore = await sendSome(tenant)
  }
  const round = async (): Promise<void> => {
    let isMore = true
    while (isMore && mayGoOn()) {
      const tenants = await listTenantsWithMail(pool, tenantsAtOnce)
      for (const tenant of tenants) await sendAll(tenant)
      isMore = tenants.length === tenantsAtOnce
    }
  }

  return startWorkLoop({
    round,
    listenAt: dependencies.listenAt,
    channel: 'rempart_mail',
    lookMs: pace.lookMs,
    stopMs: pace.stopMs,
    stopping,
    breakOff,
    onFailed: (error) => log.warn({ err: error }, 'the outbox could not be worked off; tried again shortly'),
    onLost: (error) => log.warn({ reason: error.message }, 'new mail is seen late: the connection is lost'),
  })
}

function countMails(registry: Registry): Counter<'template' | 'outcome'> {
  return new Counter({
    name: 'rempart_mails_total',
    help: 'Mails taken from the outbox, by template and by what became of them; dropped: beyond the cap, or for nobody.',
    labelNames: ['template', 'outcome'],
    registers: [registry],
  })
}
