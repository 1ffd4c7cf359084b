-- Who was asked to join, by whom, and for which role.
create table invitation (
  tenant_id uuid not null references tenant (id),
  id uuid not null,
  email text not null check (length(email) between 3 and 254),
  email_norm text not null check (email_norm = lower(email_norm)),
  role_id uuid,
  locale text not null check (locale in ('en', 'fr')),
  invited_by uuid not null,
  token_hash bytea not null check (length(token_hash) = 32),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  accepted_at timestamptz,
  revoked_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, role_id) references role (tenant_id, id) on delete set null (role_id),
  foreign key (tenant_id, invited_by) references user_account (tenant_id, id) on delete cascade
);
comment on table invitation is 'Bound to one address and one role. What its inviter may no longer give, it no longer gives.';
comment on column invitation.role_id is 'Null once the role has gone: the invitation is worth nothing from then on.';
comment on column invitation.token_hash is 'Of the one-time token that was mailed, which goes when the invitation is revoked.';
create unique index invitation_pending on invitation (tenant_id, email_norm) where accepted_at is null and revoked_at is null;
create index invitation_of_role on invitation (tenant_id, role_id);
create index invitation_of_inviter on invitation (tenant_id, invited_by);

alter table invitation enable row level security;
alter table invitation force row level security;
create policy tenant_isolation on invitation as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on invitation to rempart_app, rempart_worker;
