/** A role that a process logs in as. @see the table in docs/architecture.md */
export type LoginRole = 'rempart_owner' | 'rempart_app' | 'rempart_worker'

/** Every login role: the owner migrates, the app serves, the worker runs jobs. */
export const LOGIN_ROLES = ['rempart_owner', 'rempart_app', 'rempart_worker'] as const satisfies readonly LoginRole[]

/**
 * Roles that own functions and cannot log in: look-ups before a tenant is known, the storing of submissions, and the
 * writing of the audit log.
 */
const DEFINER_ROLES = ['rempart_auth', 'rempart_intake', 'rempart_audit'] as const

/** The name of the database when nothing else is asked for. */
export const DATABASE_NAME = 'rempart'

/** What the SQL of {@link roleStatements} depends on. */
export interface RoleOptions {
  /** Default `rempart`. */
  readonly database?: string
  /** Passwords to set, in the clear. A role without one keeps what it has: a fresh one cannot sign in by password. */
  readonly passwords?: Partial<Readonly<Record<LoginRole, string>>>
}

/**
 * The SQL that makes the roles of Rempart and limits them, one statement per element, each safe to repeat.
 *
 * For a superuser, or a role with CREATEROLE and CREATEDB, on PostgreSQL 15 or later, in any database of the cluster.
 */
export function roleStatements({ passwords = {} }: Pick<RoleOptions, 'passwords'> = {}): string[] {
  const statements = LOGIN_ROLES.map((role) => makeRole(role, 'login'))
  for (const role of DEFINER_ROLES) statements.push(makeRole(role, 'nologin'), grantToOwner(role))
  // To make a database for somebody else, an administrator who is no superuser has to be a member.
  statements.push(
    block(
      `if not (select rolsuper from pg_roles where rolname = current_user) then\n    execute format('grant rempart_owner to %I', current_user);\n  end if;`,
    ),
  )
  for (const role of LOGIN_ROLES) {
    const password = passwords[role]
    if (password !== undefined) statements.push(`alter role ${role} password ${literal(password)}`)
  }
  return [...statements, ...SERVING_ROLES.map(preferIndexes)]
}

/** The statement that makes the database, empty and owned by `rempart_owner`. Not safe to repeat. */
export function databaseStatement(options: Pick<RoleOptions, 'database'> = {}): string {
  return `create database ${identifier(options.database ?? DATABASE_NAME)} owner rempart_owner template template0 encoding 'UTF8'`
}

/** The SQL that closes the database to everybody but the login roles. Safe to repeat. */
export function databaseLimitStatements({ database = DATABASE_NAME }: Pick<RoleOptions, 'database'> = {}): string[] {
  const name = identifier(database)
  return [
    `revoke all on database ${name} from public`,
    `grant connect on database ${name} to ${LOGIN_ROLES.join(', ')}`,
  ]
}

/** Everything as one script for `psql`, safe to repeat: what an administrator runs on a PostgreSQL of his own. */
export function roleScript(options: RoleOptions = {}): string {
  const name = literal(options.database ?? DATABASE_NAME)
  const makeDatabase = `select ${literal(databaseStatement(options))}\nwhere not exists (select from pg_database where datname = ${name})\n\\gexec`
  const terminated = (statements: readonly string[]) => statements.map((statement) => `${statement};`)
  const parts = [...terminated(roleStatements(options)), makeDatabase, ...terminated(databaseLimitStatements(options))]
  return `\\set ON_ERROR_STOP on\n\n${parts.join('\n\n')}\n`
}

/** A SQL string constant. Backslashes take part in no escape. */
export function literal(value: string): string {
  if (value.includes('\0')) throw new RangeError('a SQL string cannot hold U+0000')
  const quoted = `'${value.replaceAll("'", "''")}'`
  return value.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted
}

/** A SQL identifier, always quoted. */
function identifier(name: string): string {
  if (name.includes('\0')) throw new RangeError('a SQL name cannot hold U+0000')
  return `"${name.replaceAll('"', '""')}"`
}

/**
 * Migrations hand functions to these roles, which takes membership. Without inheritance their row-level security
 * policies do not apply to the owner. PostgreSQL 15 cannot grant one without the other; NOINHERIT on the role would
 * also cost the owner the schema `public` there.
 */
function grantToOwner(role: (typeof DEFINER_ROLES)[number]): string {
  return block(`if current_setting('server_version_num')::int >= 160000 then
    execute 'grant ${role} to rempart_owner with inherit false, set true';
  else
    grant ${role} to rempart_owner;
  end if;`)
}

/** Altered only where it differs: naming these attributes takes a superuser on PostgreSQL 15, even to leave them off. */
function makeRole(role: string, login: 'login' | 'nologin'): string {
  const limits = `${login} nosuperuser nobypassrls nocreatedb nocreaterole noreplication`
  return block(`if not exists (select from pg_roles where rolname = '${role}') then
    create role ${role} ${limits};
  elsif exists (
    select from pg_roles where rolname = '${role}'
      and (rolsuper or rolbypassrls or rolcreatedb or rolcreaterole or rolreplication
        or rolcanlogin <> ${login === 'login'})
  ) then
    alter role ${role} ${limits};
  end if;`)
}

/** Roles that answer requests, and work for them. */
const SERVING_ROLES = ['rempart_app', 'rempart_worker'] as const satisfies readonly LoginRole[]

/**
 * A connection plans a statement while its table is small, and keeps the plan while it grows. At the default cost of a random
 * read, which is that of a spinning disk, that plan reads the whole table until statistics are taken again, a minute later:
 * each sign-in then costs more than the one before.
 */
function preferIndexes(role: (typeof SERVING_ROLES)[number]): string {
  const setting = 'random_page_cost=1.1'
  return block(`if not exists (
    select from pg_db_role_setting s join pg_roles r on r.oid = s.setrole
    where r.rolname = '${role}' and s.setdatabase = 0 and '${setting}' = any (s.setconfig)
  ) then
    alter role ${role} set ${setting.replace('=', ' = ')};
  end if;`)
}

function block(body: string): string {
  return `do $$\nbegin\n  ${body}\nend\n$$`
}
