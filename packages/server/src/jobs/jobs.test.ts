import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createLogger } from '../core/logging/logging.ts'
import { JOB_SCHEMA_VERSION, jobSchemaVersion } from '../database/job-schema.ts'
import { SchemaBehindError } from '../database/open.ts'
import { asOwner, createTestDatabase, type TestDatabase } from '../testing/database.ts'
import { type PeriodicJob, type RunningJobs, startJobs } from './jobs.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const running: RunningJobs[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((jobs) => jobs.stop()))
})

async function start(job: PeriodicJob, logLines: string[] = []): Promise<RunningJobs> {
  const jobs = await startJobs({
    target: database.target('rempart_worker'),
    pool: database.worker,
    jobs: [job],
    log: createLogger({ level: 'debug', destination: { write: (line) => void logLines.push(line) } }),
    pollSeconds: 0.5,
  })
  running.push(jobs)
  return jobs
}

/** What the library keeps of the jobs of a queue. */
async function kept(queue: string): Promise<readonly { state: string; output: unknown }[]> {
  const { rows } = await database.worker.query('select state, output from pgboss.job where name = $1', [queue])
  return rows
}

describe('periodic jobs', () => {
  it('run at the start, by one of several processes, and are due again as their schedule says', async () => {
    let runs = 0
    let atOnce = 0
    let mostAtOnce = 0
    const held = Promise.withResolvers<void>()
    const job: PeriodicJob = {
      name: 'once',
      cron: '*/10 * * * *',
      async run() {
        runs += 1
        atOnce += 1
        mostAtOnce = Math.max(mostAtOnce, atOnce)
        await held.promise
        atOnce -= 1
        return 3
      },
    }
    const logLines: string[] = []
    await start(job, logLines)
    await vi.waitFor(() => expect(runs).toBe(1))
    // Others start while it is being done: what they ask for is being done already.
    await start(job)
    await start(job)
    const seen = await kept('once')
    held.resolve()
    await vi.waitFor(async () => expect(await kept('once')).toMatchObject([{ state: 'completed' }]))
    expect(seen).toMatchObject([{ state: 'active' }])
    expect([runs, mostAtOnce]).toEqual([1, 1])
    expect(logLines.join()).toContain('"rows":3')
    const schedule = await database.worker.query("select cron, timezone from pgboss.schedule where name = 'once'")
    expect(schedule.rows).toEqual([{ cron: '*/10 * * * *', timezone: 'UTC' }])
  })

  it('that fail are to be tried again, and leave nothing of the fault in the database', async () => {
    const logLines: string[] = []
    const run = async () => {
      throw new Error('ada@example.org could not be deleted')
    }
    await start({ name: 'failing', cron: '0 0 * * *', run }, logLines)
    await vi.waitFor(async () => expect(await kept('failing')).toMatchObject([{ state: 'retry' }]))
    expect(JSON.stringify(await kept('failing'))).not.toContain('ada@')
    expect(logLines.join()).toContain('tried again')
  })

  it('are waited for when the process stops', async () => {
    const begun = Promise.withResolvers<void>()
    const held = Promise.withResolvers<void>()
    const run = async () => {
      begun.resolve()
      await held.promise
      return 0
    }
    const jobs = await start({ name: 'held', cron: '0 0 * * *', run })
    await begun.promise
    const stopped = jobs.stop()
    running.splice(0)
    held.resolve()
    await stopped
    expect(await kept('held')).toMatchObject([{ state: 'completed' }])
  })
})

describe('the tables of the jobs', () => {
  it('are those of the library that is installed', async () => {
    expect(await jobSchemaVersion(database.worker)).toBe(JOB_SCHEMA_VERSION)
    const { getConstructionPlans } = await import('pg-boss')
    expect(getConstructionPlans('pgboss')).toContain(
      `INSERT INTO pgboss.version(version) VALUES ('${JOB_SCHEMA_VERSION}')`,
    )
  })

  it('are out of reach for who serves requests', async () => {
    for (const statement of [
      'select * from pgboss.job',
      'insert into pgboss.queue default values',
      'select pgboss.job_now()',
    ]) {
      await expect(database.app.query(statement), statement).rejects.toMatchObject({ code: '42501' })
    }
  })

  it('are asked for with the command to run, where they are missing', async () => {
    const other = await createTestDatabase()
    await asOwner(other.target('rempart_owner'), 'drop schema pgboss cascade')
    const jobs = startJobs({
      target: other.target('rempart_worker'),
      pool: other.worker,
      jobs: [],
      log: createLogger({ level: 'silent' }),
    })
    await expect(jobs).rejects.toThrow(SchemaBehindError)
    await expect(jobs).rejects.toThrow('rempart -- migrate')
    await other.close()
  })
})
