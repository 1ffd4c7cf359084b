import type pg from 'pg'

/*
 * What the catalogue of a migrated database must look like for isolation to hold. The lists below are the deliberate
 * exceptions, each with its reason: a new one is a decision, and this file is where it is taken.
 */

/** Tables that hold no tenant's rows. */
const withoutTenant: Readonly<Record<string, string>> = {
  schema_migration: 'the history of the schema, readable by every process that must know whether it is up to date',
  signing_key: 'the keys that sign for every tenant; read-only, and of no use without the master secret',
}

/** Tables whose tenant is vouched for by something else than a reference. */
const withoutReference: Readonly<Record<string, string>> = {
  submission_receipt: 'stored by submit_leads alone, under the lock of a quota row that has the reference',
}

/** Indexes that do not start with the tenant, because they find it. */
const lookUpIndexes: Readonly<Record<string, string>> = {
  mail_outbox_due: 'mail that is due names the tenant it is sent for',
  tenant_pkey: 'the id of a tenant is the tenant',
  tenant_slug_key: 'a slug names one tenant',
  tenant_allowed_origins: 'a CORS preflight names an origin and no tenant',
  tenant_domain_holder: 'a host answers for one tenant',
  tenant_platform: 'one tenant at most is the platform',
  api_key_lookup: 'a key names its tenant',
  form_lookup: 'a submission names its form alone',
  refresh_token_lookup: 'a refresh token names its tenant',
  one_time_token_lookup: 'a link in a mail names its tenant',
}

/**
 * Unique across tenants, so a conflict is visible to another tenant: only who keeps tenants can cause one, or who has
 * proven to control the domain.
 */
const sharedUniqueness: readonly string[] = [
  'tenant_pkey',
  'tenant_slug_key',
  'tenant_domain_holder',
  'tenant_platform',
]

/** Policies besides `tenant_isolation`: the one that lets rempart_auth look before a tenant is known. */
const lookUpPolicies: readonly string[] = [
  'mail_lookup on mail_outbox',
  'webhook_lookup on webhook',
  'webhook_lookup on webhook_delivery',
  'tenant_lookup on tenant',
  'tenant_lookup on tenant_domain',
  'api_key_lookup on api_key',
  'form_lookup on form',
  'policy_override_lookup on policy_override',
  'session_lookup on session',
  'session_lookup on user_account',
  'session_lookup on role',
  'session_lookup on role_assignment',
  'token_lookup on refresh_token',
  'audit_lookup on audit_event',
  'audit_lookup on audit_head',
  'token_lookup on one_time_token',
]

/** What rempart_intake may do to store a batch of several tenants: the commands of its policies, and its privileges. */
const intakePolicies: Readonly<Record<string, string>> = {
  tenant: 'SELECT',
  lead: 'INSERT',
  submission_receipt: 'ALL',
  quota_usage: 'ALL',
  intake_day: 'ALL',
  webhook: 'SELECT',
  webhook_delivery: 'INSERT',
}
const intakePrivileges: Readonly<Record<string, string>> = {
  lead: 'INSERT',
  submission_receipt: 'INSERT,SELECT',
  quota_usage: 'INSERT,SELECT,UPDATE',
  intake_day: 'INSERT,SELECT,UPDATE',
  webhook_delivery: 'INSERT',
}

/** Triggers, which run unseen: what keeps the owner of the tables, who needs no privilege, from changing the audit log. */
const appendOnly: readonly string[] = ['audit_event_append_only on audit_event', 'audit_head_append_only on audit_head']

/** Tables that the serving roles read, and may change in no way but these. */
const readOnlyTables: Readonly<Record<string, string>> = {
  audit_event: '',
  audit_head: 'rempart_worker INSERT',
}

/** The one function that adds to the audit log. */
const AUDIT_APPEND = 'audit_append(text,text,text,text,text,text,text,text,uuid,bytea,bytea)'

