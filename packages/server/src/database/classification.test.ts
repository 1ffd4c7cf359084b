import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { retentionJobs } from '../jobs/retention.ts'
import { createTestDatabase, type TestDatabase } from '../testing/database.ts'
import { testPrivacy } from '../testing/privacy.ts'
import { classifiedTables, otherSchemas, replacementOf } from './classification.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

/** As the owner, who sees every table, whoever may read it. */
async function asOwner<Row extends pg.QueryResultRow>(...statements: readonly string[]): Promise<readonly Row[]> {
  const client = new pg.Client(database.target('rempart_owner'))
  await client.connect()
  try {
    let rows: readonly Row[] = []
    for (const text of statements) rows = (await client.query<Row>(text)).rows
    return rows
  } finally {
    await client.end()
  }
}

const columnsOf = `select table_name || '.' || column_name as name from information_schema.columns
  where table_schema in ('public', 'auth') order by 1`

const classified = (): readonly string[] =>
  classifiedTables.flatMap(({ name, columns }) => Object.keys(columns).map((column) => `${name}.${column}`)).toSorted()

const names = (rows: readonly { readonly name: string }[]): readonly string[] => rows.map(({ name }) => name).toSorted()

describe('the classification', () => {
  it('knows every column of the database, and no other', async () => {
    expect(names(await asOwner<{ name: string }>(columnsOf))).toEqual(classified())
  })

  it('would notice a column and a table that nobody has classified', async () => {
    const found = await asOwner<{ name: string }>(
      'begin',
      'alter table lead add column telephone text',
      'create table forgotten (name text)',
      columnsOf,
    )
    const unclassified = names(found).filter((name) => !classified().includes(name))
    expect(unclassified).toEqual(['forgotten.name', 'lead.telephone'])
  })

  it('knows every schema: a new one is classified, or says why it need not be', async () => {
    const schemas = await asOwner<{ name: string }>(
      `select nspname as name from pg_namespace where nspname !~ '^pg_(toast|temp|catalog)' and nspname <> 'information_schema'`,
    )
    expect(names(schemas)).toEqual(['public', ...Object.keys(otherSchemas)].toSorted())
  })

  it('says of each column about a person what becomes of it, and why where it stays', () => {
    for (const { name, columns, links } of classifiedTables) {
      const personal = Object.entries(columns).filter(([, column]) => column.personal !== 'none')
      for (const [column, of] of personal) {
        if (of.personal === 'none' || of.erase !== 'keep') continue
        expect(of.legal, `${name}.${column}`).toMatch(/GDPR/)
      }
      // What is about a person is found by somebody, unless it is a pseudonym of nobody in particular.
      const isFound = links.length > 0 || personal.every(([, of]) => of.personal === 'pseudonym')
      expect(isFound, name).toBe(true)
    }
  })

  it('leaves no column about a person to a row that stays', () => {
    for (const { name, columns, links } of classifiedTables) {
      if (links.length === 0 || links.some(({ erase }) => erase === 'delete')) continue
      const left = Object.entries(columns).filter(([, of]) => of.personal !== 'none' && of.erase === 'delete')
      const seen = left.map(([column]) => column)
      // Times of a row that stays empty say when something was there, and of whom no longer.
      expect(
        seen.filter((column) => !/_at$|^id$|^subject$/.test(column)),
        name,
      ).toEqual([])
    }
  })

  it('finds every row that refers to an account: a table cannot be forgotten by erasure', async () => {
    const references = await asOwner<{ name: string }>(
      `select distinct c.conrelid::regclass::text || '.' || a.attname as name
       from pg_constraint c
       cross join unnest(c.conkey) as k (attnum)
       join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum
       where c.contype = 'f' and c.confrelid = 'public.user_account'::regclass and a.attname <> 'tenant_id'`,
    )
    expect(references.length).toBeGreaterThan(8)
    const linked = classifiedTables.flatMap(({ name, links }) =>
      links.flatMap((link) => (link.by === 'account' ? [`${name}.${String(link.column)}`] : [])),
    )
    expect(names(references).filter((name) => !linked.includes(name))).toEqual([])
  })

  it.each(['rempart_app', 'rempart_worker'])('lets %s do what erasure asks of each table', async (role) => {
    const wanted = classifiedTables.flatMap(({ name, links, columns }) => {
      const fates = links.flatMap(({ erase, anonymise }) => [erase, anonymise])
      const replaced = Object.entries(columns).flatMap(([column, of]) =>
        replacementOf(of) === undefined ? [] : [column],
      )
      return [
        ...(fates.includes('delete') ? [`('${name}', null, 'delete')`] : []),
        ...(fates.includes('anonymise') ? replaced.map((column) => `('${name}', '${column}', 'update')`) : []),
      ]
    })
    const refused = await asOwner<{ name: string }>(
      `select concat_ws(' ', w.act, w.tab, w.col) as name from (values ${wanted.join(', ')}) as w (tab, col, act)
       where not case when w.col is null then has_table_privilege('${role}', 'public.' || w.tab, w.act)
         else has_column_privilege('${role}', 'public.' || w.tab, w.col, w.act) end`,
    )
    expect(names(refused)).toEqual([])
  })

  it('names jobs that exist', () => {
    const jobs = new Set(
      retentionJobs({
        worker: database.worker,
        eventRetentionMs: 1,
        contactRetentionMs: 1,
        privacy: testPrivacy,
        nowMs: () => 0,
      }).map(({ name }) => name),
    )
    for (const { name, retention } of classifiedTables) {
      if (retention.job !== undefined) expect(jobs, `${name} is forgotten by ${retention.job}`).toContain(retention.job)
    }
  })
})
