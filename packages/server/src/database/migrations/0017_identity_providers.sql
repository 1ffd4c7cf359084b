-- Providers that people of a tenant sign in with, and whom they are there.
create table identity_provider (
  tenant_id uuid not null references tenant (id),
  id uuid not null,
  code text not null check (code ~ '^[a-z][a-z0-9-]{0,31}$'),
  kind text not null check (kind in ('oidc', 'github')),
  name text not null check (length(name) between 1 and 100),
  issuer text check (length(issuer) between 8 and 500),
  client_id text not null check (length(client_id) between 1 and 300),
  sealed_secret bytea not null check (length(sealed_secret) between 34 and 1100),
  is_enabled boolean not null default true,
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (tenant_id, code),
  check ((kind = 'oidc') = (issuer is not null))
);
comment on column identity_provider.code is 'Its name in addresses.';
comment on column identity_provider.sealed_secret is 'The client secret, under a key of the master secret, bound to tenant and provider.';
comment on column identity_provider.is_enabled is 'Whether anybody can sign in with it; links stay and are worth nothing meanwhile.';

alter table identity_provider enable row level security;
alter table identity_provider force row level security;
create policy tenant_isolation on identity_provider as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on identity_provider to rempart_app, rempart_worker;

create table oauth_account (
  tenant_id uuid not null,
  id uuid not null,
  user_id uuid not null,
  provider_id uuid not null,
  iss text not null check (length(iss) between 1 and 500),
  sub text not null check (length(sub) between 1 and 255),
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, iss, sub),
  foreign key (tenant_id, user_id) references user_account (tenant_id, id) on delete cascade,
  foreign key (tenant_id, provider_id) references identity_provider (tenant_id, id) on delete cascade
);
comment on table oauth_account is 'Whom a person is at a provider: by issuer and subject, never by an e-mail address.';
create index oauth_account_of_user on oauth_account (tenant_id, user_id);
create index oauth_account_of_provider on oauth_account (tenant_id, provider_id);

alter table oauth_account enable row level security;
alter table oauth_account force row level security;
create policy tenant_isolation on oauth_account as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on oauth_account to rempart_app, rempart_worker;
