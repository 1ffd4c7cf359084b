-- People, what they sign in with, their sessions, and what their roles allow them.
create table user_account (
  tenant_id uuid not null references tenant (id),
  id uuid not null,
  email text not null check (length(email) between 3 and 254),
  email_norm text not null check (email_norm = lower(email_norm)),
  name text check (length(name) between 1 and 200),
  locale text not null default 'en' check (locale in ('en', 'fr')),
  is_active boolean not null default true,
  email_verified_at timestamptz,
  mfa_required boolean not null default false,
  last_login_at timestamptz,
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  erased_at timestamptz,
  primary key (tenant_id, id)
);
comment on table user_account is 'A person of one tenant. The same address in two tenants is two people.';
comment on column user_account.email_norm is 'What makes two addresses the same one: lower case throughout.';
comment on column user_account.deleted_at is 'Deleted, and restorable until it is purged.';
comment on column user_account.erased_at is 'Nothing personal is left of it; the row stays for what refers to it.';
create unique index user_account_email on user_account (tenant_id, email_norm) where deleted_at is null and erased_at is null;
create index user_account_newest on user_account (tenant_id, created_at desc, id desc);

alter table user_account enable row level security;
alter table user_account force row level security;
create policy tenant_isolation on user_account as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on user_account to rempart_app, rempart_worker;

create table password_credential (
  tenant_id uuid not null,
  user_id uuid not null,
  hash text not null check (length(hash) between 20 and 400),
  changed_at timestamptz not null default now(),
  primary key (tenant_id, user_id),
  foreign key (tenant_id, user_id) references user_account (tenant_id, id) on delete cascade
);
comment on column password_credential.hash is 'PHC string: Argon2id, or bcrypt of an older system until its owner signs in.';

alter table password_credential enable row level security;
alter table password_credential force row level security;
create policy tenant_isolation on password_credential as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on password_credential to rempart_app, rempart_worker;

create table session (
  tenant_id uuid not null,
  id uuid not null,
  user_id uuid not null,
  aal smallint not null default 1 check (aal in (1, 2)),
  amr text[] not null,
  auth_time timestamptz not null,
  transport text not null default 'bearer' check (transport in ('bearer', 'cookie')),
  restriction text check (restriction in ('enrol-mfa')),
  device_label text check (length(device_label) between 1 and 200),
  client_sealed bytea,
  created_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  idle_expires_at timestamptz not null,
  absolute_expires_at timestamptz not null,
  revoked_at timestamptz,
  revoked_reason text check (length(revoked_reason) between 1 and 64),
  primary key (tenant_id, id),
  foreign key (tenant_id, user_id) references user_account (tenant_id, id) on delete cascade
);
comment on table session is 'The truth about who is signed in: a token without a living session is worth nothing.';
comment on column session.aal is 'Authenticator assurance level (NIST SP 800-63B): 2 once a second factor was shown.';
comment on column session.amr is 'How the person proved who they are (RFC 8176): pwd, otp, hwk, fed …';
comment on column session.auth_time is 'When the person last proved it.';
comment on column session.restriction is 'What the session is for alone; null: for everything.';
comment on column session.client_sealed is 'Address and User-Agent, encrypted; shown to their owner.';
comment on column session.last_seen_at is 'Within a minute of the last use.';
create index session_of_user on session (tenant_id, user_id, created_at desc);
create index session_expiry on session (tenant_id, absolute_expires_at);

alter table session enable row level security;
alter table session force row level security;
create policy tenant_isolation on session as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on session to rempart_app, rempart_worker;

create table refresh_token (
  tenant_id uuid not null,
  token_hash bytea not null check (length(token_hash) = 32),
  session_id uuid not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  successor_hash bytea check (length(successor_hash) = 32),
  sealed_successor bytea,
  primary key (tenant_id, token_hash),
  foreign key (tenant_id, session_id) references session (tenant_id, id) on delete cascade
);
comment on table refresh_token is 'Each is used once. A used one that comes back ends its session.';
comment on column refresh_token.sealed_successor is 'The next token, readable by who holds this one: a lost answer is answered again.';
create index refresh_token_of_session on refresh_token (tenant_id, session_id);
create index refresh_token_lookup on refresh_token (token_hash);