/** The one function that stores rows of several tenants at once. */
export const SUBMIT_LEADS =
  'submit_leads(uuid[],text[],integer[],integer[],uuid[],uuid[],integer[],text[],jsonb[],integer[],text[],boolean[],bytea[],bytea[],uuid[])'

/** Functions that run as another role than their caller: as whom, and who may call each. */
const definerFunctions: Readonly<Record<string, { readonly owner: string; readonly callers: string | null }>> = {
  'auth.find_tenant(text,text)': { owner: 'rempart_auth', callers: 'rempart_app,rempart_worker' },
  'auth.tenants_with_mail(integer)': { owner: 'rempart_auth', callers: 'rempart_worker' },
  // Of all tenants, for a transaction of the platform; nothing for any other.
  'auth.platform_tenants(integer,integer)': { owner: 'rempart_auth', callers: 'rempart_app' },
  'auth.webhooks_due(uuid[],integer)': { owner: 'rempart_auth', callers: 'rempart_worker' },
  'auth.list_tenants()': { owner: 'rempart_auth', callers: 'rempart_worker' },
  'auth.tenants_to_sign()': { owner: 'rempart_auth', callers: 'rempart_worker' },
  'auth.known_origins(text[])': { owner: 'rempart_auth', callers: 'rempart_app' },
  'auth.find_api_keys(text)': { owner: 'rempart_auth', callers: 'rempart_app,rempart_worker' },
  'auth.find_policy_overrides(uuid)': { owner: 'rempart_auth', callers: 'rempart_app' },
  'auth.any_policy_overrides()': { owner: 'rempart_auth', callers: 'rempart_app' },
  'auth.check_sessions(uuid[],uuid[])': { owner: 'rempart_auth', callers: 'rempart_app' },
  'auth.find_refresh_token_tenant(bytea)': { owner: 'rempart_auth', callers: 'rempart_app' },
  'auth.find_one_time_token_tenant(bytea,text)': { owner: 'rempart_auth', callers: 'rempart_app' },
  'auth.find_form_tenant(uuid)': { owner: 'rempart_auth', callers: 'rempart_app,rempart_worker' },
  // Tables are made and dropped by their owner alone: one makes the next days, the other drops days gone by.
  'make_security_event_days()': { owner: 'rempart_owner', callers: 'rempart_app,rempart_worker' },
  'drop_security_event_days(integer)': { owner: 'rempart_owner', callers: 'rempart_worker' },
  // The serving roles change no key but through these, which keep one active and one next.
  'turn_signing_keys(text)': { owner: 'rempart_owner', callers: 'rempart_app,rempart_worker' },
  'add_signing_key(text,text,text,jsonb,bytea)': { owner: 'rempart_owner', callers: 'rempart_app' },
  'reseal_signing_key(text,bytea,bytea)': { owner: 'rempart_owner', callers: 'rempart_app' },
  'hasten_signing_keys(text)': { owner: 'rempart_owner', callers: 'rempart_worker' },
  'end_signing_keys(text)': { owner: 'rempart_owner', callers: 'rempart_worker' },
  [AUDIT_APPEND]: { owner: 'rempart_audit', callers: 'rempart_app,rempart_worker' },
  [SUBMIT_LEADS]: { owner: 'rempart_intake', callers: 'rempart_app,rempart_worker' },
  // The part of it that stores; nobody calls it but the whole.
  [SUBMIT_LEADS.replace('submit_', 'store_')]: { owner: 'rempart_intake', callers: null },
}

