import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { postgresStoreSql } from '../../../guard/src/stores/postgres/schema.ts'
import { createTestDatabase, type TestDatabase } from '../testing/database.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

it('is the guard’s own schema, word for word', () => {
  const migration = readFileSync(join(import.meta.dirname, 'migrations/0007_guard_store.sql'), 'utf8')
  expect(migration.split(postgresStoreSql)).toHaveLength(2)
})

it('serves the app, and neither the worker nor anybody else', async () => {
  const mark = "select rempart_guard.set_mark('\\x01', 1000000) as first"
  expect((await database.app.query(mark)).rows).toEqual([{ first: true }])
  await expect(database.worker.query(mark)).rejects.toMatchObject({ code: '42501' })
  await expect(database.worker.query('select * from rempart_guard.counter')).rejects.toMatchObject({ code: '42501' })
})

it('lets the app change no table nor function of it', async () => {
  for (const statement of [
    'drop table rempart_guard.counter',
    'truncate rempart_guard.counter',
    'alter table rempart_guard.mark add column note text',
    'create table rempart_guard.more (id integer)',
    "create or replace function rempart_guard.now_us() returns bigint language sql set search_path = '' as 'select 0::bigint'",
  ]) {
    await expect(database.app.query(statement), statement).rejects.toMatchObject({ code: '42501' })
  }
})
