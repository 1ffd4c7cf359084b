import type { Pool } from './connect.ts'

/** Why a database is not one the server may serve from. Each fault says what to change. */
export class DatabaseFaultError extends Error {
  override readonly name = 'DatabaseFaultError'
  readonly faults: readonly string[]
  constructor(faults: readonly string[]) {
    super(`The database is not safe to serve from:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`)
    this.faults = faults
  }
}

interface Row {
  fault: string
}

// One line per promise that tenant isolation and durability rest on; each returns its faults.
const checks: readonly string[] = [
  `select 'PostgreSQL ' || current_setting('server_version') || ' is too old: 15 or later is needed' as fault
   where current_setting('server_version_num')::int < 150000`,
  `select 'the role ' || rolname || ' is a superuser: connect as rempart_app' as fault
   from pg_roles where rolname in (current_user, session_user) and rolsuper`,
  `select 'the role ' || rolname || ' has BYPASSRLS: row-level security would not hold' as fault
   from pg_roles where rolname in (current_user, session_user) and rolbypassrls`,
  `select 'the role ' || u.rolname || ' is a member of ' || r.rolname || ': it must be a member of nobody' as fault
   from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles u on u.oid = m.member
   where u.rolname in (current_user, session_user)`,
  `select 'the role ' || current_user || ' owns the table ' || c.relname || ': the owner must be another role' as fault
   from pg_class c join pg_roles r on r.oid = c.relowner join pg_namespace n on n.oid = c.relnamespace
   where r.rolname = current_user and c.relkind in ('r', 'p', 'v', 'm') and n.nspname not like 'pg\\_%'`,
  // The owner of a database is a member of pg_database_owner, which pg_auth_members does not show.
  `select 'the role ' || current_user || ' owns the database: the owner must be another role' as fault
   from pg_database d join pg_roles r on r.oid = d.datdba where d.datname = current_database() and r.rolname = current_user`,
  `select 'the role ' || current_user || ' may create objects in the schema ' || n.nspname as fault
   from pg_namespace n where n.nspname in ('public', 'auth') and has_schema_privilege(n.oid, 'create')`,
  `select 'the table ' || c.relname || ' lacks forced row-level security' as fault
   from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where n.nspname = 'public' and c.relkind in ('r', 'p') and not (c.relrowsecurity and c.relforcerowsecurity)
     and (c.relname = 'tenant' or exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped))`,
  `select 'the table ' || c.relname || ' has no policy for ' || current_user as fault
   from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where n.nspname = 'public' and c.relkind in ('r', 'p') and c.relrowsecurity
     and not exists (select from pg_policy p where p.polrelid = c.oid
                     and p.polroles && array[0, (select r.oid from pg_roles r where r.rolname = current_user)])`,
  `select 'the view ' || c.relname || ' lacks security_invoker: it would show every tenant' as fault
   from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where n.nspname in ('public', 'auth') and c.relkind = 'v'
     and not coalesce(c.reloptions && array['security_invoker=true', 'security_invoker=on', 'security_invoker=1'], false)
     and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')`,
  `select 'the materialised view ' || c.relname || ' can be read: it holds every tenant' as fault
   from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where n.nspname in ('public', 'auth') and c.relkind = 'm' and has_table_privilege(c.oid, 'select')`,
  `select 'the role ' || current_user || ' may ' || p.privilege || ' the table ' || c.relname as fault
   from pg_class c join pg_namespace n on n.oid = c.relnamespace cross join unnest(array['truncate', 'trigger', 'references']) as p (privilege)
   where n.nspname = 'public' and c.relkind in ('r', 'p') and has_table_privilege(c.oid, p.privilege)`,
  `select 'fsync is off: a power cut would lose what was acknowledged' as fault where current_setting('fsync') = 'off'`,
  `select 'synchronous_commit is off: a crash would lose what was acknowledged' as fault where current_setting('synchronous_commit') = 'off'`,
  `select 'full_page_writes is off: a power cut could damage the data' as fault where current_setting('full_page_writes') = 'off'`,
]

/**
 * Checks the promises that isolation and durability rest on, as the login that will serve: no way around row-level
 * security, every tenant table under it, and commits that reach the disk.
 *
 * @throws DatabaseFaultError with every fault found.
 */
export async function checkDatabase(pool: Pick<Pool, 'query'>): Promise<void> {
  const results = await Promise.all(checks.map((check) => pool.query<Row>(check)))
  const faults = results.flatMap((result) => result.rows.map((row) => row.fault))
  if (faults.length > 0) throw new DatabaseFaultError(faults)
}
