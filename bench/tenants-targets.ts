import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { createLogger } from '../packages/server/src/core/logging/logging.ts'
import { mastersOf } from '../packages/server/src/core/secrets.ts'
import { createAccessTokens } from '../packages/server/src/core/tokens/access-token.ts'
import { createSigningKeys } from '../packages/server/src/core/tokens/signing-keys.ts'
import { createPool } from '../packages/server/src/database/connect.ts'
import { startEmbeddedDatabase } from '../packages/server/src/database/embedded.ts'
import type { Installation } from './tenants-data.ts'

/** Something that a request can ask for. */
export interface Target {
  readonly tenantId: string
  readonly formId: string
  readonly messageId: string
}

/** Somebody who is signed in. */
export interface SignedIn {
  readonly tenantId: string
  readonly userId: string
  readonly sessionId: string
}

/** Messages of all ages, some 25,000 of millions: of every tenant about as many, and of each at least one. */
export async function findTargets(owner: pg.Client): Promise<readonly Target[]> {
  return asOwner(owner, ['contact_message', 'form'], async () => {
    const { rows } = await owner.query<Target>(
      `select m.tenant_id as "tenantId", m.id as "messageId", f.id as "formId"
       from contact_message m tablesample bernoulli (1) join form f on f.tenant_id = m.tenant_id`,
    )
    const { rows: ofEach } = await owner.query<Target>(
      `select f.tenant_id as "tenantId", m.id as "messageId", f.id as "formId" from form f cross join lateral (
         select m.id from contact_message m where m.tenant_id = f.tenant_id order by m.id desc limit 1) m`,
    )
    const sampled = new Set(rows.map(({ tenantId }) => tenantId))
    return [...rows, ...ofEach.filter(({ tenantId }) => !sampled.has(tenantId))]
  })
}

/** Everybody's session. */
export async function findPeople(owner: pg.Client): Promise<readonly SignedIn[]> {
  return asOwner(owner, ['session'], async () => {
    const { rows } = await owner.query<SignedIn>(
      'select tenant_id as "tenantId", user_id as "userId", id as "sessionId" from session',
    )
    return rows
  })
}

/** The owner sees no row either, but in a moment that it allows itself. */
async function asOwner<T>(owner: pg.Client, tables: readonly string[], read: () => Promise<T>): Promise<T> {
  for (const table of tables) await owner.query(`alter table ${table} no force row level security`)
  try {
    return await read()
  } finally {
    for (const table of tables) await owner.query(`alter table ${table} force row level security`)
  }
}

/** An access token of each person, by tenant, signed with the installation's own key. */
export async function mintTokens(
  { dataDir }: Installation,
  url: string,
  people: readonly SignedIn[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const database = await startEmbeddedDatabase({ dataDir, log: () => {}, share: true })
  const limits = { connectTimeoutMs: 5_000, statementTimeoutMs: 60_000, idleTimeoutMs: 10_000, maxLifetimeMs: 600_000 }
  const pool = createPool(database.connection('rempart_app'), { size: 1, ...limits, name: 'bench' }, () => {})
  const masters = mastersOf(readFileSync(join(dataDir, 'secret.key'), 'utf8').trim())
  const keys = createSigningKeys({ pool, masters, log: createLogger({ level: 'silent' }) })
  const tokens = createAccessTokens({ issuer: url, audience: url, keys, clock: { now: () => Date.now() } })
  const minted = new Map<string, string[]>()
  for (const { tenantId, userId, sessionId } of people) {
    const { token } = await tokens.mint({
      ...{ sub: userId, tid: tenantId, sid: sessionId, client_id: 'rempart', amr: ['pwd'], acr: 'aal1' as const },
      auth_time: Math.floor(Date.now() / 1_000),
    })
    minted.set(tenantId, [...(minted.get(tenantId) ?? []), token])
  }
  await keys.stop()
  await pool.end()
  return minted
}

/** Waits until what the server does once at its start is done. */
export async function untilQuiet(owner: pg.Client): Promise<void> {
  const deadlineMs = Date.now() + 60_000
  for (;;) {
    const { rows } = await owner.query<{ busy: boolean }>(
      `select exists (select from pgboss.job where state in ('created', 'retry', 'active') and start_after <= now()) as busy`,
    )
    if (rows[0]?.busy === false) return
    if (Date.now() > deadlineMs) throw new Error('the jobs of the start do not end')
    await sleep(250)
  }
}
