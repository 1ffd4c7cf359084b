-- What the guard refused, challenged or would have: kept for some weeks, to be explained. A day is a partition, so that
-- forgetting one is dropping a table. Partitions are reached through the table alone, under its row-level security.
create schema security_event_days;

create table security_event (
  tenant_id uuid not null references tenant (id),
  id uuid not null,
  created_at timestamptz not null,
  last_at timestamptz not null,
  count integer not null check (count > 0),
  type text not null check (type in ('refused', 'challenged', 'shadow-refused', 'alert')),
  policy_id text not null check (length(policy_id) <= 64),
  policy_version text not null check (length(policy_version) <= 64),
  rule_id text not null check (length(rule_id) <= 64),
  reason text check (length(reason) <= 64),
  cost bigint not null,
  clock_ms double precision not null,
  retry_after_ms double precision,
  degraded boolean not null,
  counters jsonb not null check (jsonb_typeof(counters) = 'array'),
  signals jsonb check (jsonb_typeof(signals) = 'object'),
  subjects jsonb not null check (jsonb_typeof(subjects) = 'object'),
  fp_prefix text check (fp_prefix ~ '^[0-9a-f]{8}$'),
  route text not null check (length(route) <= 512),
  request_id text not null check (length(request_id) <= 128),
  primary key (tenant_id, id, created_at)
) partition by range (created_at);
comment on table security_event is
  'A refusal, or several of one client by one rule within a minute. It names nobody: subjects are keyed hashes.';
comment on column security_event.created_at is 'Of the first; the instant that the id holds.';
comment on column security_event.counters is 'What the rules had counted before and after the first; empty when the store did not answer.';
comment on column security_event.tenant_id is
  'Of the credential, else the one that the request named, else the default tenant.';
create index security_event_by_client on security_event (tenant_id, fp_prefix, id);

alter table security_event enable row level security;
alter table security_event force row level security;
create policy tenant_isolation on security_event as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update (count, last_at) on security_event to rempart_app, rempart_worker;

-- Making a table takes its owner's rights. Each function does one thing with them, and takes no name.
create function make_security_event_days() returns integer
language plpgsql security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_today constant date := (now() at time zone 'utc')::date;
  v_name text;
  v_made integer := 0;
begin
  perform pg_advisory_xact_lock(7236415902);
  for v_day in 0 .. 8 loop
    v_name := 'd' || to_char(v_today - 1 + v_day, 'YYYYMMDD');
    continue when to_regclass('security_event_days.' || v_name) is not null;
    execute format(
      'create table security_event_days.%I partition of public.security_event for values from (%L) to (%L)',
      v_name, (v_today - 1 + v_day) || ' 00:00:00+00', (v_today + v_day) || ' 00:00:00+00');
    execute format('alter table security_event_days.%I enable row level security', v_name);
    execute format('alter table security_event_days.%I force row level security', v_name);
    v_made := v_made + 1;
  end loop;
  return v_made;
end
$$;
comment on function make_security_event_days is 'Makes the partitions from yesterday to a week ahead that are missing. How many.';

create function drop_security_event_days(p_keep integer) returns integer
language plpgsql security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_first constant date := (now() at time zone 'utc')::date - p_keep;
  v_name text;
  v_dropped integer := 0;
begin
  if p_keep is null or p_keep < 1 then
    raise exception 'at least one day is kept';
  end if;
  perform pg_advisory_xact_lock(7236415902);
  for v_name in
    select c.relname from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'public.security_event'::regclass and to_date(substr(c.relname, 2), 'YYYYMMDD') < v_first
  loop
    execute format('drop table security_event_days.%I', v_name);
    v_dropped := v_dropped + 1;
  end loop;
  return v_dropped;
end
$$;
comment on function drop_security_event_days is 'Forgets the days that ended more than so many days ago. How many.';

revoke all on function make_security_event_days(), drop_security_event_days(integer) from public;
grant execute on function make_security_event_days() to rempart_app, rempart_worker;
grant execute on function drop_security_event_days(integer) to rempart_worker;

select make_security_event_days();
