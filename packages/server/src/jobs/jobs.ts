import { PgBoss } from 'pg-boss'
import type { Logger } from 'pino'
import type { ConnectionTarget, Pool } from '../database/connect.ts'
import { JOB_SCHEMA_VERSION, jobSchemaVersion } from '../database/job-schema.ts'
import { SchemaBehindError } from '../database/open.ts'

/** Work that comes round again. */
export interface PeriodicJob {
  /** Names its queue: letters, digits and hyphens. */
  readonly name: string
  /** When it is due, besides once at the start: five fields, in UTC. */
  readonly cron: string
  /** Does it and says how many rows it concerned. It may be broken off and done again. */
  readonly run: () => Promise<number>
}

export interface JobsDependencies {
  /** As rempart_worker. */
  readonly target: ConnectionTarget
  readonly pool: Pool
  readonly jobs: readonly PeriodicJob[]
  readonly log: Logger
  /** How often a queue is looked at, in seconds. */
  readonly pollSeconds?: number
}

/** Jobs that run. */
export interface RunningJobs {
  /** Takes no more and waits for those under way, ten seconds at most. */
  stop(): Promise<void>
}

/** Longer than any of them takes; after it, one that died with its process is given to another. */
const longestSeconds = 600
const stopMs = 10_000

/**
 * Runs periodic jobs until stopped. Any number of processes may: each turn of a job is done by one of them, and no two
 * turns of one job at once.
 *
 * @throws SchemaBehindError when the tables of the jobs are missing or older than this release.
 */
export async function startJobs({ target, pool, jobs, log, pollSeconds = 15 }: JobsDependencies): Promise<RunningJobs> {
  await assertSchema(pool)
  const boss = new PgBoss({
    ...target,
    schema: 'pgboss',
    application_name: 'rempart-jobs',
    max: 2,
    // The tables are the owner's, who makes them when the database is migrated.
    migrate: false,
    createSchema: false,
    reindex: false,
    monitorVacuum: false,
  })
  boss.on('error', (error) => log.warn({ reason: error.message }, 'background jobs wait: the database did not answer'))
  await boss.start()
  try {
    for (const job of jobs) await startJob(boss, job, log, pollSeconds)
  } catch (error) {
    await boss.stop({ graceful: false })
    throw error
  }
  return { stop: () => boss.stop({ graceful: true, timeout: stopMs }) }
}

async function startJob(boss: PgBoss, job: PeriodicJob, log: Logger, pollSeconds: number): Promise<void> {
  await boss.createQueue(job.name, {
    // One at most waits or runs.
    policy: 'exclusive',
    expireInSeconds: longestSeconds,
    retryLimit: 3,
    retryDelay: 30,
    retryBackoff: true,
    // One that nobody came to do within an hour is overtaken by the next.
    retentionSeconds: 3_600,
    deleteAfterSeconds: 86_400,
  })
  await boss.schedule(job.name, job.cron)
  // Before the first look at the queue, so that a process that starts need not wait for the second.
  await boss.send(job.name)
  await boss.work(job.name, { pollingIntervalSeconds: pollSeconds }, async () => {
    try {
      log.debug({ job: job.name, rows: await job.run() }, 'a background job is done')
    } catch (error) {
      log.warn({ err: error, job: job.name }, 'a background job failed and is tried again')
      // pg-boss keeps what it is given: the name of the fault, and nothing that a statement may have held.
      throw new Error('the job failed')
    }
  })
}

async function assertSchema(pool: Pool): Promise<void> {
  const version = await jobSchemaVersion(pool)
  if (version !== undefined && version >= JOB_SCHEMA_VERSION) return
  throw new SchemaBehindError(
    'The database lacks the tables of background jobs. Run: REMPART_DATABASE_OWNER_URL=postgres://rempart_owner:…@host/db npm run rempart -- migrate',
  )
}
