-- Passkeys: public keys of authenticators that people sign in with.
create table webauthn_credential (
  tenant_id uuid not null,
  id uuid not null,
  user_id uuid not null,
  credential_id bytea not null check (length(credential_id) between 1 and 1023),
  public_key bytea not null check (length(public_key) between 16 and 2000),
  sign_count bigint not null check (sign_count between 0 and 4294967295),
  transports text[] not null default '{}' check (cardinality(transports) <= 10),
  aaguid uuid not null,
  is_backup_eligible boolean not null,
  is_backed_up boolean not null,
  label text not null check (length(label) between 1 and 100),
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  suspected_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, credential_id),
  foreign key (tenant_id, user_id) references user_account (tenant_id, id) on delete cascade,
  check (is_backup_eligible or not is_backed_up)
);
comment on table webauthn_credential is 'A passkey of one person: signs them in alone, since its device verifies them.';
comment on column webauthn_credential.credential_id is 'The name that the authenticator gave it.';
comment on column webauthn_credential.public_key is 'COSE key.';
comment on column webauthn_credential.sign_count is 'The authenticator''s own count of uses when it was last seen; 0: it does not count.';
comment on column webauthn_credential.aaguid is 'The model of the authenticator, as it says itself.';
comment on column webauthn_credential.is_backup_eligible is 'Whether it can be on several devices; this never changes.';
comment on column webauthn_credential.suspected_at is 'When its count went backwards, as that of a copy does. It signs nobody in from then on.';
create index webauthn_credential_of_user on webauthn_credential (tenant_id, user_id);

alter table webauthn_credential enable row level security;
alter table webauthn_credential force row level security;
create policy tenant_isolation on webauthn_credential as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on webauthn_credential to rempart_app, rempart_worker;
