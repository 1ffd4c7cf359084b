-- What a tenant has otherwise than the installation: figures of rules, within what the operator allows.
create table policy_override (
  tenant_id uuid not null references tenant (id),
  policy_id text not null check (length(policy_id) between 1 and 64),
  rules jsonb not null check (jsonb_typeof(rules) = 'object'),
  version integer not null default 1 check (version > 0),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, policy_id)
);
comment on column policy_override.rules is 'By rule id, the fields that replace the rule''s own. Judged again whenever it is put in force.';
comment on column policy_override.version is 'Grows with each change, from 1 on.';

alter table policy_override enable row level security;
alter table policy_override force row level security;
create policy tenant_isolation on policy_override as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on policy_override to rempart_app, rempart_worker;

-- The guard asks for them with the tenant, before any transaction of the tenant's.
grant select (tenant_id, policy_id, rules) on policy_override to rempart_auth;
create policy policy_override_lookup on policy_override as permissive for select to rempart_auth using (true);

create function auth.find_policy_overrides(p_tenant_id uuid) returns jsonb
language sql stable security definer set search_path = ''
as $$
  select jsonb_object_agg(o.policy_id, o.rules order by o.policy_id)
  from public.policy_override o where o.tenant_id = p_tenant_id
$$;
comment on function auth.find_policy_overrides is 'By policy id, what a tenant has otherwise; null for nothing.';

create function auth.any_policy_overrides() returns boolean
language sql stable security definer set search_path = ''
as $$ select exists (select from public.policy_override) $$;
comment on function auth.any_policy_overrides is 'Whether any tenant has anything otherwise: if not, nobody''s need be looked up before a limit.';

revoke all on function auth.find_policy_overrides(uuid), auth.any_policy_overrides() from public;
grant execute on function auth.find_policy_overrides(uuid), auth.any_policy_overrides() to rempart_app;
grant create on schema auth to rempart_auth;
alter function auth.find_policy_overrides(uuid) owner to rempart_auth;
alter function auth.any_policy_overrides() owner to rempart_auth;
revoke create on schema auth from rempart_auth;
