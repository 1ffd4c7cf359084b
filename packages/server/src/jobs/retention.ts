import { destroyMonthKeys } from '../core/audit/subject-keys.ts'
import { deleteStaleMail } from '../core/mail/outbox-queries.ts'
import type { Pool } from '../database/connect.ts'
import { inTenant, type Tx } from '../database/tenant.ts'
import { purgeMessages } from '../modules/contact/retention.ts'
import { purgeReceipts } from '../modules/leads/retention.ts'
import { eraseDeletedAccounts, type PurgeDependencies, purgeAnswers } from '../modules/privacy/retention.ts'
import { dropEventDays } from '../modules/security-events/retention.ts'
import { listTenants } from '../modules/tenants/public.ts'
import { deleteOldDeliveries } from '../modules/webhooks/delivery-queries.ts'
import { deleteEndedInvitations, deleteEndedSessions, deleteSpentTokens } from './identity-queries.ts'
import type { PeriodicJob } from './jobs.ts'

export interface RetentionDependencies {
  /** As rempart_worker. */
  readonly worker: Pool
  readonly eventRetentionMs: number
  readonly contactRetentionMs: number
  /** What erasing deleted accounts takes. */
  readonly privacy: Omit<PurgeDependencies, 'worker'>
  /** Unix time in milliseconds. */
  readonly nowMs: () => number
}

const dayMs = 86_400_000
/** A person sees for so long where the account was signed in to. */
const sessionsKeptMs = 30 * dayMs
/** Tokens refuse themselves when they are over; a day later nobody asks why. */
const tokensKeptMs = dayMs
/** Who invited whom stays in the role that was given; the invitation itself is asked about for so long. */
const invitationsKeptMs = 90 * dayMs

/** A receiver that was away can be told again for so long. */
const webhookDeliveriesKeptMs = 30 * dayMs

/** Addresses and User-Agents in the audit log are readable for so long, and for the rest of the month. */
const auditAddressesKeptMs = 365 * dayMs

/** What is forgotten, and when. Each is one short transaction per tenant, and safe to repeat. */
export function retentionJobs(dependencies: RetentionDependencies): readonly PeriodicJob[] {
  const { worker, nowMs } = dependencies
  const before = (keptMs: number): Date => new Date(nowMs() - keptMs)
  const everywhere = (work: (tx: Tx) => Promise<number>) => () =>
    forEveryTenant(worker, (tenantId) => inTenant(worker, tenantId, work))
  const purge = { ...dependencies.privacy, worker }
  return [
    { name: 'submission-receipts', cron: '*/10 * * * *', run: () => purgeReceipts(worker, nowMs()) },
    { name: 'security-events', cron: '7 * * * *', run: () => dropEventDays(worker, dependencies.eventRetentionMs) },
    {
      name: 'contact-messages',
      cron: '17 * * * *',
      run: () => purgeMessages(worker, nowMs(), dependencies.contactRetentionMs),
    },
    { name: 'sessions', cron: '27 * * * *', run: everywhere((tx) => deleteEndedSessions(tx, before(sessionsKeptMs))) },
    { name: 'spent-tokens', cron: '37 * * * *', run: everywhere((tx) => deleteSpentTokens(tx, before(tokensKeptMs))) },
    {
      name: 'invitations',
      cron: '12 * * * *',
      run: everywhere((tx) => deleteEndedInvitations(tx, before(invitationsKeptMs))),
    },
    {
      name: 'audit-addresses',
      cron: '57 3 * * *',
      run: everywhere((tx) => destroyMonthKeys(tx, before(auditAddressesKeptMs))),
    },
    {
      name: 'webhook-deliveries',
      cron: '22 * * * *',
      run: everywhere((tx) => deleteOldDeliveries(tx, before(webhookDeliveriesKeptMs))),
    },
    {
      name: 'deleted-accounts',
      cron: '22 * * * *',
      run: () => forEveryTenant(worker, (tenantId) => eraseDeletedAccounts(purge, tenantId, nowMs())),
    },
    {
      name: 'privacy-requests',
      cron: '52 3 * * *',
      run: () => forEveryTenant(worker, (tenantId) => purgeAnswers(worker, tenantId, nowMs())),
    },
    { name: 'stale-mail', cron: '47 * * * *', run: everywhere((tx) => deleteStaleMail(tx, nowMs())) },
  ]
}

async function forEveryTenant(worker: Pool, work: (tenantId: string) => Promise<number>): Promise<number> {
  let rows = 0
  for (const tenant of await listTenants(worker)) rows += await work(tenant.id)
  return rows
}
