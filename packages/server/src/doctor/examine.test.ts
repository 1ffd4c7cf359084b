import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLogger } from '../core/logging/logging.ts'
import { mastersOf } from '../core/secrets.ts'
import { createSigningKeys } from '../core/tokens/signing-keys.ts'
import { asOwner, createTestDatabase, type TestDatabase } from '../testing/database.ts'
import { mailTenant, queueMail, token } from '../testing/mail.ts'
import { startSmtpSink } from '../testing/smtp-sink.ts'
import { examineClock } from './database.ts'
import { examine } from './examine.ts'
import type { Finding } from './finding.ts'

const secretKey = randomBytes(48).toString('base64')
let database: TestDatabase
let directory: string
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rempart-doctor-'))
})
afterEach(() => rm(directory, { recursive: true }))

const urlAs = (role: 'rempart_app' | 'rempart_worker' | 'rempart_owner'): string => {
  const { host, port, database: name } = database.target(role) as Record<string, string>
  return `postgres://${role}@localhost:${port}/${name}?host=${encodeURIComponent(host ?? '')}`
}
const sound = (): Record<string, string> => ({
  REMPART_DATABASE_URL: urlAs('rempart_app'),
  REMPART_DATABASE_WORKER_URL: urlAs('rempart_worker'),
  REMPART_SECRET_KEY: secretKey,
  REMPART_DATA_DIR: directory,
})

async function findings(over: Readonly<Record<string, string>> = {}): Promise<readonly Finding[]> {
  const found: Finding[] = []
  for await (const finding of examine({ ...sound(), ...over })) found.push(finding)
  return found
}
const named = async (name: string, over?: Readonly<Record<string, string>>): Promise<Finding | undefined> =>
  (await findings(over)).find((finding) => finding.name === name)