alter table refresh_token enable row level security;
alter table refresh_token force row level security;
create policy tenant_isolation on refresh_token as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on refresh_token to rempart_app, rempart_worker;

create table one_time_token (
  tenant_id uuid not null references tenant (id),
  token_hash bytea not null check (length(token_hash) = 32),
  purpose text not null check (purpose in
    ('verify-email', 'change-email', 'reset-password', 'mfa-challenge', 'invitation', 'oauth-state', 'oauth-registration', 'passkey-challenge', 'bootstrap')),
  user_id uuid,
  data jsonb not null default '{}' check (jsonb_typeof(data) = 'object'),
  tries smallint not null default 0,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  primary key (tenant_id, token_hash),
  foreign key (tenant_id, user_id) references user_account (tenant_id, id) on delete cascade
);
comment on table one_time_token is 'What is good for one thing, once: it is deleted by the statement that uses it.';
create index one_time_token_of_user on one_time_token (tenant_id, user_id, purpose);
create index one_time_token_lookup on one_time_token (token_hash);

alter table one_time_token enable row level security;
alter table one_time_token force row level security;
create policy tenant_isolation on one_time_token as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on one_time_token to rempart_app, rempart_worker;

create table role (
  tenant_id uuid not null references tenant (id),
  id uuid not null,
  code text not null check (code ~ '^[a-z][a-z0-9-]{0,62}$'),
  name text not null check (length(name) between 1 and 100),
  permissions text[] not null check (cardinality(permissions) <= 100),
  is_system boolean not null default false,
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (tenant_id, code)
);
comment on column role.permissions is 'Codes of what its holders may do; * is everything within the tenant.';
comment on column role.is_system is 'Made with the tenant; neither changed nor deleted.';

alter table role enable row level security;
alter table role force row level security;
create policy tenant_isolation on role as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on role to rempart_app, rempart_worker;

create table role_assignment (
  tenant_id uuid not null,
  id uuid not null,
  user_id uuid not null,
  role_id uuid not null,
  granted_by text not null check (length(granted_by) between 1 and 100),
  reason text check (length(reason) between 1 and 500),
  expires_at timestamptz,
  created_at timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (tenant_id, user_id, role_id),
  foreign key (tenant_id, user_id) references user_account (tenant_id, id) on delete cascade,
  foreign key (tenant_id, role_id) references role (tenant_id, id)
);
comment on column role_assignment.granted_by is 'user:<id>, api-key:<id>, invitation:<id> or operator:cli.';
comment on column role_assignment.expires_at is 'From then on it gives nothing, to the second; null: until it is taken away.';
create index role_assignment_of_role on role_assignment (tenant_id, role_id);

alter table role_assignment enable row level security;
alter table role_assignment force row level security;
create policy tenant_isolation on role_assignment as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on role_assignment to rempart_app, rempart_worker;

-- Sessions are checked before any transaction of their tenant, many in one call.
grant select (tenant_id, id, user_id, aal, amr, auth_time, transport, restriction, last_seen_at, idle_expires_at, absolute_expires_at, revoked_at)
  on session to rempart_auth;
grant select (tenant_id, id, is_active, mfa_required, deleted_at, erased_at) on user_account to rempart_auth;
grant select (tenant_id, id, permissions) on role to rempart_auth;
grant select (tenant_id, user_id, role_id, expires_at) on role_assignment to rempart_auth;
grant select (tenant_id, token_hash) on refresh_token to rempart_auth;
grant select (tenant_id, token_hash, purpose) on one_time_token to rempart_auth;
create policy session_lookup on session as permissive for select to rempart_auth using (true);
create policy session_lookup on user_account as permissive for select to rempart_auth using (true);
create policy session_lookup on role as permissive for select to rempart_auth using (true);
create policy session_lookup on role_assignment as permissive for select to rempart_auth using (true);
create policy token_lookup on refresh_token as permissive for select to rempart_auth using (true);
create policy token_lookup on one_time_token as permissive for select to rempart_auth using (true);

