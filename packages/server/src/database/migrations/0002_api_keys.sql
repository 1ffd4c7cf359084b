-- API keys: the secret is stored as SHA-256 only; the look-up part finds the row before the tenant is known.
create table api_key (
  tenant_id uuid not null references tenant (id),
  id uuid not null,
  lookup_id text not null check (length(lookup_id) = 10),
  secret_hash bytea not null check (length(secret_hash) = 32),
  name text not null check (length(name) between 1 and 200),
  scopes text[] not null check (cardinality(scopes) between 1 and 50),
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, lookup_id)
);
comment on column api_key.lookup_id is 'The public part of the key, between its prefix and its secret.';
comment on column api_key.last_used_at is 'Within a minute of the last use.';
create index api_key_lookup on api_key (lookup_id);

alter table api_key enable row level security;
alter table api_key force row level security;
create policy tenant_isolation on api_key as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update on api_key to rempart_app, rempart_worker;

grant select (tenant_id, id, lookup_id, secret_hash, scopes, expires_at, revoked_at, last_used_at) on api_key to rempart_auth;
create policy api_key_lookup on api_key as permissive for select to rempart_auth using (true);

create function auth.find_api_keys(p_lookup_id text)
returns table (tenant_id uuid, id uuid, secret_hash bytea, scopes text[], last_used_at timestamptz, tenant_is_active boolean)
language sql stable security definer set search_path = ''
as $$
  select k.tenant_id, k.id, k.secret_hash, k.scopes, k.last_used_at, t.is_active
  from public.api_key k join public.tenant t on t.id = k.tenant_id
  where k.lookup_id = p_lookup_id and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
$$;
comment on function auth.find_api_keys is 'The usable keys of a look-up part: one, or by a rare accident more. The caller compares the secret.';

revoke all on function auth.find_api_keys(text) from public;
grant execute on function auth.find_api_keys(text) to rempart_app, rempart_worker;
grant create on schema auth to rempart_auth;
alter function auth.find_api_keys(text) owner to rempart_auth;
revoke create on schema auth from rempart_auth;
