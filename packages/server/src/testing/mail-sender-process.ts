import { Registry } from '@prometheus-io/client'
import { createHolderRules } from '../core/identity/holder-rules.ts'
import { createLogger } from '../core/logging/logging.ts'
import { createMailQueue } from '../core/mail/outbox.ts'
import { startMailSender } from '../core/mail/sender.ts'
import { createPool } from '../database/connect.ts'
import { carrierTo, mailKeys } from './mail.ts'

/** A process that sends what is in the outbox and is killed by its test: `<socket directory> <port> <database> <SMTP port>`. */
const [host = '', port = '', database = '', smtpPort = ''] = process.argv.slice(2)
const target = { host, port: Number(port), user: 'rempart_worker', database }
startMailSender({
  pool: createPool(
    target,
    {
      size: 2,
      connectTimeoutMs: 5_000,
      statementTimeoutMs: 15_000,
      idleTimeoutMs: 10_000,
      maxLifetimeMs: 600_000,
      name: 'test-mail-sender',
    },
    () => {},
  ),
  listenAt: target,
  keys: mailKeys,
  holderRules: createHolderRules(createMailQueue(mailKeys)),
  carrier: carrierTo(Number(smtpPort)),
  publicUrl: 'https://app.example.org',
  registry: new Registry(),
  log: createLogger({ level: 'silent' }),
  pace: { leaseMs: 1_500 },
})
