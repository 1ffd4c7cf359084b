-- Who did what: one chain of entries per tenant. An entry is added by audit_append alone, and changed or taken away by nobody.
create table audit_event (
  tenant_id uuid not null references tenant (id),
  seq bigint not null check (seq > 0),
  at timestamptz not null check (at = date_trunc('milliseconds', at)),
  actor_kind text not null check (actor_kind in ('public', 'user', 'api-key', 'operator', 'system')),
  actor_id text check (length(actor_id) between 1 and 64),
  action text not null check (action ~ '^[a-z][a-z0-9-]{0,39}(\.[a-z][a-z0-9-]{0,39}){1,2}$'),
  resource_type text check (resource_type ~ '^[a-z][a-z0-9-]{0,39}$'),
  resource_id text check (length(resource_id) between 1 and 200),
  outcome text not null check (outcome in ('done', 'refused')),
  request_id text not null check (length(request_id) between 1 and 128),
  changes text not null check (length(changes) <= 16000),
  subject_id uuid,
  personal_sealed bytea,
  client_sealed bytea,
  hash bytea not null check (length(hash) = 32),
  primary key (tenant_id, seq),
  check ((subject_id is null) = (personal_sealed is null))
);
comment on table audit_event is 'Append-only. Each entry holds the hash of itself and of the one before: none can be edited, left out or moved unseen.';
comment on column audit_event.seq is 'From 1, without a gap.';
comment on column audit_event.changes is 'JSON, as it was hashed. It holds nothing personal.';
comment on column audit_event.subject_id is 'Whose personal values the entry holds.';
comment on column audit_event.personal_sealed is 'JSON under the key of its subject: unreadable once that key has been deleted.';
comment on column audit_event.client_sealed is 'Address and User-Agent, under the key of the tenant and the month.';
comment on column audit_event.hash is 'SHA-256 of the hash before and the entry in its canonical form: see audit_append.';
create index audit_event_action on audit_event (tenant_id, action, seq);
create index audit_event_actor on audit_event (tenant_id, actor_id, seq);
create index audit_event_resource on audit_event (tenant_id, resource_id, seq);

alter table audit_event enable row level security;
alter table audit_event force row level security;
create policy tenant_isolation on audit_event as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select on audit_event to rempart_app, rempart_worker;

create function refuse_audit_change() returns trigger
language plpgsql volatile security invoker set search_path = ''
as $$
begin
  raise exception 'the audit log is append-only' using errcode = 'insufficient_privilege';
end
$$;
comment on function refuse_audit_change is 'What stops the owner of the tables too, who holds every privilege on them.';
revoke all on function refuse_audit_change() from public;
create trigger audit_event_append_only before update or delete or truncate on audit_event
  for each statement execute function refuse_audit_change();

create table audit_head (
  tenant_id uuid not null references tenant (id),
  seq bigint not null check (seq > 0),
  hash bytea not null check (length(hash) = 32),
  signed_at timestamptz not null check (signed_at = date_trunc('milliseconds', signed_at)),
  kid text not null check (kid ~ '^[A-Za-z0-9_-]{43}$'),
  signature bytea not null check (length(signature) = 64),
  primary key (tenant_id, seq)
);
comment on table audit_head is 'How far the chain had come, signed with a key that the database does not hold: what was signed cannot be made anew.';

alter table audit_head enable row level security;
alter table audit_head force row level security;
create policy tenant_isolation on audit_head as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select on audit_head to rempart_app, rempart_worker;
grant insert on audit_head to rempart_worker;
create trigger audit_head_append_only before update or delete or truncate on audit_head
  for each statement execute function refuse_audit_change();

create table audit_subject_key (
  tenant_id uuid not null references tenant (id),
  subject text not null check (subject ~ '^(person:[0-9a-f-]{36}|month:[0-9]{4}-[0-9]{2})$'),
  sealed_key bytea not null check (length(sealed_key) between 32 and 200),
  created_at timestamptz not null default now(),
  primary key (tenant_id, subject)
);
comment on table audit_subject_key is 'What makes the personal values of the audit log readable. To delete a key is to erase what it sealed.';
comment on column audit_subject_key.subject is 'A person, or a month of client addresses.';

alter table audit_subject_key enable row level security;
alter table audit_subject_key force row level security;
create policy tenant_isolation on audit_subject_key as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, delete on audit_subject_key to rempart_app, rempart_worker;

create function lock_audit_chain() returns void
language sql volatile security invoker set search_path = ''
as $$
  select pg_catalog.pg_advisory_xact_lock(
    pg_catalog.hashtextextended('rempart/audit/' || pg_catalog.current_setting('rempart.tenant_id', true), 0))
$$;
comment on function lock_audit_chain is 'One transaction at a time adds to the chain of a tenant, until it ends.';
revoke all on function lock_audit_chain() from public;
grant execute on function lock_audit_chain() to rempart_app, rempart_worker, rempart_audit;

