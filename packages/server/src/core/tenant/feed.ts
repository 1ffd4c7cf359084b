import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { Logger } from 'pino'
import type { ConnectionTarget, Pool } from '../../database/connect.ts'
import { listen } from '../../database/listen.ts'
import type { Tx } from '../../database/tenant.ts'

export interface TenantFeedDependencies {
  readonly target: ConnectionTarget
  /** As rempart_app. */
  readonly pool: Pick<Pool, 'query'>
  readonly log: Logger
  /** Monotonic milliseconds. */
  readonly nowMs?: () => number
}

/** Something that remembers what tenants are, or have published. */
export interface TenantMemory {
  forget(tenantId: string): void
  clear(): void
}

/** What this process hears of changes of tenants, its own and those of others. */
export interface TenantFeed {
  /** Whether any tenant has policies of its own, as last heard; true until it is known. */
  any(): boolean
  /** Says that this process has changed a tenant's policies. */
  changed(tenantId: string): void
  /** Has a memory forget what is heard of. */
  follow(memory: TenantMemory): void
  /** Whether changes were heard of until ten seconds ago at the latest: what is remembered may then be believed for longer. */
  hears(): boolean
  stop(): Promise<void>
}

/** On this channel processes tell each other which tenant has changed, and in what. */
const channel = 'rempart_tenants'

/** What has changed of a tenant. Of everything else than its policies, its limits are as they were. */
type Changed = 'policies' | 'tenant'

/** Tells every process, when the transaction commits, that what it remembers of a tenant is out of date. */
export async function announceChange(tx: Tx, tenantId: string, what: Changed): Promise<void> {
  await sql`select pg_notify(${channel}, ${`${what}:${tenantId}`})`.execute(tx)
}

/** How often the policies are looked at, where no message comes. A tenant in memory is read anew far sooner. */
const lookMs = 30_000
/** How often a process listens for its own voice, and for how long it believes that it would hear the others. */
const pulseMs = 4_000
const provenMs = 10_000

/**
 * Listens for changes of tenants, and has those who remember them forget.
 *
 * That a connection is open does not say that messages come: a pooler in between may keep them, and a frozen database
 * closes nothing. So each process sends itself a message every few seconds. They are delivered in the order of the
 * commits: who has heard the one it sent has heard whatever was changed before.
 */
export function startTenantFeed(dependencies: TenantFeedDependencies): TenantFeed {
  const { target, pool, log, nowMs = () => performance.now() } = dependencies
  const memories: TenantMemory[] = []
  const own = randomUUID()
  let pulses = 0
  let sentMs = 0
  let provenAtMs = Number.NEGATIVE_INFINITY
  let any = true
  let changes = 0

  const hears = (): boolean => nowMs() - provenAtMs < provenMs
  const forget = (tenantId: string): void => {
    for (const memory of memories) memory.forget(tenantId)
  }
  const clear = (): void => {
    for (const memory of memories) memory.clear()
  }
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
  const pulse = (): void => {
    pulses += 1
    sentMs = nowMs()
    // Where it does not arrive, it is not heard: that says it all.
    pool.query('select pg_notify($1, $2)', [channel, `pulse:${own}:${pulses}`]).catch(() => {})
  }
  const changed = (tenantId: string): void => {
    changes += 1
    any = true
    forget(tenantId)
  }
  const hear = (payload: string): void => {
    const [kind, about = ''] = payload.split(':', 2)
    if (kind === 'policies') changed(about)
    if (kind === 'tenant') forget(about)
    if (payload !== `pulse:${own}:${pulses}`) return
    // What was said in the silence was not heard.
    if (!hears()) clear()
    provenAtMs = sentMs
  }
  const listener = listen(target, {
    channel,
    onMessage: hear,
    onConnect() {
      provenAtMs = Number.NEGATIVE_INFINITY
      clear()
      pulse()
      void look()
    },
    onLost(error) {
      provenAtMs = Number.NEGATIVE_INFINITY
      log.warn({ reason: error.message }, 'changes of tenants are seen late: the connection is lost')
    },
  })
  const timers = [setInterval(() => void look(), lookMs).unref(), setInterval(pulse, pulseMs).unref()]
  return {
    any: () => any,
    changed,
    follow: (memory) => void memories.push(memory),
    hears,
    async stop() {
      for (const timer of timers) clearInterval(timer)
      await listener.stop()
    },
  }
}
