import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { createRenderTokens } from '../packages/server/src/core/challenge/render-token.ts'
import { createId } from '../packages/server/src/core/ids.ts'
import { deriveKey, keyLabels } from '../packages/server/src/core/secrets.ts'
import { createPool, type Pool } from '../packages/server/src/database/connect.ts'
import { startEmbeddedDatabase } from '../packages/server/src/database/embedded.ts'
import { removeEmbeddedDatabase } from '../packages/server/src/database/embedded-remove.ts'
import { inTenant } from '../packages/server/src/database/tenant.ts'
import { DEMO_FORM } from '../packages/server/src/modules/forms/definition/demo.ts'
import { insertPublishedForm } from '../packages/server/src/modules/forms/seed-queries.ts'
import { createTenant } from '../packages/server/src/modules/tenants/service.ts'
import { alternate, freePort, load, median, record, startProgram } from './support.ts'

/**
 * Submissions stored per second over HTTP at 64 connections, with every protection on (rate limit, render token,
 * idempotency key, validation, scoring, quota, row-level security), against a Fastify handler that does one INSERT on
 * the same database and cores.
 *
 * Usage: npm run bench:intake -- [rounds] [seconds]
 */
const rounds = Number(process.argv[2] ?? 5)
const seconds = Number(process.argv[3] ?? 6)
const connections = 64

interface Form {
  readonly tenantId: string
  readonly formId: string
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'rempart-bench-'))
  const policy = join(directory, 'policy.json')
  // The limit is out of reach and still judged on each request.
  const wide = { limit: 100_000_000 }
  writeFileSync(policy, JSON.stringify({ version: 1, policies: { 'leads.submit': { rules: { burst: wide } } } }))
  const port = await freePort()
  const dataDir = directory
  const ours = await startProgram(['packages/cli/src/main.ts', 'start'], {
    port,
    path: '/health/ready',
    env: { REMPART_PORT: String(port), REMPART_DATA_DIR: dataDir, REMPART_POLICY_FILE: policy },
  })
  const database = await startEmbeddedDatabase({ dataDir, log: () => {}, share: true })
  const pool = createPool(
    database.connection('rempart_worker'),
    {
      size: 2,
      connectTimeoutMs: 5_000,
      statementTimeoutMs: 60_000,
      idleTimeoutMs: 10_000,
      maxLifetimeMs: 600_000,
      name: 'bench',
    },
    () => {},
  )
  const owner = new pg.Client(database.connection('rempart_owner'))
  await owner.connect()
  await owner.query(
    'create table bench_lead (id uuid primary key, email text not null, data jsonb not null, created_at timestamptz not null default now())',
  )
  await owner.query('grant select, insert on bench_lead to rempart_app')
  const basePort = await freePort()
  const { host, port: socketPort } = database.connection('rempart_app')
  const baseline = await startProgram(['bench/baseline-insert.ts'], {
    port: basePort,
    path: '/health',
    env: { BENCH_PORT: String(basePort), BENCH_DB_HOST: host, BENCH_DB_PORT: String(socketPort) },
  })
  const secret = readFileSync(join(dataDir, 'secret.key'), 'utf8').trim()
  const forms = await createForms(pool, 20)

  const runOurs = (count: number) => () =>
    load({ url: ours.url, seconds, connections, method: 'POST', next: submissions(forms.slice(0, count), secret) })
  const runBase = () =>
    load({
      url: baseline.url,
      seconds,
      connections,
      method: 'POST',
      next: submissions(forms.slice(0, 1), secret, '/submit'),
    })

  console.log(`submissions at ${connections} connections, ${rounds} rounds of ${seconds} s`)
  const results = await alternate(rounds, {
    'plain insert': runBase,
    'rempart, 1 tenant': runOurs(1),
    'rempart, 20 tenants': runOurs(20),
  })
  const perSecond = Object.fromEntries(
    Object.entries(results).map(([name, runs]) => [name, Math.round(median(runs.map((run) => run.perSecond)))]),
  )
  const base = perSecond['plain insert'] ?? Number.NaN
  const ratios = {
    'one tenant': round((perSecond['rempart, 1 tenant'] ?? 0) / base),
    'twenty tenants': round((perSecond['rempart, 20 tenants'] ?? 0) / base),
  }
  const stored = await countLeads(pool, forms)
  const acknowledged = [...results['rempart, 1 tenant'], ...results['rempart, 20 tenants']].reduce(
    (sum, run) => sum + run.good,
    0,
  )
  console.log(perSecond, ratios, { acknowledged, stored })
  record('intake', {
    connections,
    rounds,
    seconds,
    perSecond,
    ratios,
    targets: { 'one tenant': 'must 1.0, aim 1.5', 'twenty tenants': 'must 1.0' },
    acknowledged,
    stored,
    runs: results,
  })

  await owner.end()
  await pool.end()
  await baseline.stop()
  await database.stop()
  await ours.stop()
  await removeEmbeddedDatabase(directory)
  rmSync(directory, { recursive: true, force: true })
}

const round = (ratio: number): number => Math.round(ratio * 100) / 100

async function createForms(pool: Pool, count: number): Promise<readonly Form[]> {
  const forms: Form[] = []
  for (let index = 0; index < count; index += 1) {
    const tenantId = await createTenant(pool, {
      slug: `bench-${index}`,
      name: 'Bench',
      timeZone: 'Europe/Paris',
      maxLeadsPerMonth: 2_000_000_000,
    })
    const formId = createId()
    await inTenant(pool, tenantId, (tx) =>
      insertPublishedForm(tx, { tenantId, id: formId, slug: 'bench', name: 'Bench', definition: DEMO_FORM }),
    )
    forms.push({ tenantId, formId })
  }
  return forms
}

/** Each request has its own e-mail, answers, render token and idempotency key, as real ones have. */
function submissions(forms: readonly Form[], secret: string, fixedPath?: string) {
  const tokens = createRenderTokens(deriveKey(Buffer.from(secret), keyLabels.renderToken))
  let sent = 0
  return () => {
    sent += 1
    const form = forms[sent % forms.length]
    if (form === undefined) throw new RangeError('no form')
    const body = JSON.stringify({
      email: `person-${sent}@example.org`,
      renderToken: tokens.issue(form, Date.now() - 10_000),
      data: {
        fullName: 'Ada Lovelace',
        phone: '06 12 34 56 78',
        projectType: 'shop',
        productCount: 120,
        budget: 12_000,
        details: 'A shop for mathematical instruments, in two languages, before the summer.',
        consent: true,
      },
    })
    return {
      path: fixedPath ?? `/api/v1/leads/forms/${form.formId}/submit`,
      body,
      headers: { 'idempotency-key': createId() },
    }
  }
}

async function countLeads(pool: Pool, forms: readonly Form[]): Promise<number> {
  let stored = 0
  for (const form of forms) {
    const row = await inTenant(pool, form.tenantId, (tx) =>
      tx
        .selectFrom('lead')
        .select((e) => e.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow(),
    )
    stored += row.count
  }
  return stored
}

await main()
