-- Mail on its way out, and how many each recipient was sent lately. A mail is queued in the transaction of what it tells
-- of: nothing is sent for a change that was rolled back.
create table mail_outbox (
  tenant_id uuid not null references tenant (id),
  id uuid not null,
  template text not null check (template ~ '^[a-z][a-z-]{2,40}$'),
  locale text not null check (locale in ('en', 'fr')),
  user_id uuid,
  recipient_hash bytea check (length(recipient_hash) = 32),
  sealed bytea not null check (length(sealed) between 1 and 16384),
  is_dropped boolean not null,
  awaits_holder boolean not null default false,
  attempts smallint not null default 0,
  next_attempt_at timestamptz not null default now(),
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  primary key (tenant_id, id),
  foreign key (tenant_id, user_id) references user_account (tenant_id, id) on delete cascade
);
comment on table mail_outbox is 'A mail that is yet to be delivered. The row goes with the delivery, or when it is given up.';
comment on column mail_outbox.user_id is 'Whose mail it is, where that is known: it goes with the person.';
comment on column mail_outbox.recipient_hash is 'Keyed hash of tenant and address, as in mail_recipient.';
comment on column mail_outbox.sealed is 'Recipient and what the text is rendered from, encrypted: it holds the token of a link.';
comment on column mail_outbox.is_dropped is
  'Never sent: the recipient had enough of them, or there is nobody to send it to. Stored all the same, so that the clock does not tell.';
comment on column mail_outbox.next_attempt_at is 'When it is due; while a process sends it, when another may take it over.';
comment on column mail_outbox.awaits_holder is
  'Asked for by an address that anybody may have typed: the sender looks up whose it is, so that the request does the same for all.';
create index mail_outbox_due on mail_outbox (next_attempt_at, tenant_id);
create index mail_outbox_of_user on mail_outbox (tenant_id, user_id) where user_id is not null;

alter table mail_outbox enable row level security;
alter table mail_outbox force row level security;
create policy tenant_isolation on mail_outbox as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
-- Who serves puts mail in and cannot read it again.
grant insert, select (tenant_id, id, template, locale) on mail_outbox to rempart_app;
grant select, insert, update (attempts, next_attempt_at, awaits_holder, user_id, locale), delete on mail_outbox to rempart_worker;

create table mail_recipient (
  tenant_id uuid not null references tenant (id),
  recipient_hash bytea not null check (length(recipient_hash) = 32),
  template text not null check (template ~ '^[a-z][a-z-]{2,40}$'),
  sent_at timestamptz[] not null default '{}' check (cardinality(sent_at) <= 100),
  updated_at timestamptz not null default clock_timestamp(),
  primary key (tenant_id, recipient_hash, template)
);
comment on table mail_recipient is 'When a recipient was last sent mails of one kind: the cap on them is counted here. It names nobody.';
comment on column mail_recipient.recipient_hash is 'Keyed hash of tenant and address.';
comment on column mail_recipient.sent_at is 'Of the last day, oldest first.';

alter table mail_recipient enable row level security;
alter table mail_recipient force row level security;
create policy tenant_isolation on mail_recipient as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update (sent_at, updated_at) on mail_recipient to rempart_app;
grant select, insert, update (sent_at, updated_at), delete on mail_recipient to rempart_worker;

-- The same statements run whether the mail will be sent or not.
create function queue_mail(
  p_id uuid, p_template text, p_locale text, p_user_id uuid, p_recipient_hash bytea, p_sealed bytea, p_is_decoy boolean,
  p_awaits_holder boolean, p_per_hour integer, p_per_day integer, p_lifetime_ms double precision
) returns boolean
language plpgsql security invoker set search_path = ''
as $$
declare
  v_tenant constant uuid := nullif(current_setting('rempart.tenant_id', true), '')::uuid;
  v_sent timestamptz[];
  v_now timestamptz;
  v_fits boolean;
begin
  insert into public.mail_recipient as r (tenant_id, recipient_hash, template)
  values (v_tenant, p_recipient_hash, p_template)
  on conflict (tenant_id, recipient_hash, template) do update set updated_at = excluded.updated_at
  returning r.sent_at into v_sent;
  -- The row is locked now: whoever counts for the same recipient waits for this transaction, and is later than it.
  v_now := clock_timestamp();
  v_sent := array(select t.at from unnest(v_sent) as t (at) where t.at > v_now - interval '24 hours' order by t.at);
  v_fits := cardinality(v_sent) < p_per_day
    and (select count(*) from unnest(v_sent) as t (at) where t.at > v_now - interval '1 hour') < p_per_hour;
  if v_fits then
    v_sent := v_sent || v_now;
  end if;
  update public.mail_recipient r set sent_at = v_sent, updated_at = v_now
  where r.tenant_id = v_tenant and r.recipient_hash = p_recipient_hash and r.template = p_template;

  insert into public.mail_outbox (tenant_id, id, template, locale, user_id, recipient_hash, sealed, is_dropped, awaits_holder, expires_at)
  values (v_tenant, p_id, p_template, p_locale, p_user_id, p_recipient_hash, p_sealed, p_is_decoy or not v_fits,
          p_awaits_holder, now() + make_interval(secs => p_lifetime_ms / 1000));
  perform pg_notify('rempart_mail', '');
  return v_fits and not p_is_decoy;
end
$$;
comment on function queue_mail is 'Queues a mail of the transaction''s tenant. Whether it will be sent: false beyond the cap, and for a decoy.';
revoke all on function queue_mail(uuid, text, text, uuid, bytea, bytea, boolean, boolean, integer, integer, double precision) from public;
grant execute on function queue_mail(uuid, text, text, uuid, bytea, bytea, boolean, boolean, integer, integer, double precision)
  to rempart_app, rempart_worker;

-- The sender works through the tenants that have mail, each in transactions of its own.
grant select (tenant_id, next_attempt_at) on mail_outbox to rempart_auth;
create policy mail_lookup on mail_outbox as permissive for select to rempart_auth using (true);

create function auth.tenants_with_mail(p_limit integer) returns table (id uuid, name text, is_active boolean)
language sql stable security definer set search_path = ''
as $$
  select t.id, t.name, t.is_active
  from (
    select o.tenant_id, min(o.next_attempt_at) as since
    from public.mail_outbox o where o.next_attempt_at <= now()
    group by o.tenant_id order by since limit p_limit
  ) due
  join public.tenant t on t.id = due.tenant_id
  order by due.since
$$;
comment on function auth.tenants_with_mail is 'Tenants that have mail due, who has waited longest first.';

revoke all on function auth.tenants_with_mail(integer) from public;
grant execute on function auth.tenants_with_mail(integer) to rempart_worker;
grant create on schema auth to rempart_auth;
alter function auth.tenants_with_mail(integer) owner to rempart_auth;
revoke create on schema auth from rempart_auth;