create function auth.check_sessions(p_tenant_ids uuid[], p_ids uuid[])
returns table (id uuid, tenant_id uuid, user_id uuid, aal smallint, amr text[], auth_time timestamptz, transport text,
               restriction text, last_seen_at timestamptz, permissions text[], tenant_is_active boolean, needed_aal smallint)
language plpgsql stable security definer set search_path = ''
-- Planned once per connection, by the keys: PostgreSQL would plan it anew for each call, at five times its cost.
set plan_cache_mode = 'force_generic_plan' set enable_seqscan = 'off'
as $$
#variable_conflict use_column
begin
  return query
  -- Each by its whole key, whatever the planner believes of the tables: "offset 0" keeps the look-ups apart.
  select s.id, s.tenant_id, s.user_id, s.aal, s.amr, s.auth_time, s.transport, s.restriction, s.last_seen_at,
    array(
      select distinct p.code
      from public.role_assignment a
      cross join lateral (
        select r.permissions from public.role r where r.tenant_id = a.tenant_id and r.id = a.role_id offset 0) r
      cross join unnest(r.permissions) as p (code)
      where a.tenant_id = s.tenant_id and a.user_id = s.user_id and (a.expires_at is null or a.expires_at > now())),
    t.is_active, (case when t.mfa_required or u.mfa_required then 2 else 1 end)::smallint
  from unnest(p_tenant_ids, p_ids) as k (tenant_id, id)
  cross join lateral (
    select s.id, s.tenant_id, s.user_id, s.aal, s.amr, s.auth_time, s.transport, s.restriction, s.last_seen_at,
      s.revoked_at, s.absolute_expires_at, s.idle_expires_at
    from public.session s where s.tenant_id = k.tenant_id and s.id = k.id offset 0) s
  cross join lateral (
    select u.is_active, u.deleted_at, u.erased_at, u.mfa_required from public.user_account u
    where u.tenant_id = s.tenant_id and u.id = s.user_id offset 0) u
  cross join lateral (select t.is_active, t.mfa_required from public.tenant t where t.id = s.tenant_id offset 0) t
  where s.revoked_at is null and s.absolute_expires_at > now() and s.idle_expires_at > now()
    and u.is_active and u.deleted_at is null and u.erased_at is null;
end
$$;
comment on function auth.check_sessions is 'Those of these sessions that are alive, with what their people may do now.';

create function auth.find_refresh_token_tenant(p_hash bytea) returns uuid
language sql stable security definer set search_path = ''
as $$ select r.tenant_id from public.refresh_token r where r.token_hash = p_hash $$;
comment on function auth.find_refresh_token_tenant is 'Whose a refresh token is; null for nobody''s.';

create function auth.find_one_time_token_tenant(p_hash bytea, p_purpose text) returns uuid
language sql stable security definer set search_path = ''
as $$ select o.tenant_id from public.one_time_token o where o.token_hash = p_hash and o.purpose = p_purpose $$;
comment on function auth.find_one_time_token_tenant is 'Whose a token of this purpose is; null for nobody''s.';

revoke all on function auth.check_sessions(uuid[], uuid[]), auth.find_refresh_token_tenant(bytea),
  auth.find_one_time_token_tenant(bytea, text) from public;
grant execute on function auth.check_sessions(uuid[], uuid[]), auth.find_refresh_token_tenant(bytea),
  auth.find_one_time_token_tenant(bytea, text) to rempart_app;
grant create on schema auth to rempart_auth;
alter function auth.check_sessions(uuid[], uuid[]) owner to rempart_auth;
alter function auth.find_refresh_token_tenant(bytea) owner to rempart_auth;
alter function auth.find_one_time_token_tenant(bytea, text) owner to rempart_auth;
revoke create on schema auth from rempart_auth;