/** What rempart_auth may read: exactly the columns its functions answer or compare with. */
const lookUpColumns: Readonly<Record<string, string>> = {
  audit_event: 'seq,tenant_id',
  audit_head: 'seq,tenant_id',
  mail_outbox: 'next_attempt_at,tenant_id',
  tenant: 'allowed_origins,created_at,id,is_active,is_platform,locale,mfa_required,name,slug,time_zone',
  tenant_domain: 'domain,tenant_id,verified_at',
  webhook: 'id,is_enabled,tenant_id',
  webhook_delivery: 'next_attempt_at,state,tenant_id,webhook_id',
  api_key: 'created_by,expires_at,id,last_used_at,lookup_id,networks,revoked_at,scopes,secret_hash,tenant_id',
  form: 'archived_at,id,published_version,tenant_id',
  policy_override: 'policy_id,rules,tenant_id',
  session:
    'aal,absolute_expires_at,amr,auth_time,id,idle_expires_at,last_seen_at,restriction,revoked_at,tenant_id,transport,user_id',
  user_account: 'deleted_at,erased_at,id,is_active,mfa_required,tenant_id',
  role: 'id,permissions,tenant_id',
  role_assignment: 'expires_at,role_id,tenant_id,user_id',
  refresh_token: 'tenant_id,token_hash',
  one_time_token: 'purpose,tenant_id,token_hash',
}

const tenantExpression = (column: string): string =>
  `(${column} = ( SELECT (NULLIF(current_setting('rempart.tenant_id'::text, true), ''::text))::uuid AS "nullif"))`

/** One promise: a query whose every row is a fault, with the parameters it takes. */
interface Check {
  readonly sql: string
  readonly values?: readonly unknown[]
}

// What an extension brought is its own affair.
const isOfExtension = (catalogue: string, object: string): string =>
  `exists (select from pg_depend e where e.classid = '${catalogue}'::regclass and e.objid = ${object}.oid and e.deptype = 'e')`
const relations = `pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname in ('public', 'auth')
  and not ${isOfExtension('pg_class', 'c')}`
const tenantTables = `${relations} and c.relkind in ('r', 'p') and c.relname <> all ($1)`
const tables = [Object.keys(withoutTenant)]
const functions = `pg_proc p join pg_namespace n on n.oid = p.pronamespace
  and n.nspname <> all (array['pg_catalog', 'information_schema']) and not ${isOfExtension('pg_proc', 'p')}`
const leadingColumn = `(select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum = i.indkey[0])`

