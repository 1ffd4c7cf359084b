import { Registry } from '@prometheus-io/client'
import { createKeyRing, type KeyRing } from '../core/credentials/sealing.ts'
import { createLogger } from '../core/logging/logging.ts'
import { createMailQueue } from '../core/mail/outbox.ts'
import { createPublicFetch } from '../core/outbound/public-fetch.ts'
import { keyLabels } from '../core/secrets.ts'
import { startWebhookSender, type WebhookSender, type WebhookSenderDependencies } from '../modules/webhooks/sender.ts'
import type { TestDatabase } from './database.ts'
import { mailKeys, mailSecret } from './mail.ts'

/** What the servers of tests seal the secrets of webhooks with. */
const webhookRing: KeyRing = createKeyRing({ current: mailSecret, previous: [] }, keyLabels.webhooks)

/** A sender over the test's database, its metrics and what it logged. */
export interface TestWebhookSender extends WebhookSender {
  readonly registry: Registry
  readonly logLines: string[]
}

/** Starts one that reaches this machine, and does not wait long between two tries. */
export function startTestWebhookSender(
  database: Pick<TestDatabase, 'worker' | 'target'>,
  options: Partial<WebhookSenderDependencies> = {},
): TestWebhookSender {
  const registry = new Registry()
  const logLines: string[] = []
  const sender = startWebhookSender({
    pool: database.worker,
    listenAt: database.target('rempart_worker'),
    ring: webhookRing,
    fetchPublic: createPublicFetch({ allowLoopback: true, timeoutMs: 2_000, readsAnswer: false }),
    mail: createMailQueue(mailKeys),
    registry,
    log: createLogger({ level: 'trace', destination: { write: (line) => void logLines.push(line) } }),
    ...options,
    pace: { lookMs: 20, stopMs: 200, pauses: [1, 1, 1], ...options.pace },
  })
  return { ...sender, registry, logLines }
}
