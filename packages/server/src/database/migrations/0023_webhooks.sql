-- Where a tenant wants to be told of what happens, what it is told, and how each attempt to tell it went. A delivery is
-- queued in the transaction of what it tells of: nothing is sent of a change that was rolled back, nothing is lost that was
-- not.
create table webhook (
  tenant_id uuid not null references tenant (id),
  id uuid not null,
  url text not null check (length(url) between 8 and 2000),
  description text check (length(description) between 1 and 200),
  events text[] not null check (cardinality(events) between 1 and 64),
  include_data boolean not null default false,
  is_enabled boolean not null default true,
  disabled_reason text check (disabled_reason in ('staff', 'gone', 'failing')),
  sealed_secret bytea not null check (length(sealed_secret) between 34 and 200),
  previous_sealed_secret bytea check (length(previous_sealed_secret) between 34 and 200),
  previous_until timestamptz,
  failing_since timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, id),
  check (is_enabled = (disabled_reason is null)),
  check ((previous_sealed_secret is null) = (previous_until is null))
);
comment on column webhook.events is 'What it is told of, by the names of core/webhooks/events.ts.';
comment on column webhook.include_data is 'Whether names, addresses and answers of people are sent too.';
comment on column webhook.sealed_secret is 'What is signed with, under a key of the master secret, bound to tenant and webhook.';
comment on column webhook.previous_sealed_secret is 'The secret before; it signs too until `previous_until`.';
comment on column webhook.failing_since is 'The first failure since the last delivery that was taken.';

alter table webhook enable row level security;
alter table webhook force row level security;
create policy tenant_isolation on webhook as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on webhook to rempart_app;
grant select, insert, update, delete on webhook to rempart_worker;

create table webhook_delivery (
  tenant_id uuid not null,
  id uuid not null,
  webhook_id uuid not null,
  type text not null check (type ~ '^[a-z][a-z-]{1,30}\.[a-z][a-z-]{1,40}$'),
  data jsonb not null check (jsonb_typeof(data) = 'object'),
  state text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
  attempts integer not null default 0 check (attempts >= 0),
  tries smallint not null default 0 check (tries >= 0),
  next_attempt_at timestamptz not null default now(),
  settled_at timestamptz,
  created_at timestamptz not null default now(),
  primary key (tenant_id, id),
  foreign key (tenant_id, webhook_id) references webhook (tenant_id, id) on delete cascade,
  check ((state = 'pending') = (settled_at is null))
);
comment on column webhook_delivery.id is 'The webhook-id that the receiver sees, at every attempt the same.';
comment on column webhook_delivery.data is
  'What happened, by ids. Nothing of a person: that is read when it is sent, and only where the webhook asks for it.';
comment on column webhook_delivery.attempts is 'Ever made or begun; numbers the rows of webhook_attempt.';
comment on column webhook_delivery.tries is 'Of these, since it was queued or last replayed: where it stands in the schedule.';
comment on column webhook_delivery.next_attempt_at is 'When it is due; while a process sends it, when another may take it over.';
comment on column webhook_delivery.settled_at is 'When it was taken, or given up.';
create index webhook_delivery_of_webhook on webhook_delivery (tenant_id, webhook_id, id);
create index webhook_delivery_due on webhook_delivery (tenant_id, webhook_id, next_attempt_at) where state = 'pending';

alter table webhook_delivery enable row level security;
alter table webhook_delivery force row level security;
create policy tenant_isolation on webhook_delivery as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update (state, tries, next_attempt_at, settled_at) on webhook_delivery to rempart_app;
grant select, insert, update (state, attempts, tries, next_attempt_at, settled_at), delete on webhook_delivery
  to rempart_worker;

create table webhook_attempt (
  tenant_id uuid not null,
  delivery_id uuid not null,
  number integer not null check (number > 0),
  at timestamptz not null,
  duration_ms integer not null check (duration_ms >= 0),
  status smallint check (status between 100 and 999),
  error text check (error ~ '^[a-z][a-z-]{1,30}$'),
  primary key (tenant_id, delivery_id, number),
  foreign key (tenant_id, delivery_id) references webhook_delivery (tenant_id, id) on delete cascade
);
comment on table webhook_attempt is
  'How an attempt went. Nothing that the receiver said is kept: it may hold secrets, and would let who may add webhooks read what answers at an address.';
comment on column webhook_attempt.error is 'Why there is no status, by class and never in the words of what went wrong.';

alter table webhook_attempt enable row level security;
alter table webhook_attempt force row level security;
create policy tenant_isolation on webhook_attempt as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select on webhook_attempt to rempart_app;
grant select, insert, delete on webhook_attempt to rempart_worker;

