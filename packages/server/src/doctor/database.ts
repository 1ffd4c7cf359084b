import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { loadMasters } from '../core/secrets.ts'
import { listSigningKeys } from '../core/tokens/signing-key-table.ts'
import { isDatabaseUnavailable, type Pool } from '../database/connect.ts'
import { EmbeddedDatabaseError } from '../database/embedded-error.ts'
import { type OpenDatabase, openDatabase, SchemaBehindError } from '../database/open.ts'
import { DatabaseFaultError } from '../database/self-check.ts'
import { inTenant } from '../database/tenant.ts'
import { countFormerlySealed } from '../master-key/rewrap.ts'
import { type Finding, fail, ok, warn } from './finding.ts'

/** The database, and what the server keeps in it. An embedded one that was never made stays so. */
export async function examineDatabase(config: Config): Promise<readonly Finding[]> {
  if (config.embedded && !(await exists(join(config.dataDir, 'postgres')))) {
    return [ok('database-none', { dataDir: config.dataDir })]
  }
  let database: OpenDatabase
  try {
    database = await openDatabase(config, { share: true, log: () => {} })
  } catch (error) {
    return [explained(error)]
  }
  try {
    const { worker, origin, version } = database
    const findings = [ok('database-ok', { version, origin })]
    const parts = [examineClock, examineSigningKeys, examineOutbox, examineJobs]
    for (const part of parts) findings.push(await part(worker))
    return [...findings, await examineSealed(database, config)]
  } catch (error) {
    return [explained(error)]
  } finally {
    await database.close()
  }
}

const exists = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined

function explained(error: unknown): Finding {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof SchemaBehindError) return fail('database-behind', { message })
  if (error instanceof DatabaseFaultError) return fail('database-unsafe', { message: error.faults.join('\n') })
  if (error instanceof EmbeddedDatabaseError) return fail('database-embedded', { message: `${message}\n${error.hint}` })
  return fail(isDatabaseUnavailable(error) ? 'database-away' : 'database-refused', { message })
}

/** Past this, a code of an authenticator app is refused now and then; far past it, tokens are over when they are made. */
const NOTABLE_SKEW_MS = 2_000
const HARMFUL_SKEW_MS = 20_000

/** The clock of this machine beside that of the database; the way there and back is no skew. */
export async function examineClock(worker: Pick<Pool, 'query'>): Promise<Finding> {
  const beforeMs = Date.now()
  const { rows } = await worker.query<{ ms: number }>(
    'select extract(epoch from clock_timestamp())::float8 * 1000 as ms',
  )
  const afterMs = Date.now()
  const skewMs = Math.max(0, Math.abs((rows[0]?.ms ?? afterMs) - (beforeMs + afterMs) / 2) - (afterMs - beforeMs) / 2)
  const facts = { seconds: Math.round(skewMs / 100) / 10 }
  if (skewMs >= HARMFUL_SKEW_MS) return fail('clock-off', facts)
  return skewMs >= NOTABLE_SKEW_MS ? warn('clock-skewed', facts) : ok('clock-ok', facts)
}

async function examineSigningKeys(worker: Pool): Promise<Finding> {
  const active = (await listSigningKeys(worker)).find(({ state }) => state === 'active')
  if (active === undefined) return ok('signing-keys-none')
  const days = Math.floor((Date.now() - (active.activatedAt ?? active.createdAt).getTime()) / 86_400_000)
  // The next one takes over on that day, unless no server runs that makes one.
  const isOverdue = active.rotateAfter !== null && active.rotateAfter.getTime() < Date.now() - 86_400_000
  return isOverdue ? warn('signing-keys-old', { days }) : ok('signing-keys-ok', { days })
}

const LATE_MINUTES = 10

async function examineOutbox(worker: Pool): Promise<Finding> {
  const tenants = await worker.query<{ id: string }>('select id from auth.tenants_with_mail(1000)')
  let count = 0
  for (const { id } of tenants.rows) {
    count += await inTenant(worker, id, async (tx) => {
      const late = await tx
        .selectFrom('mail_outbox')
        .select((mail) => mail.fn.countAll<number>().as('count'))
        .where('next_attempt_at', '<', new Date(Date.now() - LATE_MINUTES * 60_000))
        .executeTakeFirstOrThrow()
      return late.count
    })
  }
  return count > 0 ? warn('outbox-late', { count, minutes: LATE_MINUTES }) : ok('outbox-ok')
}

/** The job that is due every minute tells whether any process does jobs. */
async function examineJobs(worker: Pool): Promise<Finding> {
  const { rows } = await worker.query<{ at: Date | null }>(
    "select max(completed_on) as at from pgboss.job where name = 'audit-heads' and state = 'completed'",
  )
  const at = rows[0]?.at ?? null
  if (at === null) return ok('jobs-never')
  const minutes = Math.floor((Date.now() - at.getTime()) / 60_000)
  return minutes > LATE_MINUTES ? warn('jobs-dead', { minutes }) : ok('jobs-ok', { minutes })
}

async function examineSealed({ app, worker }: OpenDatabase, config: Config): Promise<Finding> {
  const masters = await loadMasters(config)
  const count = await countFormerlySealed({ app, worker, masters })
  const former = masters.previous.length
  if (count > 0) return former > 0 ? warn('master-turning', { count }) : fail('master-lost', { count })
  return former > 0 ? warn('master-turned', { former }) : ok('master-ok')
}
