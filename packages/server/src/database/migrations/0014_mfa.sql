-- Second factors: one authenticator app per person, and the codes for the day it is lost.
create table mfa_secret (
  tenant_id uuid not null,
  user_id uuid not null,
  sealed_secret bytea check (length(sealed_secret) between 34 and 200),
  confirmed_at timestamptz,
  last_step bigint check (last_step >= 0),
  pending_secret bytea check (length(pending_secret) between 34 and 200),
  pending_since timestamptz,
  primary key (tenant_id, user_id),
  foreign key (tenant_id, user_id) references user_account (tenant_id, id) on delete cascade,
  check ((sealed_secret is null) = (confirmed_at is null) and (sealed_secret is null) = (last_step is null)),
  check ((pending_secret is null) = (pending_since is null))
);
comment on table mfa_secret is 'A person has a second factor once it is confirmed. One that is being set up neither counts nor replaces it.';
comment on column mfa_secret.sealed_secret is 'The secret of the codes, under a key of the master secret, bound to tenant, person and purpose.';
comment on column mfa_secret.last_step is 'Time step of the last code that was used: none at or before it is good any more.';
comment on column mfa_secret.pending_secret is 'Shown to the person and not proven yet; sealed likewise.';

alter table mfa_secret enable row level security;
alter table mfa_secret force row level security;
create policy tenant_isolation on mfa_secret as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on mfa_secret to rempart_app, rempart_worker;

create table mfa_recovery_code (
  tenant_id uuid not null,
  user_id uuid not null,
  code_hash bytea not null check (length(code_hash) = 32),
  created_at timestamptz not null default now(),
  used_at timestamptz,
  primary key (tenant_id, user_id, code_hash),
  foreign key (tenant_id, user_id) references user_account (tenant_id, id) on delete cascade
);
comment on table mfa_recovery_code is 'Each is good once, in the place of a code of the app.';
comment on column mfa_recovery_code.code_hash is 'SHA-256. A code has 115 random bits, so a slow hash would add nothing.';

alter table mfa_recovery_code enable row level security;
alter table mfa_recovery_code force row level security;
create policy tenant_isolation on mfa_recovery_code as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on mfa_recovery_code to rempart_app, rempart_worker;

alter table tenant add column mfa_required boolean not null default false;
comment on column tenant.mfa_required is 'Whether everybody who signs in has to set a second factor up.';
-- The one setting of a tenant that its own staff change through the server.
grant update (mfa_required, updated_at) on tenant to rempart_app;
-- auth.check_sessions tells what level a person has to be of.
grant select (mfa_required) on tenant to rempart_auth;
