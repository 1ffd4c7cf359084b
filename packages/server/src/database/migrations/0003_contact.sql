-- Contact messages, and the daily counts of what came in through public forms.
create table contact_message (
  tenant_id uuid not null references tenant (id),
  id uuid not null,
  name text not null check (length(name) between 1 and 200),
  email text not null check (length(email) between 3 and 254),
  subject text check (length(subject) between 1 and 200),
  message text not null check (length(message) between 1 and 10000),
  consent boolean not null default false,
  locale text not null check (locale in ('en', 'fr')),
  status text not null default 'received' check (status in ('received', 'read', 'replied', 'archived', 'spam')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  -- UUIDv7: the key is in order of arrival, so lists need no other index.
  primary key (tenant_id, id)
);
comment on column contact_message.locale is 'The language the sender was answered in.';

alter table contact_message enable row level security;
alter table contact_message force row level security;
create policy tenant_isolation on contact_message as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on contact_message to rempart_app, rempart_worker;

create table intake_day (
  tenant_id uuid not null references tenant (id),
  day date not null,
  source text not null check (length(source) between 1 and 64),
  outcome text not null check (outcome in ('stored', 'dropped')),
  count bigint not null check (count > 0),
  primary key (tenant_id, day, source, outcome)
);
comment on table intake_day is 'How many submissions a day (UTC) brought and silently dropped; of contact messages, also how many it stored.';
comment on column intake_day.source is '`contact`, or the id of a form.';

alter table intake_day enable row level security;
alter table intake_day force row level security;
create policy tenant_isolation on intake_day as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update on intake_day to rempart_app, rempart_worker;

-- One call stores what one turn of the event loop received. A dropped message takes the same way through the same
-- commit as a stored one, so that its sender learns nothing from the clock.
create function receive_contact_messages(batch jsonb) returns void
language plpgsql security invoker set search_path = ''
as $$
declare
  grp record;
  v_caller text := coalesce(current_setting('rempart.tenant_id', true), '');
begin
  for grp in
    select g.tenant_id, g.rows from jsonb_to_recordset(batch) as g (tenant_id uuid, rows jsonb) order by g.tenant_id
  loop
    perform set_config('rempart.tenant_id', grp.tenant_id::text, true);
    with input as materialized (
      select r.* from jsonb_to_recordset(grp.rows) as r (
        id uuid, name text, email text, subject text, message text, consent boolean, locale text, dropped boolean)
    ), stored as (
      insert into public.contact_message (tenant_id, id, name, email, subject, message, consent, locale)
      select grp.tenant_id, i.id, i.name, i.email, i.subject, i.message, i.consent, i.locale
      from input i where not i.dropped
    )
    insert into public.intake_day as d (tenant_id, day, source, outcome, count)
    select grp.tenant_id, (now() at time zone 'UTC')::date, 'contact', case when i.dropped then 'dropped' else 'stored' end, count(*)
    from input i group by i.dropped order by i.dropped
    on conflict (tenant_id, day, source, outcome) do update set count = d.count + excluded.count;
  end loop;
  -- What follows in the caller's transaction is again for the caller's tenant.
  perform set_config('rempart.tenant_id', v_caller, true);
end
$$;
comment on function receive_contact_messages is
  'Stores a batch: [{tenant_id, rows: [{id, name, email, subject, message, consent, locale, dropped}]}]. Tenants go in id order, so two batches never wait for each other in a circle.';
revoke all on function receive_contact_messages(jsonb) from public;
grant execute on function receive_contact_messages(jsonb) to rempart_app, rempart_worker;
