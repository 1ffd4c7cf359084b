import type { Pool } from '../../database/connect.ts'

/** A session that was alive when it was asked for, and what its person may do. */
export interface LiveSession {
  readonly id: string
  readonly tenantId: string
  readonly userId: string
  /** 2 once a second factor was shown. */
  readonly aal: 1 | 2
  /** What the tenant, or the person's account, asks for. */
  readonly neededAal: 1 | 2
  /** RFC 8176. */
  readonly amr: readonly string[]
  /** When the person last proved who they are. Unix time in milliseconds. */
  readonly authTimeMs: number
  readonly transport: 'bearer' | 'cookie'
  /** What the session is for alone; null: for everything. */
  readonly restriction: 'enrol-mfa' | null
  readonly lastSeenMs: number
  readonly permissions: readonly string[]
  readonly isTenantActive: boolean
}

/** Tells whether a session is alive at this moment. Rejects when the database does not answer. */
export type SessionCheck = (tenantId: string, sessionId: string) => Promise<LiveSession | undefined>

interface Row {
  id: string
  tenant_id: string
  user_id: string
  aal: 1 | 2
  amr: string[]
  auth_time: Date
  transport: 'bearer' | 'cookie'
  restriction: 'enrol-mfa' | null
  last_seen_at: Date
  permissions: string[]
  tenant_is_active: boolean
  needed_aal: 1 | 2
}

interface Asked {
  readonly tenantId: string
  readonly sessionId: string
  readonly resolve: (session: LiveSession | undefined) => void
  readonly reject: (error: unknown) => void
}

/** Sessions of one call. More are asked for in another at the same time. */
const mostSessions = 256

/**
 * Asks the database for every session, each time: nothing is remembered, so that a session that ends anywhere has ended
 * here. All that are asked for in one turn of the event loop travel in one call.
 */
export function createSessionCheck(pool: Pick<Pool, 'query'>): SessionCheck {
  let asked: Asked[] = []

  const send = async (batch: readonly Asked[]): Promise<void> => {
    try {
      const found = await pool.query<Row>({
        name: 'check-sessions',
        text: 'select * from auth.check_sessions($1, $2)',
        values: [batch.map(({ tenantId }) => tenantId), batch.map(({ sessionId }) => sessionId)],
      })
      const alive = new Map(found.rows.map((row) => [`${row.tenant_id} ${row.id}`, toSession(row)]))
      for (const { tenantId, sessionId, resolve } of batch) resolve(alive.get(`${tenantId} ${sessionId}`))
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }
  const flush = (): void => {
    const waiting = asked
    asked = []
    for (let start = 0; start < waiting.length; start += mostSessions) {
      void send(waiting.slice(start, start + mostSessions))
    }
  }

  return (tenantId, sessionId) =>
    new Promise((resolve, reject) => {
      asked.push({ tenantId, sessionId, resolve, reject })
      if (asked.length === 1) setImmediate(flush)
    })
}

function toSession(row: Row): LiveSession {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    userId: row.user_id,
    aal: row.aal,
    neededAal: row.needed_aal,
    amr: row.amr,
    authTimeMs: row.auth_time.getTime(),
    transport: row.transport,
    restriction: row.restriction,
    lastSeenMs: row.last_seen_at.getTime(),
    permissions: row.permissions,
    isTenantActive: row.tenant_is_active,
  }
}