const checks: readonly Check[] = [
  {
    sql: `select c.relname || ' has no tenant_id uuid not null' as fault from ${tenantTables} and c.relname <> 'tenant'
      and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id'
                      and a.atttypid = 'uuid'::regtype and a.attnotnull)`,
    values: tables,
  },
  {
    sql: `select c.relname || ' is not under forced row-level security' as fault
      from ${tenantTables} and not (c.relrowsecurity and c.relforcerowsecurity)`,
    values: tables,
  },
  {
    sql: `select c.relname || ' lacks the policy tenant_isolation as it must be' as fault from ${tenantTables}
      and not exists (
        select from pg_policies p where p.schemaname = n.nspname and p.tablename = c.relname
          and p.policyname = 'tenant_isolation' and p.permissive = 'PERMISSIVE' and p.cmd = 'ALL'
          and p.roles = array['rempart_app', 'rempart_worker']::name[]
          and p.qual = case c.relname when 'tenant' then $2 else $3 end and p.with_check = p.qual)`,
    values: [...tables, tenantExpression('id'), tenantExpression('tenant_id')],
  },
  {
    sql: `select 'unexpected policy ' || policyname || ' on ' || tablename as fault from pg_policies
      where policyname <> 'tenant_isolation' and not (
        policyname || ' on ' || tablename = any ($1) and cmd = 'SELECT' and roles = array['rempart_auth']::name[]
        or policyname = 'submission_intake' and cmd is not distinct from $2::jsonb ->> tablename
          and roles = array['rempart_intake']::name[]
        or policyname = 'audit_chain' and tablename = 'audit_event' and cmd = 'ALL'
          and roles = array['rempart_audit']::name[] and qual = $3 and with_check = qual)`,
    values: [lookUpPolicies, JSON.stringify(intakePolicies), tenantExpression('tenant_id')],
  },
  {
    sql: `select c.relname || ' has no primary key that starts with the tenant' as fault from ${tenantTables}
      and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary
                      and ${leadingColumn} = case c.relname when 'tenant' then 'id' else 'tenant_id' end)`,
    values: tables,
  },
  {
    sql: `select 'the index ' || x.relname || ' does not start with tenant_id' as fault
      from ${relations} join pg_index i on i.indrelid = c.oid join pg_class x on x.oid = i.indexrelid
      where c.relname <> all ($1) and ${leadingColumn} is distinct from 'tenant_id' and x.relname <> all ($2)`,
    values: [...tables, Object.keys(lookUpIndexes)],
  },
  {
    sql: `select 'the unique index ' || x.relname || ' spans tenants' as fault
      from ${relations} join pg_index i on i.indrelid = c.oid join pg_class x on x.oid = i.indexrelid
      where (i.indisunique or i.indisexclusion) and c.relname <> all ($1) and x.relname <> all ($2)
        and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id'
                        and a.attnum = any (i.indkey[0 : i.indnkeyatts - 1]))`,
    values: [...tables, sharedUniqueness],
  },
  {
    sql: `select k.conrelid::regclass || ' refers to ' || k.confrelid::regclass || ' without its tenant' as fault
      from pg_constraint k where k.contype = 'f' and k.connamespace <> 'pgboss'::regnamespace and not exists (
        select from unnest(k.conkey, k.confkey) as pair (own, their)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = pair.own
        join pg_attribute b on b.attrelid = k.confrelid and b.attnum = pair.their
        where a.attname = 'tenant_id' and b.attname = case k.confrelid::regclass::text when 'tenant' then 'id' else 'tenant_id' end)`,
  },
  {
    sql: `select c.relname || ' may hold rows of a tenant that does not exist' as fault from ${tenantTables}
      and c.relname <> 'tenant' and c.relname <> all ($2)
      and not exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'f')`,
    values: [...tables, Object.keys(withoutReference)],
  },
  {
    sql: `select 'the ' || case c.relkind when 'v' then 'view ' else 'relation ' end || c.relname || ' goes round row-level security' as fault
      from ${relations} where c.relkind in ('m', 'f')
        or c.relkind = 'v' and not coalesce(c.reloptions @> array['security_invoker=true'], false)`,
  },
  {
    sql: `select 'the sequence ' || c.relname || ' counts for all tenants' as fault from ${relations} where c.relkind = 'S'`,
  },
  {
    sql: `select 'rules or triggers on ' || c.relname || ' run unseen' as fault from ${relations}
      where c.relkind in ('r', 'p') and (c.relhasrules
        or exists (select from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal
                   and t.tgname || ' on ' || c.relname <> all ($1)))`,
    values: [appendOnly],
  },
  {
    sql: `select 'the audit log can be changed: ' || name || ' is not as it must be' as fault from unnest($1::text[]) as name
      where not exists (select from pg_trigger t join pg_proc p on p.oid = t.tgfoid
        where t.tgname || ' on ' || t.tgrelid::regclass = name and t.tgenabled = 'O' and p.proname = 'refuse_audit_change'
          and t.tgtype = 58 and t.tgqual is null)`,
    values: [appendOnly],
  },
  {
    sql: `select g.grantee::regrole || ' may ' || g.privilege_type || ' ' || c.relname as fault
      from ${relations} cross join aclexplode(c.relacl) g
      where g.grantee in ('rempart_app'::regrole, 'rempart_worker'::regrole) and g.privilege_type <> 'SELECT'
        and ($1::jsonb ->> c.relname) is not null
        and g.grantee::regrole || ' ' || g.privilege_type is distinct from $1::jsonb ->> c.relname`,
    values: [JSON.stringify(readOnlyTables)],
  },
  {
    sql: `select c.relname || ' belongs to ' || c.relowner::regrole as fault from ${relations}
      where c.relkind not in ('i', 'I') and c.relowner <> 'rempart_owner'::regrole`,
  },
  {
    sql: `select coalesce(nullif(g.grantee, 0)::regrole::text, 'PUBLIC') || ' may ' || g.privilege_type || ' ' || c.relname as fault
      from ${relations} cross join aclexplode(c.relacl) g where g.grantee <> c.relowner and not (
        g.grantee in ('rempart_app'::regrole, 'rempart_worker'::regrole) and not g.is_grantable
        and g.privilege_type = any (case when c.relname = any ($1) then array['SELECT']
                                    else array['SELECT', 'INSERT', 'UPDATE', 'DELETE'] end)
        or g.grantee = 'rempart_intake'::regrole and not g.is_grantable
        and g.privilege_type = any (string_to_array($2::jsonb ->> c.relname, ','))
        or g.grantee = 'rempart_audit'::regrole and not g.is_grantable
        and c.relname = 'audit_event' and g.privilege_type = 'INSERT')`,
    values: [...tables, JSON.stringify(intakePrivileges)],
  },
  {
    sql: `select coalesce(nullif(g.grantee, 0)::regrole::text, 'PUBLIC') || ' may ' || g.privilege_type || ' ' || c.relname || '.' || a.attname as fault
      from ${relations} join pg_attribute a on a.attrelid = c.oid cross join aclexplode(a.attacl) g
      where g.is_grantable or not (
        g.grantee in ('rempart_app'::regrole, 'rempart_worker'::regrole) and g.privilege_type in ('SELECT', 'INSERT', 'UPDATE')
        or g.grantee = 'rempart_auth'::regrole and g.privilege_type = 'SELECT'
        or g.grantee = 'rempart_intake'::regrole and g.privilege_type = 'SELECT'
          and (c.relname = 'tenant' and a.attname in ('id', 'max_leads_per_month')
               or c.relname = 'webhook' and a.attname in ('tenant_id', 'id', 'is_enabled', 'events'))
        or g.grantee = 'rempart_audit'::regrole and g.privilege_type = 'SELECT'
          and c.relname = 'audit_event' and a.attname in ('tenant_id', 'seq', 'hash', 'at'))`,
  },
  {
    sql: `select 'rempart_auth reads ' || c.relname || ' (' || string_agg(a.attname, ',' order by a.attname) || ')' as fault
      from ${relations} join pg_attribute a on a.attrelid = c.oid cross join aclexplode(a.attacl) g
      where g.grantee = 'rempart_auth'::regrole group by c.relname
      having string_agg(a.attname, ',' order by a.attname) is distinct from $1::jsonb ->> c.relname`,
    values: [JSON.stringify(lookUpColumns)],
  },
  // The days of the security events: reached through the table, whose row-level security then judges, or not at all.
  {
    sql: `select distinct 'a day of security events is not closed to everybody' as fault from pg_class c
      where c.relnamespace = 'security_event_days'::regnamespace and c.relkind not in ('i', 'I') and (
        c.relowner <> 'rempart_owner'::regrole or not (c.relrowsecurity and c.relforcerowsecurity)
        or not exists (select from pg_inherits i where i.inhrelid = c.oid and i.inhparent = 'public.security_event'::regclass)
        or exists (select from pg_policy p where p.polrelid = c.oid)
        or exists (select from aclexplode(c.relacl) g where g.grantee <> c.relowner)
        or exists (select from pg_attribute a where a.attrelid = c.oid and a.attacl is not null))`,
  },
  {
    sql: `select 'somebody may use the schema security_event_days' as fault from pg_namespace n
      where n.nspname = 'security_event_days'
        and exists (select from aclexplode(n.nspacl) g where g.grantee <> 'rempart_owner'::regrole)`,
  },
  // The counters of the guard: no tenant's rows, and keyed hashes for keys. Only who serves may reach them.
  {
    sql: `select c.relname || ' of the guard belongs to ' || c.relowner::regrole as fault from pg_class c
      where c.relnamespace = 'rempart_guard'::regnamespace and c.relowner <> 'rempart_owner'::regrole`,
  },
  {
    sql: `select coalesce(nullif(g.grantee, 0)::regrole::text, 'PUBLIC') || ' may ' || g.privilege_type || ' ' || g.name as fault
      from (
        select c.relname::text as name, a.grantee, a.privilege_type, a.is_grantable,
          array['SELECT', 'INSERT', 'UPDATE', 'DELETE'] as fitting
        from pg_class c cross join aclexplode(c.relacl) a where c.relnamespace = 'rempart_guard'::regnamespace
        union all
        select p.oid::regprocedure::text, a.grantee, a.privilege_type, a.is_grantable, array['EXECUTE']
        from pg_proc p cross join aclexplode(p.proacl) a where p.pronamespace = 'rempart_guard'::regnamespace
        union all
        select 'the schema ' || n.nspname, a.grantee, a.privilege_type, a.is_grantable, array['USAGE']
        from pg_namespace n cross join aclexplode(n.nspacl) a where n.nspname = 'rempart_guard') g
      where g.grantee <> 'rempart_owner'::regrole
        and (g.grantee <> 'rempart_app'::regrole or g.is_grantable or g.privilege_type <> all (g.fitting))`,
  },
  {
    sql: `select c.relname || ' of the guard has a column that may be granted by itself' as fault
      from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relnamespace = 'rempart_guard'::regnamespace and a.attacl is not null`,
  },
  // What pg-boss keeps: names of jobs and no tenant's data. Only the worker may reach it.
  {
    sql: `select coalesce(nullif(g.grantee, 0)::regrole::text, 'PUBLIC') || ' may ' || g.privilege_type || ' ' || g.name as fault
      from (
        select c.relname::text as name, a.grantee, a.privilege_type, a.is_grantable
        from pg_class c cross join aclexplode(c.relacl) a where c.relnamespace = 'pgboss'::regnamespace
        union all
        select p.oid::regprocedure::text, a.grantee, a.privilege_type, a.is_grantable
        from pg_proc p cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where p.pronamespace = 'pgboss'::regnamespace
        union all
        select 'the schema ' || n.nspname, a.grantee, a.privilege_type, a.is_grantable
        from pg_namespace n cross join aclexplode(n.nspacl) a where n.nspname = 'pgboss') g
      where g.grantee <> 'rempart_owner'::regrole
        and (g.grantee <> 'rempart_worker'::regrole or g.is_grantable
             or g.privilege_type <> all (array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'EXECUTE', 'USAGE']))`,
  },
  {
    sql: `select c.relname || ' of the jobs belongs to ' || c.relowner::regrole as fault from pg_class c
      where c.relnamespace = 'pgboss'::regnamespace and c.relowner <> 'rempart_owner'::regrole`,
  },
  {
    sql: `select 'the definer function ' || p.oid::regprocedure || ' is not on the list' as fault
      from ${functions} where p.prosecdef and p.oid::regprocedure::text <> all ($1)`,
    values: [Object.keys(definerFunctions)],
  },
  {
    sql: `select 'the definer function ' || p.oid::regprocedure || ' runs as ' || p.proowner::regrole as fault
      from ${functions} where p.prosecdef
        and p.proowner::regrole::text is distinct from $1::jsonb -> p.oid::regprocedure::text ->> 'owner'`,
    values: [JSON.stringify(definerFunctions)],
  },
  {
    sql: `select k.proowner || ' owns ' || k.name as fault from (
        select p.proowner::regrole::text as proowner, p.oid::regprocedure::text as name from ${functions}) k
      where k.proowner in ('rempart_auth', 'rempart_intake', 'rempart_audit')
        and k.proowner is distinct from $1::jsonb -> k.name ->> 'owner'`,
    values: [JSON.stringify(definerFunctions)],
  },
  {
    sql: `select p.oid::regprocedure || ' has no empty search path of its own' as fault
      from ${functions} where not coalesce(p.proconfig @> array['search_path=""'], false)`,
  },
  {
    sql: `select 'anybody may call ' || p.oid::regprocedure as fault from ${functions}
      where exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g where g.grantee = 0)`,
  },
  {
    sql: `select p.oid::regprocedure || ' may be called by ' || coalesce(callers.names, 'nobody') as fault
      from ${functions} cross join lateral (
        select string_agg(g.grantee::regrole::text, ',' order by g.grantee::regrole::text) as names
        from aclexplode(p.proacl) g where g.grantee not in (0, p.proowner)) callers
      where p.prosecdef and callers.names is distinct from $1::jsonb -> p.oid::regprocedure::text ->> 'callers'`,
    values: [JSON.stringify(definerFunctions)],
  },
  {
    sql: `select p.oid::regprocedure || ' is leakproof or of an untrusted language' as fault from ${functions}
      join pg_language l on l.oid = p.prolang where p.proleakproof or l.lanname not in ('sql', 'plpgsql')`,
  },
  {
    sql: `select rolname || ' has powers it must not have' as fault from pg_roles
      where rolname in ('rempart_app', 'rempart_worker', 'rempart_auth', 'rempart_intake', 'rempart_audit', 'rempart_owner')
        and (rolsuper or rolbypassrls or rolcreaterole or rolreplication or rolcreatedb and rolname <> 'rempart_owner'
             or rolcanlogin = (rolname in ('rempart_auth', 'rempart_intake', 'rempart_audit')))`,
  },
  {
    sql: `select m.member::regrole || ' is a member of ' || m.roleid::regrole as fault from pg_auth_members m
      where m.member in ('rempart_app'::regrole, 'rempart_worker'::regrole, 'rempart_auth'::regrole, 'rempart_intake'::regrole,
                         'rempart_audit'::regrole, 'rempart_owner'::regrole)
        and not (m.member = 'rempart_owner'::regrole
                 and m.roleid in ('rempart_auth'::regrole, 'rempart_intake'::regrole, 'rempart_audit'::regrole))`,
  },
  {
    sql: `select m.member::regrole || ' may become ' || m.roleid::regrole as fault from pg_auth_members m
      where m.roleid in ('rempart_app'::regrole, 'rempart_worker'::regrole, 'rempart_auth'::regrole, 'rempart_intake'::regrole,
                         'rempart_audit'::regrole)
        and m.member <> 'rempart_owner'::regrole
        -- From PostgreSQL 16 on, who makes a role is a member of it that neither inherits nor becomes it.
        and (coalesce((to_jsonb(m) ->> 'set_option')::boolean, true) or coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true))`,
  },
  {
    sql: `select r.name || ' may create in the schema ' || n.nspname as fault
      from pg_namespace n cross join unnest(array['rempart_app', 'rempart_worker', 'rempart_auth', 'rempart_intake', 'rempart_audit']) as r (name)
      where n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema' and has_schema_privilege(r.name, n.oid, 'create')`,
  },
  {
    sql: `select 'anybody may use the schema auth' as fault from pg_namespace n cross join aclexplode(n.nspacl) g
      where n.nspname = 'auth' and g.grantee = 0`,
  },
  {
    sql: `select r.name || ' may ' || k.kind || ' in the database' as fault
      from unnest(array['rempart_app', 'rempart_worker', 'rempart_auth', 'rempart_intake', 'rempart_audit']) as r (name)
      cross join unnest(array['create', 'temporary']) as k (kind)
      where has_database_privilege(r.name, current_database(), k.kind)`,
  },
  { sql: `select 'default privileges for ' || defaclrole::regrole as fault from pg_default_acl` },
  {
    sql: `select 'a setting that stays: ' || entry as fault from pg_db_role_setting s cross join unnest(s.setconfig) as entry
      where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
        and split_part(entry, '=', 1) similar to 'rempart.%|role|row_security|search_path|session_%'`,
  },
]

/**
 * Holds the catalogue of a database against what isolation rests on.
 *
 * @param database - any login on a migrated database.
 * @returns one sentence per fault; none when all is well.
 */
export async function catalogueFaults(database: Pick<pg.Pool, 'query'>): Promise<readonly string[]> {
  const faults: string[] = []
  for (const { sql, values = [] } of checks) {
    const result = await database.query<{ fault: string }>(sql, [...values])
    faults.push(...result.rows.map((row) => row.fault))
  }
  return faults
}
