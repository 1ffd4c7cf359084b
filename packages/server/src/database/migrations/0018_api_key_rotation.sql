-- Keys that people make: bound to what their maker may do, to networks, and replaced with an overlap. And how they are used.
alter table api_key
  add column created_by uuid,
  add column networks text[] not null default '{}' check (cardinality(networks) <= 20),
  add column rotated_from uuid,
  add column grace_until timestamptz,
  add foreign key (tenant_id, created_by) references user_account (tenant_id, id) on delete cascade,
  add foreign key (tenant_id, rotated_from) references api_key (tenant_id, id) on delete set null (rotated_from);
comment on column api_key.created_by is 'The person who made it, and without whose rights it is worth nothing; null: the command line.';
comment on column api_key.networks is 'CIDR blocks it may be used from; none: from anywhere.';
comment on column api_key.rotated_from is 'The key that this one takes the place of.';
comment on column api_key.grace_until is 'Set once it was replaced: it expires then; null: not replaced.';
create index api_key_of_creator on api_key (tenant_id, created_by);
create index api_key_successor on api_key (tenant_id, rotated_from);

create table api_key_usage (
  tenant_id uuid not null,
  key_id uuid not null,
  day date not null,
  endpoint text not null check (length(endpoint) between 1 and 64),
  status_class smallint not null check (status_class between 1 and 5),
  count bigint not null check (count > 0),
  primary key (tenant_id, key_id, day, endpoint, status_class),
  foreign key (tenant_id, key_id) references api_key (tenant_id, id) on delete cascade
);
comment on table api_key_usage is 'Calls with a key that were let in, by the day in UTC; within a few seconds.';
comment on column api_key_usage.endpoint is 'The group of operations: contact, forms, leads …';
comment on column api_key_usage.status_class is '2 for 200 to 299, and so on.';

alter table api_key_usage enable row level security;
alter table api_key_usage force row level security;
create policy tenant_isolation on api_key_usage as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on api_key_usage to rempart_app, rempart_worker;

grant select (created_by, networks) on api_key to rempart_auth;

drop function auth.find_api_keys(text);
create function auth.find_api_keys(p_lookup_id text)
returns table (tenant_id uuid, id uuid, secret_hash bytea, scopes text[], networks text[], last_used_at timestamptz,
               tenant_is_active boolean, is_usable boolean)
language plpgsql stable security definer set search_path = ''
-- Planned once per connection, by the keys: see auth.check_sessions.
set plan_cache_mode = 'force_generic_plan' set enable_seqscan = 'off'
as $$
#variable_conflict use_column
begin
  return query
  select k.tenant_id, k.id, k.secret_hash,
    case when k.created_by is null then k.scopes else array(
      select s.code from unnest(k.scopes) as s (code) where exists (
        select from public.role_assignment a
        cross join lateral (
          select r.permissions from public.role r where r.tenant_id = a.tenant_id and r.id = a.role_id offset 0) r
        where a.tenant_id = k.tenant_id and a.user_id = k.created_by and (a.expires_at is null or a.expires_at > now())
          and r.permissions && array[s.code, '*'])) end,
    k.networks, k.last_used_at, t.is_active,
    k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
      and (k.created_by is null or exists (
        select from public.user_account u where u.tenant_id = k.tenant_id and u.id = k.created_by
          and u.is_active and u.deleted_at is null and u.erased_at is null))
  from public.api_key k join public.tenant t on t.id = k.tenant_id
  where k.lookup_id = p_lookup_id;
end
$$;
comment on function auth.find_api_keys is 'The keys of a look-up part: one, or by a rare accident more, each with the scopes that its maker still has, and whether it may still be used. The caller compares the secret.';

revoke all on function auth.find_api_keys(text) from public;
grant execute on function auth.find_api_keys(text) to rempart_app, rempart_worker;
grant create on schema auth to rempart_auth;
alter function auth.find_api_keys(text) owner to rempart_auth;
revoke create on schema auth from rempart_auth;
