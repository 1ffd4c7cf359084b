-- Resources that a website shows, and gates: registration lists with a capacity and a waiting list.
create table resource (
  tenant_id uuid not null references tenant (id),
  id uuid not null,
  title text not null check (length(title) between 1 and 200),
  summary text check (length(summary) between 1 and 2000),
  url text check (length(url) <= 2048 and url ~ '^https?://'),
  category text check (length(category) between 1 and 100),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  -- UUIDv7: the key is in order of making, which is the order of lists.
  primary key (tenant_id, id)
);
comment on table resource is 'What a website offers its visitors: a guide, a tool, an address elsewhere.';
comment on column resource.deleted_at is 'A deleted resource answers the public as an unknown one, and can be restored.';
create index resource_by_category on resource (tenant_id, category, id) where deleted_at is null;

alter table resource enable row level security;
alter table resource force row level security;
create policy tenant_isolation on resource as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update on resource to rempart_app, rempart_worker;

create table gate (
  tenant_id uuid not null references tenant (id),
  id uuid not null,
  slug text not null check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  name text not null check (length(name) between 1 and 200),
  capacity integer not null check (capacity between 0 and 1000000),
  is_public boolean not null default false,
  registered integer not null default 0 check (registered >= 0),
  waitlisted integer not null default 0 check (waitlisted >= 0),
  last_place integer not null default 0 check (last_place >= 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (tenant_id, slug)
);
comment on column gate.is_public is 'Whether anybody may register; otherwise only who holds an API key.';
comment on column gate.registered is
  'How many registrations hold a place. More than the capacity only where the capacity was lowered: nobody loses a place.';
comment on column gate.waitlisted is 'How many wait. Nobody waits while there is room.';
comment on column gate.last_place is 'The place of the latest arrival; places are never given twice.';

alter table gate enable row level security;
alter table gate force row level security;
create policy tenant_isolation on gate as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on gate to rempart_app, rempart_worker;

create table gate_registration (
  tenant_id uuid not null,
  id uuid not null,
  gate_id uuid not null,
  email text not null check (length(email) between 3 and 254),
  name text check (length(name) between 1 and 200),
  data jsonb not null default '{}' check (jsonb_typeof(data) = 'object'),
  status text not null check (status in ('registered', 'waitlisted')),
  place integer not null check (place > 0),
  created_at timestamptz not null default now(),
  registered_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, gate_id) references gate (tenant_id, id) on delete cascade,
  unique (tenant_id, gate_id, place),
  check ((status = 'registered') = (registered_at is not null))
);
comment on column gate_registration.place is
  'Order of arrival, given under the lock of the gate: two processes make ids in an order of their own.';
comment on column gate_registration.registered_at is 'When it got its place; null while it waits.';
-- One registration for each mailbox. No provider tells mailboxes apart by case.
create unique index gate_registration_by_email on gate_registration (tenant_id, gate_id, lower(email collate "C"));
create index gate_registration_by_gate on gate_registration (tenant_id, gate_id, id);
create index gate_registration_waiting on gate_registration (tenant_id, gate_id, place) where status = 'waitlisted';

alter table gate_registration enable row level security;
alter table gate_registration force row level security;
create policy tenant_isolation on gate_registration as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on gate_registration to rempart_app, rempart_worker;

comment on table intake_day is
  'How many submissions a day (UTC) brought and silently dropped; of contact messages and gates, also how many it stored.';
comment on column intake_day.source is '`contact`, or the id of a form or a gate.';

-- One call stores what one turn of the event loop received. The gate's row is locked first: from there on no other
-- registration for it can move, in any process, so what is read of places and addresses stays true until the commit.
-- Whatever becomes of an arrival, the gate's row is written and the commit reaches the disk: the time of the answer does
-- not tell a repeated, dropped or waiting one from a new one.
create function register_at_gates(batch jsonb) returns jsonb
language plpgsql security invoker set search_path = ''
as $$
declare
  v_caller constant text := coalesce(current_setting('rempart.tenant_id', true), '');
  grp record;
  v_gate record;
  v_stored integer;
  v_placed integer;
  v_verdicts jsonb;
  v_answer jsonb := '[]'::jsonb;
