import type pg from 'pg'

/** The version of pg-boss's schema that this release works with. */
export const JOB_SCHEMA_VERSION = 43

/**
 * Makes pg-boss's own tables (schema `pgboss`), or brings them to this release's version, as rempart_owner: the library
 * writes the SQL, and what follows closes it to everybody but rempart_worker. Does nothing when all is done.
 *
 * @param client - under the lock of the migrations, outside a transaction.
 */
export async function installJobSchema(client: pg.Client): Promise<void> {
  const version = await jobSchemaVersion(client)
  if (version !== undefined && version >= JOB_SCHEMA_VERSION) return
  // Read only here: a process that finds the schema in place does without the library's megabyte.
  const { getConstructionPlans, getMigrationPlans } = await import('pg-boss')
  const plan = version === undefined ? getConstructionPlans('pgboss') : getMigrationPlans('pgboss', version)
  const end = plan.lastIndexOf('COMMIT;')
  if (!/^\s*BEGIN;/.test(plan) || end === -1) throw new Error('the plan of pg-boss is not one transaction')
  try {
    await client.query(`${plan.slice(0, end)}${closing} commit;`)
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  }
}

/** The version that a database has; undefined without one. Any login that may read it can ask. */
export async function jobSchemaVersion(database: Pick<pg.Pool, 'query'>): Promise<number | undefined> {
  const exists = await database.query("select to_regclass('pgboss.version') is not null as exists")
  if (exists.rows[0]?.exists !== true) return undefined
  return (await database.query<{ version: number }>('select version from pgboss.version')).rows[0]?.version
}

// As every function of ours: a search path of its own, and nobody calls it who need not.
const closing = `
do $$
declare v_function text;
begin
  for v_function in
    select p.oid::regprocedure::text from pg_catalog.pg_proc p where p.pronamespace = 'pgboss'::regnamespace
  loop
    execute format('alter function %s set search_path = ''''', v_function);
    execute format('revoke all on function %s from public', v_function);
    execute format('grant execute on function %s to rempart_worker', v_function);
  end loop;
end
$$;
revoke all on schema pgboss from public;
grant usage on schema pgboss to rempart_worker;
grant select, insert, update, delete on all tables in schema pgboss to rempart_worker;
`
