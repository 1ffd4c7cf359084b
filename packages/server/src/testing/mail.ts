import { Registry } from '@prometheus-io/client'
import { createHolderRules } from '../core/identity/holder-rules.ts'
import { createLogger } from '../core/logging/logging.ts'
import { createCarrier } from '../core/mail/carrier.ts'
import type { Carrier } from '../core/mail/envelope.ts'
import { createMailQueue, type MailQueue, type NewMail } from '../core/mail/outbox.ts'
import { createMailKeys, type MailKeys } from '../core/mail/sealed-mail.ts'
import { type MailSender, type MailSenderDependencies, startMailSender } from '../core/mail/sender.ts'
import { inTenant } from '../database/tenant.ts'
import { createTenant } from '../modules/tenants/service.ts'
import type { TestDatabase } from './database.ts'

/** A secret of tests, from which the keys of the outbox come. */
export const mailSecret = Buffer.from('Zk3vQm8xT1pLr6wYb9cN4hJd7sGf2aKe5uXo0iVtRqM=')
export const mailKeys: MailKeys = createMailKeys({ current: mailSecret, previous: [] })
/** What tokens of links look like. */
export const token = 'rmp_pr_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG'

const queue: MailQueue = createMailQueue(mailKeys)
let sequence = 0

/** A tenant with a name of its own; its id. */
export function mailTenant(database: TestDatabase, name = 'Acme'): Promise<string> {
  sequence += 1
  return createTenant(database.worker, { slug: `mail-${process.pid}-${sequence}`, name })
}

/** Queues a mail as rempart_app, in a transaction of its own. */
export function queueMail(database: TestDatabase, tenantId: string, mail: NewMail): Promise<boolean> {
  return inTenant(database.app, tenantId, (tx) => queue.queueMail(tx, mail))
}

/** Carries to a server on loopback, without TLS. */
export function carrierTo(port: number): Carrier {
  return createCarrier({
    smtp: { host: '127.0.0.1', port, tls: 'offered' },
    from: { name: 'Rempart', address: 'no-reply@app.example.org' },
    host: 'app.example.org',
    dataDir: '/nonexistent',
  })
}

/** A sender over the test's database, its metrics and what it logged. */
export interface TestSender extends MailSender {
  readonly registry: Registry
  readonly logLines: string[]
}

/** Starts one. It looks when it is told, and when it hears of mail; it does not wait long between two tries. */
export function startTestSender(
  database: TestDatabase,
  options: Partial<MailSenderDependencies> & Pick<MailSenderDependencies, 'carrier'>,
): TestSender {
  const registry = new Registry()
  const logLines: string[] = []
  const sender = startMailSender({
    pool: database.worker,
    listenAt: database.target('rempart_worker'),
    keys: mailKeys,
    holderRules: createHolderRules(queue),
    publicUrl: 'https://app.example.org',
    registry,
    log: createLogger({ level: 'trace', destination: { write: (line) => void logLines.push(line) } }),
    ...options,
    pace: { firstPauseMs: 1, longestPauseMs: 1, stopMs: 200, ...options.pace },
  })
  return { ...sender, registry, logLines }
}

/** What is left in the outbox of a tenant, as rempart_worker sees it. */
export function outboxOf(database: TestDatabase, tenantId: string) {
  return inTenant(database.worker, tenantId, (tx) => tx.selectFrom('mail_outbox').selectAll().orderBy('id').execute())
}
