import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { createHeadSigner } from '../core/audit/heads.ts'
import { createKeyRing } from '../core/credentials/sealing.ts'
import { createHolderRules } from '../core/identity/holder-rules.ts'
import { createCarrier } from '../core/mail/carrier.ts'
import { createMailQueue } from '../core/mail/outbox.ts'
import { createMailKeys } from '../core/mail/sealed-mail.ts'
import { startMailSender } from '../core/mail/sender.ts'
import type { Metrics } from '../core/metrics/metrics.ts'
import { createPublicFetch } from '../core/outbound/public-fetch.ts'
import { createReceiptSigner } from '../core/privacy/receipt.ts'
import { keyLabels, type Masters } from '../core/secrets.ts'
import type { OpenDatabase } from '../database/open.ts'
import { signHeads } from '../modules/audit/sign-heads.ts'
import { startWebhookSender } from '../modules/webhooks/sender.ts'
import { startJobs } from './jobs.ts'
import { retentionJobs } from './retention.ts'

export interface BackgroundDependencies {
  readonly database: OpenDatabase
  readonly masters: Masters
  readonly metrics: Metrics
  readonly log: Logger
}

/**
 * Starts what a process does besides serving: it sends mails, tells webhooks, and forgets what was kept long enough.
 *
 * @throws SchemaBehindError when the database lacks the tables of the jobs.
 */
export async function startBackground(
  config: Config,
  { database, masters, metrics, log }: BackgroundDependencies,
): Promise<{ stop(): Promise<void> }> {
  const { worker, workerTarget } = database
  const { hostname } = new URL(config.publicUrl)
  if (config.production && config.smtp === undefined) {
    log.warn('REMPART_SMTP_URL is not set: mails reach nobody, they go to the mailbox of the data directory')
  }
  const { eventRetentionMs, contactRetentionMs, auditAnchorFile: anchorFile } = config
  const nowMs = (): number => Date.now()
  const signing = { worker, signer: createHeadSigner(masters), anchorFile, nowMs, log }
  const mailKeys = createMailKeys(masters)
  const mail = createMailQueue(mailKeys)
  const privacy = {
    mailKeys,
    receiptSigner: createReceiptSigner(masters),
    auditRing: createKeyRing(masters, keyLabels.auditSubjects),
    dataDir: config.dataDir,
  }
  const jobs = await startJobs({
    target: workerTarget,
    pool: worker,
    jobs: [
      ...retentionJobs({ worker, eventRetentionMs, contactRetentionMs, privacy, nowMs }),
      { name: 'audit-heads', cron: '* * * * *', run: () => signHeads(signing) },
    ],
    log,
  })
  const sender = startMailSender({
    pool: worker,
    listenAt: workerTarget,
    keys: mailKeys,
    holderRules: createHolderRules(mail),
    carrier: createCarrier({
      smtp: config.smtp,
      from: config.mailFrom ?? { name: '', address: `no-reply@${hostname}` },
      host: hostname,
      dataDir: config.dataDir,
    }),
    publicUrl: config.publicUrl,
    registry: metrics.registry,
    log,
  })
  const webhooks = startWebhookSender({
    pool: worker,
    listenAt: workerTarget,
    ring: createKeyRing(masters, keyLabels.webhooks),
    fetchPublic: createPublicFetch({
      allowLoopback: config.allowPrivateWebhooks === 'on',
      timeoutMs: 15_000,
      readsAnswer: false,
    }),
    mail,
    registry: metrics.registry,
    log,
  })
  return {
    async stop() {
      await Promise.all([sender.stop(), webhooks.stop(), jobs.stop()])
    },
  }
}