describe('the doctor', { timeout: 30_000 }, () => {
  it('finds nothing wrong with what is sound, and asks the database for everything', async () => {
    await createSigningKeys({
      pool: database.app,
      masters: mastersOf(secretKey),
      log: createLogger({ level: 'silent' }),
    }).ready()
    const found = await findings()
    expect(found.filter(({ level }) => level !== 'ok')).toEqual([])
    expect(found.map(({ name }) => name)).toEqual([
      ...['node-ok', 'config-ok', 'url-local', 'secrets-ok', 'disk-ok', 'database-ok', 'clock-ok'],
      ...['signing-keys-ok', 'outbox-ok', 'jobs-never', 'master-ok', 'smtp-mailbox'],
    ])
  })

  it('tells every fault of the settings, and stops there', async () => {
    const found = await findings({ REMPART_PORT: 'x', REMPART_HOST: '', REMPART_DEMO: 'perhaps' })
    expect(found.map(({ name, level }) => [name, level])).toEqual([
      ['node-ok', 'ok'],
      ['config-fault', 'fail'],
      ['config-fault', 'fail'],
    ])
  })

  it('tells that everything was sealed under another master secret, and what is left while it changes', async () => {
    const other = randomBytes(48).toString('base64')
    expect(await named('master-lost', { REMPART_SECRET_KEY: other })).toMatchObject({ level: 'fail' })
    const turning = { REMPART_SECRET_KEY: other, REMPART_SECRET_KEY_PREVIOUS: secretKey }
    expect(await named('master-turning', turning)).toMatchObject({ level: 'warn', facts: { count: 2 } })
    expect(await named('master-turned', { REMPART_SECRET_KEY_PREVIOUS: other })).toMatchObject({ level: 'warn' })
  })

  it('tells a database that is away, one that may do too much, and keys that nobody tends', async () => {
    expect(await named('database-away', { REMPART_DATABASE_URL: 'postgres://a@127.0.0.1:1/b' })).toMatchObject({
      level: 'fail',
    })
    expect(await named('database-unsafe', { REMPART_DATABASE_URL: urlAs('rempart_owner') })).toMatchObject({
      level: 'fail',
    })
    const owner = database.target('rempart_owner')
    await asOwner(
      owner,
      "update signing_key set rotate_after = now() - interval '3 days', activated_at = now() - interval '93 days' where state = 'active'",
    )
    expect(await named('signing-keys-old')).toMatchObject({ level: 'warn', facts: { days: 93 } })
    await asOwner(owner, 'delete from signing_key')
  })

  it('tells mails that nobody sends', async () => {
    const tenant = await mailTenant(database)
    await queueMail(database, tenant, {
      template: 'reset-password',
      to: { address: 'ada@example.org' },
      data: { token, minutes: 30 },
    })
    expect(await named('outbox-late')).toBeUndefined()
    await asOwner(
      database.target('rempart_owner'),
      `alter table mail_outbox no force row level security; update mail_outbox set next_attempt_at = now() - interval '1 hour';
       alter table mail_outbox force row level security`,
    )
    expect(await named('outbox-late')).toMatchObject({ level: 'warn', facts: { count: 1 } })
  })

  it.each([
    [0, 'clock-ok', 'ok', 0],
    [-1_500, 'clock-ok', 'ok', 1.5],
    [5_000, 'clock-skewed', 'warn', 5],
    [-5_000, 'clock-skewed', 'warn', 5],
    [3_600_000, 'clock-off', 'fail', 3_600],
    [-60_000, 'clock-off', 'fail', 60],
  ] as const)('tells a clock that is %i ms from the database’s: %s', async (aheadMs, name, level, seconds) => {
    const real = Date.now
    vi.spyOn(Date, 'now').mockImplementation(() => real() + aheadMs)
    const finding = await examineClock(database.worker)
    expect(finding).toMatchObject({ name, level })
    // The way to the database and back may hide some of it.
    expect(Math.abs(Number(finding.facts['seconds']) - seconds)).toBeLessThanOrEqual(1)
  })

  it('takes a database that is slow to answer for no skew', async () => {
    let nowMs = 1_800_000_000_000
    vi.spyOn(Date, 'now').mockImplementation(() => nowMs)
    const query = async () => {
      nowMs += 30_000
      return { rows: [{ ms: nowMs }] }
    }
    expect(await examineClock({ query } as unknown as Pick<typeof database.worker, 'query'>)).toMatchObject({
      name: 'clock-ok',
      facts: { seconds: 0 },
    })
  })

  it('tells that no process has done a job for long, and that one has', async () => {
    const owner = database.target('rempart_owner')
    expect(await named('jobs-never')).toMatchObject({ level: 'ok' })
    await asOwner(
      owner,
      `select pgboss.create_queue('audit-heads', '{"policy":"standard"}');
       insert into pgboss.job (name, state, completed_on) values ('audit-heads', 'completed', now() - interval '30 seconds'),
         ('audit-heads', 'failed', now())`,
    )
    expect(await named('jobs-ok')).toMatchObject({ level: 'ok', facts: { minutes: 0 } })
    await asOwner(owner, "update pgboss.job set completed_on = now() - interval '45 minutes' where state = 'completed'")
    expect(await named('jobs-dead')).toMatchObject({ level: 'warn', facts: { minutes: 45 } })
    await asOwner(owner, "delete from pgboss.job where name = 'audit-heads'")
  })

  it('tells services that do not answer', async () => {
    expect(await named('redis-away', { REMPART_REDIS_URL: 'redis://127.0.0.1:1' })).toMatchObject({ level: 'fail' })
    const mail = { REMPART_SMTP_URL: 'smtp+plain://127.0.0.1:1', REMPART_MAIL_FROM: 'no-reply@example.org' }
    expect(await named('smtp-away', mail)).toMatchObject({ level: 'fail', facts: { server: '127.0.0.1:1' } })
    const sink = await startSmtpSink()
    const heard = { ...mail, REMPART_SMTP_URL: `smtp+plain://127.0.0.1:${sink.port}` }
    expect(await named('smtp-ok', heard)).toMatchObject({ level: 'ok' })
    expect(sink.received).toEqual([])
    await sink.close()
  })

  it('tells files that others may read, a policy file with a fault, and proxies that are missing or everybody', async () => {
    const file = join(directory, 'token')
    await writeFile(file, randomBytes(24).toString('base64'), { mode: 0o600 })
    expect(await named('files-ok', { REMPART_METRICS_TOKEN_FILE: file })).toMatchObject({ facts: { count: 1 } })
    await chmod(file, 0o644)
    expect(await named('file-open', { REMPART_METRICS_TOKEN_FILE: file })).toMatchObject({
      facts: { file, mode: '644' },
    })
    const policyFile = join(directory, 'policy.yaml')
    await writeFile(policyFile, 'version: 1\npolicies: { contact.submit: { rules: { burst: { limt: 1 } } } }\n')
    expect(await named('policy-faults', { REMPART_POLICY_FILE: policyFile })).toMatchObject({
      level: 'fail',
      facts: { message: expect.stringContaining('limt') },
    })
    const https = { REMPART_PUBLIC_URL: 'https://example.org' }
    expect(await named('proxies-none', https)).toMatchObject({ level: 'warn' })
    expect(await named('proxies-all', { ...https, REMPART_TRUSTED_PROXIES: '0.0.0.0/0' })).toMatchObject({
      level: 'fail',
    })
  })

  it('tells secrets that anybody would try first, which production refuses, and repeats none of them', async () => {
    const weak = { REMPART_METRICS_TOKEN: 'changeme-changeme-changeme' }
    expect(await named('secret-weak', weak)).toMatchObject({ facts: { name: 'REMPART_METRICS_TOKEN' } })
    const production = { ...weak, NODE_ENV: 'production', REMPART_PUBLIC_URL: 'https://example.org' }
    const found = await findings(production)
    expect(found).toContainEqual({
      name: 'config-fault',
      level: 'fail',
      facts: { fault: expect.stringMatching(/^REMPART_METRICS_TOKEN must not hold a default/) },
    })
    expect(JSON.stringify([found, await findings(weak)])).not.toContain('changeme')
  })

  it('has no finding that the command line has no words for', async () => {
    const files = (await readdir(import.meta.dirname)).filter((file) => !file.endsWith('.test.ts'))
    const sources = await Promise.all(files.map((file) => readFile(join(import.meta.dirname, file), 'utf8')))
    const calls = sources.join('').matchAll(/\b(?:ok|warn|fail)\(([^)]*)/g)
    const names = [...calls].flatMap(([, inside = '']) =>
      [...inside.matchAll(/'([a-z]+(?:-[a-z]+)+)'/g)].map(([, name]) => name),
    )
    const words = await readFile(join(import.meta.dirname, '../../../cli/src/commands/doctor-words.ts'), 'utf8')
    expect(names.length).toBeGreaterThan(30)
    expect(names.filter((name) => words.split(`'${name}':`).length !== 3)).toEqual([])
  })
})