create function audit_append(
  p_actor_kind text, p_actor_id text, p_action text, p_resource_type text, p_resource_id text, p_outcome text,
  p_request_id text, p_changes text, p_subject_id uuid, p_personal bytea, p_client bytea
) returns bigint
language plpgsql volatile security definer set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  v_tenant constant uuid := nullif(current_setting('rempart.tenant_id', true), '')::uuid;
  v_seq bigint := 0;
  v_at timestamptz;
  v_previous bytea;
  v_bytes bytea;
begin
  if v_tenant is null then
    raise exception 'an audit entry belongs to the tenant of its transaction' using errcode = 'insufficient_privilege';
  end if;
  perform public.lock_audit_chain();
  -- A statement of its own: it sees what was committed while the lock was waited for.
  select e.seq, e.hash, e.at into v_seq, v_previous, v_at
  from public.audit_event e where e.tenant_id = v_tenant order by e.seq desc limit 1;
  v_seq := coalesce(v_seq, 0) + 1;
  v_at := greatest(v_at, date_trunc('milliseconds', clock_timestamp()));
  -- The canonical form: the hash before (32 bytes; zeros for the first), then each field as the four-byte big-endian
  -- length of its UTF-8 bytes and those bytes; ff ff ff ff for an absent one. Instants are milliseconds of Unix time.
  -- One expression: a loop over the fields costs ten times as much.
  v_bytes := coalesce(v_previous, decode(repeat('00', 32), 'hex'))
    || coalesce(int4send(octet_length('rempart/audit/v1')) || convert_to('rempart/audit/v1', 'UTF8'), '\xffffffff')
    || coalesce(int4send(octet_length(v_tenant::text)) || convert_to(v_tenant::text, 'UTF8'), '\xffffffff')
    || coalesce(int4send(octet_length(v_seq::text)) || convert_to(v_seq::text, 'UTF8'), '\xffffffff')
    || coalesce(int4send(octet_length((extract(epoch from v_at) * 1000)::bigint::text)) || convert_to((extract(epoch from v_at) * 1000)::bigint::text, 'UTF8'), '\xffffffff')
    || coalesce(int4send(octet_length(p_actor_kind)) || convert_to(p_actor_kind, 'UTF8'), '\xffffffff')
    || coalesce(int4send(octet_length(p_actor_id)) || convert_to(p_actor_id, 'UTF8'), '\xffffffff')
    || coalesce(int4send(octet_length(p_action)) || convert_to(p_action, 'UTF8'), '\xffffffff')
    || coalesce(int4send(octet_length(p_resource_type)) || convert_to(p_resource_type, 'UTF8'), '\xffffffff')
    || coalesce(int4send(octet_length(p_resource_id)) || convert_to(p_resource_id, 'UTF8'), '\xffffffff')
    || coalesce(int4send(octet_length(p_outcome)) || convert_to(p_outcome, 'UTF8'), '\xffffffff')
    || coalesce(int4send(octet_length(p_request_id)) || convert_to(p_request_id, 'UTF8'), '\xffffffff')
    || coalesce(int4send(octet_length(p_changes)) || convert_to(p_changes, 'UTF8'), '\xffffffff')
    || coalesce(int4send(octet_length(p_subject_id::text)) || convert_to(p_subject_id::text, 'UTF8'), '\xffffffff')
    || coalesce(int4send(octet_length(encode(p_personal, 'hex'))) || convert_to(encode(p_personal, 'hex'), 'UTF8'), '\xffffffff')
    || coalesce(int4send(octet_length(encode(p_client, 'hex'))) || convert_to(encode(p_client, 'hex'), 'UTF8'), '\xffffffff');
  insert into public.audit_event (tenant_id, seq, at, actor_kind, actor_id, action, resource_type, resource_id, outcome,
    request_id, changes, subject_id, personal_sealed, client_sealed, hash)
  values (v_tenant, v_seq, v_at, p_actor_kind, p_actor_id, p_action, p_resource_type, p_resource_id, p_outcome,
    p_request_id, p_changes, p_subject_id, p_personal, p_client, sha256(v_bytes));
  return v_seq;
end
$$;
comment on function audit_append is 'Adds an entry to the chain of the transaction''s tenant, and says which one it is. Place, time and hash are made here: its caller cannot choose them.';

grant usage on schema public to rempart_audit;
-- The role that may add entries reads what the next one is chained to, of the transaction's tenant alone.
grant insert on audit_event to rempart_audit;
grant select (tenant_id, seq, hash, at) on audit_event to rempart_audit;
create policy audit_chain on audit_event as permissive for all to rempart_audit
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));

revoke all on function audit_append(text, text, text, text, text, text, text, text, uuid, bytea, bytea) from public;
grant execute on function audit_append(text, text, text, text, text, text, text, text, uuid, bytea, bytea)
  to rempart_app, rempart_worker;
grant create on schema public to rempart_audit;
alter function audit_append(text, text, text, text, text, text, text, text, uuid, bytea, bytea) owner to rempart_audit;
revoke create on schema public from rempart_audit;
