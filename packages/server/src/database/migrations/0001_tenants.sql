-- Tenants, their own domains, and the look-ups that must happen before a tenant is known.
create schema auth;
grant usage on schema auth to rempart_app, rempart_worker, rempart_auth;

create table tenant (
  id uuid primary key,
  slug text not null unique check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  name text not null check (length(name) between 1 and 200),
  locale text not null default 'en' check (locale in ('en', 'fr')),
  time_zone text not null default 'UTC' check (length(time_zone) between 1 and 64),
  is_active boolean not null default true,
  allowed_origins text[] not null default '{}',
  max_leads_per_month integer check (max_leads_per_month >= 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
comment on table tenant is 'One organisation. Its id is the tenant_id of every other table.';
comment on column tenant.time_zone is 'IANA name; decides where a calendar month begins for the quotas.';
comment on column tenant.allowed_origins is 'Browser origins that CORS admits for this tenant.';
comment on column tenant.max_leads_per_month is 'Leads stored per calendar month; null means no limit.';

alter table tenant enable row level security;
alter table tenant force row level security;
create policy tenant_isolation on tenant as permissive for all to rempart_app, rempart_worker
  using (id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select on tenant to rempart_app;
grant select, insert, update on tenant to rempart_worker;

create table tenant_domain (
  tenant_id uuid not null references tenant (id),
  domain text not null check (domain = lower(domain) and length(domain) between 1 and 253),
  created_at timestamptz not null default now(),
  primary key (tenant_id, domain)
);
comment on table tenant_domain is 'Host names that name a tenant. The first tenant to claim a domain holds it.';
-- A host answers for one tenant only. That a domain is taken can be seen in the DNS anyway.
create unique index tenant_domain_holder on tenant_domain (domain);

alter table tenant_domain enable row level security;
alter table tenant_domain force row level security;
create policy tenant_isolation on tenant_domain as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select on tenant_domain to rempart_app;
grant select, insert, delete on tenant_domain to rempart_worker;

-- The look-ups run as rempart_auth, which reads exactly these columns and can do nothing else.
grant usage on schema public to rempart_auth;
grant select (id, slug, name, locale, time_zone, is_active, allowed_origins) on tenant to rempart_auth;
grant select (tenant_id, domain) on tenant_domain to rempart_auth;
create policy tenant_lookup on tenant as permissive for select to rempart_auth using (true);
create policy tenant_lookup on tenant_domain as permissive for select to rempart_auth using (true);

create function auth.find_tenant(p_kind text, p_value text)
returns table (id uuid, slug text, name text, locale text, time_zone text, allowed_origins text[])
language sql stable security definer set search_path = ''
as $$
  select t.id, t.slug, t.name, t.locale, t.time_zone, t.allowed_origins
  from public.tenant t
  where t.is_active and case p_kind
    when 'slug' then t.slug = p_value
    when 'id' then t.id = p_value::uuid
    when 'domain' then t.id = (select d.tenant_id from public.tenant_domain d where d.domain = p_value)
    else false
  end
$$;
comment on function auth.find_tenant is 'The active tenant of a slug, an id or a domain; a suspended tenant answers as an unknown one.';

create function auth.list_tenants()
returns table (id uuid, slug text, name text, is_active boolean)
language sql stable security definer set search_path = ''
as $$ select t.id, t.slug, t.name, t.is_active from public.tenant t order by t.slug $$;
comment on function auth.list_tenants is 'Every tenant, for jobs that visit them one by one.';

create index tenant_allowed_origins on tenant using gin (allowed_origins);

create function auth.known_origins(p_origins text[])
returns table (origin text)
language sql stable security definer set search_path = ''
as $$
  select distinct o.origin
  from public.tenant t cross join unnest(t.allowed_origins) as o (origin)
  where t.is_active and t.allowed_origins && p_origins and o.origin = any(p_origins)
$$;
comment on function auth.known_origins is 'Which of these origins some active tenant lists: what a CORS preflight may be told before its tenant is known.';

-- Privileges first: once a function is handed over, its maker can grant and revoke nothing more on it.
revoke all on function auth.find_tenant(text, text), auth.list_tenants(), auth.known_origins(text[]) from public;
grant execute on function auth.find_tenant(text, text) to rempart_app, rempart_worker;
grant execute on function auth.known_origins(text[]) to rempart_app;
grant execute on function auth.list_tenants() to rempart_worker;
grant create on schema auth to rempart_auth;
alter function auth.find_tenant(text, text) owner to rempart_auth;
alter function auth.list_tenants() owner to rempart_auth;
alter function auth.known_origins(text[]) owner to rempart_auth;
revoke create on schema auth from rempart_auth;
