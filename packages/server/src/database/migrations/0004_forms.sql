-- Forms and their versions. A version never changes; publishing points the form at one.
create table form (
  tenant_id uuid not null references tenant (id),
  id uuid not null,
  slug text not null check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  name text not null check (length(name) between 1 and 200),
  published_version integer,
  archived_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (tenant_id, slug)
);
comment on column form.published_version is 'The version the public sees; null while the form is a draft.';
comment on column form.archived_at is 'An archived form answers the public as an unknown one; its leads stay.';

create table form_version (
  tenant_id uuid not null,
  form_id uuid not null,
  version integer not null check (version >= 1),
  definition jsonb not null,
  created_at timestamptz not null default now(),
  published_at timestamptz,
  primary key (tenant_id, form_id, version),
  foreign key (tenant_id, form_id) references form (tenant_id, id)
);
comment on column form_version.published_at is 'When this version was last published; null when it never was.';
alter table form add foreign key (tenant_id, id, published_version) references form_version (tenant_id, form_id, version);

-- A submission names its form by id alone, before its tenant is known.
create index form_lookup on form (id);

alter table form enable row level security;
alter table form force row level security;
create policy tenant_isolation on form as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update on form to rempart_app, rempart_worker;

alter table form_version enable row level security;
alter table form_version force row level security;
create policy tenant_isolation on form_version as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert on form_version to rempart_app, rempart_worker;
grant update (published_at) on form_version to rempart_app, rempart_worker;

grant select (tenant_id, id, published_version, archived_at) on form to rempart_auth;
create policy form_lookup on form as permissive for select to rempart_auth using (true);

create function auth.find_form_tenant(p_form_id uuid)
returns table (id uuid, slug text, name text, locale text, time_zone text, allowed_origins text[])
language sql stable security definer set search_path = ''
as $$
  select t.id, t.slug, t.name, t.locale, t.time_zone, t.allowed_origins
  from public.form f join public.tenant t on t.id = f.tenant_id
  where f.id = p_form_id and f.published_version is not null and f.archived_at is null and t.is_active
$$;
comment on function auth.find_form_tenant is 'The active tenant of a published form; nothing for a draft, an archived or an unknown one.';

revoke all on function auth.find_form_tenant(uuid) from public;
grant execute on function auth.find_form_tenant(uuid) to rempart_app, rempart_worker;
grant create on schema auth to rempart_auth;
alter function auth.find_form_tenant(uuid) owner to rempart_auth;
revoke create on schema auth from rempart_auth;
