-- The platform: the tenant whose people keep the others, each by a grant that says why, and ends.
alter table tenant add column is_platform boolean not null default false;
comment on column tenant.is_platform is 'The one tenant whose people may keep the others. Set on the command line alone.';
create unique index tenant_platform on tenant (is_platform) where is_platform;
-- What the API may make and change of a tenant, as that tenant. Whether it is the platform is not among it.
grant insert (id, slug, name, locale, time_zone) on tenant to rempart_app;
grant update (name, locale, time_zone, allowed_origins, is_active) on tenant to rempart_app;

create table operator_grant (
  tenant_id uuid not null references tenant (id),
  id uuid not null,
  operator_tenant_id uuid not null,
  operator_id uuid not null,
  permissions text[] not null check (cardinality(permissions) between 1 and 100),
  reason text not null check (length(reason) between 1 and 500),
  granted_by text not null check (length(granted_by) between 1 and 100),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  revoked_at timestamptz,
  primary key (tenant_id, id),
  check (expires_at > created_at and expires_at <= created_at + interval '8 hours')
);
comment on table operator_grant is 'What a person of the platform may do in this tenant, until when, and why. Nobody goes round row-level security: who holds one works as the tenant.';
comment on column operator_grant.operator_id is 'A person of the platform, of whom this tenant holds no row.';
comment on column operator_grant.granted_by is 'user:<id> of the platform, or operator:cli.';
create index operator_grant_of_operator on operator_grant (tenant_id, operator_id, expires_at);

alter table operator_grant enable row level security;
alter table operator_grant force row level security;
create policy tenant_isolation on operator_grant as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update (revoked_at) on operator_grant to rempart_app, rempart_worker;

create table tenant_setting (
  tenant_id uuid not null references tenant (id),
  settings jsonb not null check (jsonb_typeof(settings) = 'object'),
  version integer not null default 1 check (version > 0),
  updated_at timestamptz not null default now(),
  primary key (tenant_id)
);
comment on table tenant_setting is 'What a tenant has otherwise than the installation, within what the installation allows.';

alter table tenant_setting enable row level security;
alter table tenant_setting force row level security;
create policy tenant_isolation on tenant_setting as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on tenant_setting to rempart_app, rempart_worker;

-- A domain names a tenant once it has been proven to be the tenant's. Those that are there were set by who runs the
-- installation.
alter table tenant_domain add column proof text check (length(proof) between 20 and 100);
alter table tenant_domain add column verified_at timestamptz default now();
alter table tenant_domain alter column verified_at drop default;
comment on table tenant_domain is 'Host names that name a tenant. Several may claim one; the first to prove it holds it.';
comment on column tenant_domain.proof is 'What its DNS has to say; null: set on the command line, which needs no proof.';
comment on column tenant_domain.verified_at is 'Null: claimed, and answers nothing.';
drop index tenant_domain_holder;
-- A host answers for one tenant only. That a domain is taken is seen by who controls its DNS, and by nobody else.
create unique index tenant_domain_holder on tenant_domain (domain) where verified_at is not null;
grant insert (tenant_id, domain, proof), update (verified_at), delete on tenant_domain to rempart_app;
grant update (verified_at) on tenant_domain to rempart_worker;

grant select (verified_at) on tenant_domain to rempart_auth;
grant select (is_platform, created_at) on tenant to rempart_auth;

drop function auth.find_tenant(text, text);
create function auth.find_tenant(p_kind text, p_value text)
returns table (id uuid, slug text, name text, locale text, time_zone text, allowed_origins text[])
language sql stable security definer set search_path = ''
as $$
  select t.id, t.slug, t.name, t.locale, t.time_zone, t.allowed_origins
  from public.tenant t
  where t.is_active and case p_kind
    when 'slug' then t.slug = p_value
    when 'id' then t.id = p_value::uuid
    when 'domain' then t.id = (
      select d.tenant_id from public.tenant_domain d where d.domain = p_value and d.verified_at is not null)
    else false
  end
$$;
comment on function auth.find_tenant is 'The active tenant of a slug, an id or a domain; a suspended tenant answers as an unknown one, and so does a domain that is only claimed.';

create function auth.platform_tenants(p_limit integer, p_offset integer)
returns table (id uuid, slug text, name text, locale text, time_zone text, is_active boolean, is_platform boolean,
               created_at timestamptz, total bigint)
language sql stable security definer set search_path = ''
as $$
  select t.id, t.slug, t.name, t.locale, t.time_zone, t.is_active, t.is_platform, t.created_at, count(*) over ()
  from public.tenant t
  where exists (
    select from public.tenant p
    where p.id = nullif(current_setting('rempart.tenant_id', true), '')::uuid and p.is_platform and p.is_active)
  order by t.slug limit p_limit offset p_offset
$$;
comment on function auth.platform_tenants is 'A page of all tenants, for a transaction of the platform; none for any other.';

revoke all on function auth.find_tenant(text, text), auth.platform_tenants(integer, integer) from public;
grant execute on function auth.find_tenant(text, text) to rempart_app, rempart_worker;
grant execute on function auth.platform_tenants(integer, integer) to rempart_app;
grant create on schema auth to rempart_auth;
alter function auth.find_tenant(text, text) owner to rempart_auth;
alter function auth.platform_tenants(integer, integer) owner to rempart_auth;
revoke create on schema auth from rempart_auth;