begin
  for grp in
    select g.tenant_id, g.slug, g.rows from jsonb_to_recordset(batch) as g (tenant_id uuid, slug text, rows jsonb)
    order by g.tenant_id, g.slug
  loop
    perform set_config('rempart.tenant_id', grp.tenant_id::text, true);
    select g.id, g.capacity, g.is_public, g.registered, g.last_place into v_gate
    from public.gate g where g.tenant_id = grp.tenant_id and g.slug = grp.slug for update;

    -- Nobody waits while there is room, so the free places go to the first of those that are new.
    with input as materialized (
      select r.*, lower(r.email collate "C") as mailbox
      from jsonb_to_recordset(grp.rows) as r (ord integer, id uuid, email text, name text, data jsonb, keyed boolean, dropped boolean)
      where v_gate.id is not null and not r.dropped and (r.keyed or v_gate.is_public)
    ), fresh as (
      select n.*, row_number() over (order by n.ord) as nth
      from (
        select distinct on (i.mailbox) i.* from input i
        where not exists (
          select from public.gate_registration k
          where k.tenant_id = grp.tenant_id and k.gate_id = v_gate.id and lower(k.email collate "C") = i.mailbox)
        order by i.mailbox, i.ord
      ) n
    ), stored as (
      insert into public.gate_registration (tenant_id, id, gate_id, email, name, data, status, place, registered_at)
      select grp.tenant_id, f.id, v_gate.id, f.email, f.name, f.data,
        case when v_gate.registered + f.nth <= v_gate.capacity then 'registered' else 'waitlisted' end,
        v_gate.last_place + f.nth,
        case when v_gate.registered + f.nth <= v_gate.capacity then now() end
      from fresh f
      returning status
    )
    select count(*), count(*) filter (where s.status = 'registered') into v_stored, v_placed from stored s;

    update public.gate g
    set registered = g.registered + v_placed, waitlisted = g.waitlisted + v_stored - v_placed, last_place = g.last_place + v_stored
    where g.tenant_id = grp.tenant_id and g.id = v_gate.id;

    select jsonb_agg(jsonb_build_object(
      'ord', r.ord,
      'verdict', case
        when v_gate.id is null then 'gate-not-found'
        when not r.keyed and not v_gate.is_public then 'key-required'
        when r.dropped then 'dropped'
        when k.id = r.id then 'stored'
        else 'repeated'
      end,
      'id', k.id,
      'status', k.status,
      'position', case when r.keyed and k.status = 'waitlisted' then (
        select count(*) from public.gate_registration w
        where w.tenant_id = grp.tenant_id and w.gate_id = v_gate.id and w.status = 'waitlisted' and w.place <= k.place) end))
      into v_verdicts
    from jsonb_to_recordset(grp.rows) as r (ord integer, id uuid, email text, keyed boolean, dropped boolean)
    left join lateral (
      select e.id, e.status, e.place from public.gate_registration e
      where e.tenant_id = grp.tenant_id and e.gate_id = v_gate.id and lower(e.email collate "C") = lower(r.email collate "C")
        and not r.dropped and (r.keyed or v_gate.is_public)
      limit 1
    ) k on true;
    v_answer := v_answer || v_verdicts;

    insert into public.intake_day as d (tenant_id, day, source, outcome, count)
    select grp.tenant_id, (now() at time zone 'UTC')::date, v_gate.id::text, v.outcome, count(*)
    from (
      select case e.value ->> 'verdict' when 'dropped' then 'dropped' when 'stored' then 'stored' end as outcome
      from jsonb_array_elements(v_verdicts) e
    ) v
    where v.outcome is not null
    group by v.outcome
    on conflict (tenant_id, day, source, outcome) do update set count = d.count + excluded.count;
  end loop;
  -- What follows in the caller's transaction is again for the caller's tenant.
  perform set_config('rempart.tenant_id', v_caller, true);
  return v_answer;
end
$$;
comment on function register_at_gates is
  'Stores a batch: [{tenant_id, slug, rows: [{ord, id, email, name, data, keyed, dropped}]}]. Answers each row: [{ord, verdict, id, status, position}] with the verdict stored, repeated, dropped, gate-not-found or key-required; position is told to keyed rows that wait. Gates go in order, so two batches never wait for each other in a circle.';
revoke all on function register_at_gates(jsonb) from public;
grant execute on function register_at_gates(jsonb) to rempart_app, rempart_worker;
