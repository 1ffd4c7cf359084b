import { createPool } from '../database/connect.ts'
import { startTestWebhookSender } from './webhook-sender.ts'

/** A process that tells webhooks and is killed by its test: `<socket directory> <port> <database>`. */
const [host = '', port = '', database = ''] = process.argv.slice(2)
const target = { host, port: Number(port), user: 'rempart_worker', database }
const pool = createPool(
  target,
  {
    size: 2,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 15_000,
    idleTimeoutMs: 10_000,
    maxLifetimeMs: 600_000,
    name: 'test-webhook-sender',
  },
  () => {},
)
startTestWebhookSender({ worker: pool, target: () => target }, { pace: { leaseMs: 1_500 } })