-- Deliveries are listed by their id, so it has to be in the order of time: a UUIDv7, which PostgreSQL 15 does not make.
create function time_ordered_uuid() returns uuid
language sql volatile set search_path = ''
as $$
  select (lpad(to_hex(floor(extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
    || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid
$$;
revoke all on function time_ordered_uuid() from public;
grant execute on function time_ordered_uuid() to rempart_app, rempart_worker, rempart_intake;

-- Runs as its caller, so that nobody queues for a tenant that is not theirs.
create function queue_webhooks(p_tenant uuid, p_type text, p_data jsonb[]) returns integer
language plpgsql security invoker set search_path = ''
as $$
declare
  v_count integer;
begin
  insert into public.webhook_delivery (tenant_id, id, webhook_id, type, data)
  select p_tenant, public.time_ordered_uuid(), w.id, p_type, e.data
  from public.webhook w cross join unnest(p_data) as e (data)
  where w.tenant_id = p_tenant and w.is_enabled and p_type = any (w.events);
  get diagnostics v_count = row_count;
  if v_count > 0 then
    perform pg_notify('rempart_webhooks', '');
  end if;
  return v_count;
end
$$;
comment on function queue_webhooks is 'Queues events of one type for every webhook of a tenant that wants them. How many deliveries that makes.';
revoke all on function queue_webhooks(uuid, text, jsonb[]) from public;
grant execute on function queue_webhooks(uuid, text, jsonb[]) to rempart_app, rempart_worker, rempart_intake;

-- What public forms bring is told of in the call that stores it. The functions keep their names and gain a shell; what
-- stores is inside, as it was made. A tenant without webhooks costs its batch one look at an index.
grant select (tenant_id, id, is_enabled, events) on webhook to rempart_intake;
grant insert on webhook_delivery to rempart_intake;
create policy submission_intake on webhook as permissive for select to rempart_intake using (true);
create policy submission_intake on webhook_delivery as permissive for insert to rempart_intake with check (true);

grant create on schema public to rempart_intake;
set local role rempart_intake;
alter function submit_leads rename to store_leads;
revoke all on function store_leads from rempart_app, rempart_worker;

create function submit_leads(
  tenant_ids uuid[], periods text[], wanted integer[],
  r_grp integer[], r_id uuid[], r_form_id uuid[], r_form_version integer[], r_email text[], r_data jsonb[],
  r_score integer[], r_outcome text[], r_dropped boolean[], r_key bytea[], r_request bytea[], r_nonce uuid[]
) returns jsonb
language plpgsql security definer set search_path = ''
-- As the one inside: for a list of tenants, PostgreSQL would plan anew at every call.
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  v_exceptions constant jsonb := public.store_leads(tenant_ids, periods, wanted, r_grp, r_id, r_form_id, r_form_version, r_email,
    r_data, r_score, r_outcome, r_dropped, r_key, r_request, r_nonce);
  v_tenant uuid;
begin
  for v_tenant in
    select distinct w.tenant_id from public.webhook w
    where w.tenant_id = any (tenant_ids) and w.is_enabled and 'lead.submitted' = any (w.events)
  loop
    perform public.queue_webhooks(v_tenant, 'lead.submitted', array_agg(jsonb_build_object(
      'resource', jsonb_build_object('type', 'lead', 'id', r.id), 'formId', r.form_id, 'formVersion', r.form_version) order by r.ord))
    from unnest(r_grp, r_id, r_form_id, r_form_version, r_dropped) with ordinality
      as r (grp, id, form_id, form_version, dropped, ord)
    where tenant_ids[r.grp] = v_tenant and not r.dropped and not exists (
      select from jsonb_array_elements(v_exceptions) x where (x.value ->> 'ord')::integer = r.ord - 1);
  end loop;
  return v_exceptions;
end
$$;
comment on function submit_leads is
  'Stores a batch: its tenants with their period and the number of leads wanted, then its rows by column, each with the place of its tenant, from 1; and queues a delivery of each lead for every webhook that wants it. Answers the rows that were neither stored nor dropped, null when there is none: [{ord, verdict, leadId, score, outcome}], ord from 0, with the verdict replayed, key-reused, token-spent or quota-exceeded; a replayed one has what was answered before. One key and one nonce stand at most once in a batch.';
comment on function store_leads is 'What submit_leads stores, and what it answers.';
revoke all on function submit_leads from public;
grant execute on function submit_leads to rempart_app, rempart_worker;
reset role;
revoke create on schema public from rempart_intake;

alter function receive_contact_messages(jsonb) rename to store_contact_messages;
create function receive_contact_messages(batch jsonb) returns void
language plpgsql security invoker set search_path = ''
as $$
declare
  v_caller constant text := coalesce(current_setting('rempart.tenant_id', true), '');
  grp record;
begin
  perform public.store_contact_messages(batch);
  for grp in
    select g.tenant_id, g.rows from jsonb_to_recordset(batch) as g (tenant_id uuid, rows jsonb) order by g.tenant_id
  loop
    perform set_config('rempart.tenant_id', grp.tenant_id::text, true);
    if exists (
      select from public.webhook w where w.tenant_id = grp.tenant_id and w.is_enabled and 'contact.received' = any (w.events))
    then
      perform public.queue_webhooks(grp.tenant_id, 'contact.received', array_agg(jsonb_build_object(
        'resource', jsonb_build_object('type', 'contact-message', 'id', r.id), 'locale', r.locale)))
      from jsonb_to_recordset(grp.rows) as r (id uuid, locale text, dropped boolean) where not r.dropped;
    end if;
  end loop;
  -- What follows in the caller's transaction is again for the caller's tenant.
  perform set_config('rempart.tenant_id', v_caller, true);
end
$$;
comment on function receive_contact_messages is
  'Stores a batch: [{tenant_id, rows: [{id, name, email, subject, message, consent, locale, dropped}]}], and queues a delivery of each message for every webhook that wants it. Tenants go in id order, so two batches never wait for each other in a circle.';
comment on function store_contact_messages is 'What receive_contact_messages stores.';
revoke all on function receive_contact_messages(jsonb) from public;
grant execute on function receive_contact_messages(jsonb) to rempart_app, rempart_worker;

alter function register_at_gates(jsonb) rename to store_registrations;
create function register_at_gates(batch jsonb) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_caller constant text := coalesce(current_setting('rempart.tenant_id', true), '');
  v_answer constant jsonb := public.store_registrations(batch);
  grp record;
begin
  for grp in
    select g.tenant_id, g.slug, g.rows from jsonb_to_recordset(batch) as g (tenant_id uuid, slug text, rows jsonb)
    order by g.tenant_id, g.slug
  loop
    perform set_config('rempart.tenant_id', grp.tenant_id::text, true);
    if exists (
      select from public.webhook w where w.tenant_id = grp.tenant_id and w.is_enabled and 'gate.registered' = any (w.events))
    then
      perform public.queue_webhooks(grp.tenant_id, 'gate.registered', array_agg(jsonb_build_object(
        'resource', jsonb_build_object('type', 'gate-registration', 'id', v.id), 'gate', grp.slug, 'status', v.status) order by v.ord))
      from jsonb_to_recordset(grp.rows) as r (ord integer)
      join jsonb_to_recordset(v_answer) as v (ord integer, verdict text, id uuid, status text) on v.ord = r.ord
      where v.verdict = 'stored';
    end if;
  end loop;
  -- What follows in the caller's transaction is again for the caller's tenant.
  perform set_config('rempart.tenant_id', v_caller, true);
  return v_answer;
end
$$;
comment on function register_at_gates is
  'Stores a batch: [{tenant_id, slug, rows: [{ord, id, email, name, data, keyed, dropped}]}], and queues a delivery of each new registration for every webhook that wants it. Answers each row: [{ord, verdict, id, status, position}] with the verdict stored, repeated, dropped, gate-not-found or key-required; position is told to keyed rows that wait. Gates go in order, so two batches never wait for each other in a circle.';
comment on function store_registrations is 'What register_at_gates stores, and what it answers.';
revoke all on function register_at_gates(jsonb) from public;
grant execute on function register_at_gates(jsonb) to rempart_app, rempart_worker;

-- The sender asks for webhooks and not for deliveries: one with a hundred thousand that wait costs as much as one with one.
grant select (tenant_id, id, is_enabled) on webhook to rempart_auth;
grant select (tenant_id, webhook_id, state, next_attempt_at) on webhook_delivery to rempart_auth;
create policy webhook_lookup on webhook as permissive for select to rempart_auth using (true);
create policy webhook_lookup on webhook_delivery as permissive for select to rempart_auth using (true);

create function auth.webhooks_due(p_busy uuid[], p_limit integer) returns table (tenant_id uuid, webhook_id uuid)
language sql stable security definer set search_path = ''
as $$
  select w.tenant_id, w.id
  from public.webhook w
  join public.tenant t on t.id = w.tenant_id and t.is_active
  cross join lateral (
    select d.next_attempt_at from public.webhook_delivery d
    where d.tenant_id = w.tenant_id and d.webhook_id = w.id and d.state = 'pending' and d.next_attempt_at <= now()
    order by d.next_attempt_at limit 1
  ) due
  where w.is_enabled and w.id <> all (p_busy)
  order by due.next_attempt_at limit p_limit
$$;
comment on function auth.webhooks_due is 'Webhooks that have a delivery due, but for the busy ones; who has waited longest first.';
revoke all on function auth.webhooks_due(uuid[], integer) from public;
grant execute on function auth.webhooks_due(uuid[], integer) to rempart_worker;
grant create on schema auth to rempart_auth;
alter function auth.webhooks_due(uuid[], integer) owner to rempart_auth;
revoke create on schema auth from rempart_auth;
