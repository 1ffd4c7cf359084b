import { type KeyRing, UnsealError } from '../../core/credentials/sealing.ts'
import type { Pool } from '../../database/connect.ts'
import { inTenant, type Tx } from '../../database/tenant.ts'
import type { Receiver } from './attempt.ts'
import { readPersonal } from './personal-queries.ts'
import { openSecret } from './secret.ts'
import { claimDeliveries, type DueDelivery, type DueWebhook, findReceiver } from './sender-queries.ts'

interface ClaimDependencies {
  readonly pool: Pool
  readonly ring: KeyRing
}

interface ClaimOptions {
  readonly leaseMs: number
  /** How many may be taken, of a webhook that has failed lately and of one that has not. */
  readonly roomFor: (isFailing: boolean) => number
  /** Its secret cannot be opened with the keys there are. */
  readonly onUnreadable: () => void
}

/** Deliveries that this process is to make, with all that is needed for it. */
interface Claimed {
  readonly receiver: Receiver
  readonly deliveries: readonly DueDelivery[]
}

/**
 * Takes deliveries of one webhook.
 *
 * @returns undefined when it is switched off meanwhile, or cannot be signed for.
 */
export function claim(
  { pool, ring }: ClaimDependencies,
  webhook: DueWebhook,
  { leaseMs, roomFor, onUnreadable }: ClaimOptions,
): Promise<Claimed | undefined> {
  const { tenant_id: tenantId, webhook_id: webhookId } = webhook
  return inTenant(pool, tenantId, async (tx) => {
    const row = await findReceiver(tx, tenantId, webhookId)
    const limit = row === undefined ? 0 : roomFor(row.failing_since !== null)
    if (row === undefined || limit <= 0) return undefined
    const secrets = secretsOf(row, (sealed) => openSecret(ring, sealed, { tenantId, webhookId }))
    if (secrets === undefined) {
      onUnreadable()
      return undefined
    }
    const deliveries = await claimDeliveries(tx, webhook, { limit, leaseMs })
    return {
      receiver: { url: row.url, secrets },
      deliveries: row.include_data ? await withPersonal(tx, tenantId, row.events, deliveries) : deliveries,
    }
  })
}

type ReceiverRow = NonNullable<Awaited<ReturnType<typeof findReceiver>>>

/** The secret, and the one before while it signs too; undefined when they cannot be opened with the keys there are. */
function secretsOf(row: ReceiverRow, open: (sealed: Buffer) => string): readonly string[] | undefined {
  const { sealed_secret: current, previous_sealed_secret: previous, previous_until: until } = row
  const isTwofold = previous !== null && until !== null && until.getTime() > Date.now()
  try {
    return isTwofold ? [open(current), open(previous)] : [open(current)]
  } catch (error) {
    if (error instanceof UnsealError) return undefined
    throw error
  }
}

/** Of what the webhook asks for now: who said what it is told of may not have been allowed to read the rest. */
async function withPersonal(
  tx: Tx,
  tenantId: string,
  events: readonly string[],
  deliveries: readonly DueDelivery[],
): Promise<DueDelivery[]> {
  const told: DueDelivery[] = []
  for (const each of deliveries) {
    const personal = events.includes(each.type) ? await readPersonal(tx, tenantId, each.data['resource']) : undefined
    told.push(personal === undefined ? each : { ...each, data: { ...each.data, personal } })
  }
  return told
}
