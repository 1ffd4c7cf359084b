import pg from 'pg'
import { expect, inject, it, onTestFinished, vi } from 'vitest'
import { asOwner, createTestDatabase, type TestDatabase } from '../../server/src/testing/database.ts'
import { commandLine, endOf } from './testing/installation.ts'

// Each command is a process of its own, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 })

const commands = commandLine()

async function freshDatabase(): Promise<TestDatabase> {
  const database = await createTestDatabase()
  onTestFinished(() => database.close())
  return database
}

const nameOf = (database: TestDatabase): string => {
  const target = database.target('rempart_app')
  return 'database' in target ? String(target.database) : ''
}

function launch(database: TestDatabase, args: readonly string[], locale = 'C.UTF-8') {
  const { host, port } = inject('database')
  const as = (role: string): string =>
    `postgres://${role}@localhost/${nameOf(database)}?host=${encodeURIComponent(host)}&port=${port}`
  const child = commands.launch(['prove', 'isolation', ...args], {
    LANG: locale,
    REMPART_DATA_DIR: '/nonexistent',
    REMPART_SECRET_KEY: 'Zk3vQm8xT1pLr6wYb9cN4hJd7sGf2aKe5uXo0iVtRqM=',
    REMPART_DATABASE_URL: as('rempart_app'),
    REMPART_DATABASE_WORKER_URL: as('rempart_worker'),
  })
  return { child, ended: endOf(child) }
}

const prove = (database: TestDatabase, ...args: readonly string[]) => launch(database, args).ended

it('finds nothing in a sound installation, and says in one line what was tried', async () => {
  const proof = await prove(await freshDatabase())
  expect(proof.stdout).toMatch(/No leak: \d{4} attacks on \d\d tables, \d{3} ids of another tenant at the API\.\n$/)
  expect(proof.stdout).toMatch(/\nlead {2,}✓ ✓ {3}✓ ✓ /)
  expect(proof.stdout).toMatch(/\nGET \/api\/v1\/leads\/\{id} +id \(path\) +✓ 404 +✓ 404\n/)
  // Not a terminal: no colours.
  expect(proof.stdout).not.toContain('\u001b')
  expect(proof.code).toBe(0)
})

it.each([
  [
    'a policy is gone',
    'drop policy tenant_isolation on lead',
    // Row-level security without a policy lets nobody do anything, not even a tenant with its own.
    { table: 'lead', role: 'rempart_app', attack: 'inserts its own row', outcome: '42501' },
    'lead lacks the policy tenant_isolation as it must be',
  ],
  [
    'row-level security is off',
    'alter table lead disable row level security',
    { table: 'lead', role: 'rempart_worker', attack: 'reads another tenant by name', outcome: '1 rows' },
    'lead is not under forced row-level security',
  ],
  [
    'it is not forced on the owner',
    'alter table lead no force row level security',
    undefined,
    'lead is not under forced row-level security',
  ],
  [
    'a privilege is granted',
    'grant truncate on lead to rempart_app',
    { table: 'lead', role: 'rempart_app', attack: 'truncates' },
    'rempart_app may TRUNCATE lead',
  ],
  [
    'a second policy widens the first',
    'create policy everyone on session for select to rempart_app using (true)',
    { table: 'session', role: 'rempart_app', attack: 'reads another tenant by name' },
    'unexpected policy everyone on session',
  ],
])('ends with 1 and names the cell when %s', async (_damage, sql, cell, fault) => {
  const database = await freshDatabase()
  await asOwner(database.target('rempart_owner'), sql)
  const proof = await prove(database, '--no-endpoints', '--json')
  const found = JSON.parse(proof.stdout)
  const leaks = found.tables.filter((each: { holds: boolean }) => !each.holds)
  if (cell === undefined) expect(leaks).toEqual([])
  else expect(leaks).toContainEqual(expect.objectContaining(cell))
  expect(found.catalogue).toContain(fault)
  expect([proof.code, found.isolated]).toEqual([1, false])
  // The same for a person, in French.
  const shown = await launch(database, ['--no-endpoints'], 'fr_FR.UTF-8').ended
  expect(shown.stdout).toContain(`FUITE ${fault}`)
  expect(shown.stdout).toMatch(/\d+ fuites?\. Retirez l’installation du réseau\.\n$/)
  expect(shown.code).toBe(1)
})

it('ends with 2 when the database cannot be asked: what was not tried is not proven', async () => {
  const database = await freshDatabase()
  await asOwner(database.target('rempart_owner'), 'revoke delete, insert on tenant from rempart_worker')
  const proof = await prove(database, '--no-endpoints')
  expect(proof.code).toBe(2)
  expect(proof.stdout).toBe('')
})

it('takes its tenants away when it is stopped by Ctrl-C', async () => {
  const database = await freshDatabase()
  const tenants = async () => (await database.worker.query('select from auth.list_tenants()')).rowCount
  const lock = new pg.Client(database.target('rempart_owner'))
  await lock.connect()
  onTestFinished(() => lock.end())
  await lock.query('begin; lock table lead in access exclusive mode')
  const { child, ended } = launch(database, ['--no-endpoints'])
  await expect.poll(tenants, { timeout: 20_000 }).toBe(2)
  child.kill('SIGINT')
  await lock.query('rollback')
  const { code, stderr } = await ended
  expect([code, stderr]).toEqual([130, expect.stringContaining('The two tenants of the proof are gone.')])
  expect(await tenants()).toBe(0)
})
