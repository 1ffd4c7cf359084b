import type { Logger } from 'pino'
import type { TenantResolver } from '../../core/tenant-resolver.ts'
import type { ConnectionTarget, Pool } from '../../database/connect.ts'
import { listen } from '../../database/listen.ts'

export interface PolicyFeedDependencies {
  readonly target: ConnectionTarget
  readonly pool: Pool
  readonly tenants: Pick<TenantResolver, 'forget' | 'clear'>
  readonly log: Logger
}

/** What this process hears of the policies of tenants. */
export interface PolicyFeed {
  /** Whether any tenant has anything otherwise, as last heard; true until it is known. */
  any(): boolean
  /** Says that this process has changed a tenant's. */
  changed(tenantId: string): void
  stop(): Promise<void>
}

/** Before the id of a tenant that has changed in something else than its policies. */
const ofTenant = 'tenant:'

/** How long a change may stay unseen where its message is lost. A tenant in memory is read anew far sooner. */
const staleMs = 30_000

/** Listens for changes of other processes, and forgets what they concern. */
export function startPolicyFeed({ target, pool, tenants, log }: PolicyFeedDependencies): PolicyFeed {
  let any = true
  let changes = 0
  const look = async (): Promise<void> => {
    const before = changes
    try {
      const { rows } = await pool.query<{ any: boolean }>('select auth.any_policy_overrides() as any')
      // What was heard meanwhile is newer than this answer.
      if (before === changes) any = rows[0]?.any ?? true
    } catch {
      // The last answer stays; the next look is soon.
    }
  }
  const changed = (tenantId: string): void => {
    changes += 1
    any = true
    tenants.forget(tenantId)
  }
  const listener = listen(target, {
    channel: 'rempart_policies',
    onMessage(payload) {
      // Of a tenant itself, its name, its domains, whether it answers: its limits are as they were.
      if (payload.startsWith(ofTenant)) tenants.forget(payload.slice(ofTenant.length))
      else changed(payload)
    },
    onConnect() {
      tenants.clear()
      void look()
    },
    onLost: (error) => log.warn({ reason: error.message }, 'changes of policies are seen late: the connection is lost'),
  })
  const timer = setInterval(() => void look(), staleMs)
  timer.unref()
  return {
    any: () => any,
    changed,
    async stop() {
      clearInterval(timer)
      await listener.stop()
    },
  }
}
