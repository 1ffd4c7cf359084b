-- Leads, their notes, and what makes a submission count once: idempotency keys, spent render tokens, the quota.
create table lead (
  -- No reference to the tenant here and in the two tables below: their rows come by the thousand, the form has one.
  tenant_id uuid not null,
  id uuid not null,
  form_id uuid not null,
  form_version integer not null,
  email text not null check (length(email) between 3 and 254),
  data jsonb not null,
  score integer,
  outcome text,
  status text not null default 'new' check (status in ('new', 'contacted', 'qualified', 'won', 'lost', 'archived', 'spam')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  -- UUIDv7: the key is in order of arrival.
  primary key (tenant_id, id),
  foreign key (tenant_id, form_id) references form (tenant_id, id)
);
comment on column lead.data is 'The validated answers, by field name.';
create index lead_by_form on lead (tenant_id, form_id, id);

alter table lead enable row level security;
alter table lead force row level security;
create policy tenant_isolation on lead as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on lead to rempart_app, rempart_worker;

create table lead_note (
  tenant_id uuid not null,
  id uuid not null,
  lead_id uuid not null,
  author text not null check (length(author) between 1 and 200),
  body text not null check (length(body) between 1 and 10000),
  created_at timestamptz not null default now(),
  primary key (tenant_id, id),
  foreign key (tenant_id, lead_id) references lead (tenant_id, id) on delete cascade
);
create index lead_note_by_lead on lead_note (tenant_id, lead_id, id);

alter table lead_note enable row level security;
alter table lead_note force row level security;
create policy tenant_isolation on lead_note as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, delete on lead_note to rempart_app, rempart_worker;

create table idempotency_record (
  tenant_id uuid not null,
  form_id uuid not null,
  key_hash bytea not null check (length(key_hash) = 32),
  request_hash bytea not null check (length(request_hash) = 32),
  lead_id uuid not null,
  score integer,
  outcome text,
  created_at timestamptz not null default now(),
  primary key (tenant_id, form_id, key_hash)
);
comment on table idempotency_record is 'The answer given to each Idempotency-Key, kept for seven days at least.';
comment on column idempotency_record.lead_id is 'The id that was answered: of a lead, or made up for a submission that was dropped.';

alter table idempotency_record enable row level security;
alter table idempotency_record force row level security;
create policy tenant_isolation on idempotency_record as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, delete on idempotency_record to rempart_app, rempart_worker;

create table spent_token (
  tenant_id uuid not null,
  nonce bytea not null check (length(nonce) = 16),
  expires_at timestamptz not null,
  primary key (tenant_id, nonce)
);
comment on table spent_token is 'Render tokens that were used, until they would have expired anyway.';

alter table spent_token enable row level security;
alter table spent_token force row level security;
create policy tenant_isolation on spent_token as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, delete on spent_token to rempart_app, rempart_worker;

create table quota_usage (
  tenant_id uuid not null references tenant (id),
  quota text not null check (quota in ('leads')),
  period text not null check (period ~ '^\d{4}-\d{2}$'),
  used integer not null default 0 check (used >= 0),
  primary key (tenant_id, quota, period)
);
comment on column quota_usage.period is 'Calendar month in the time zone of the tenant.';

alter table quota_usage enable row level security;
alter table quota_usage force row level security;
create policy tenant_isolation on quota_usage as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update on quota_usage to rempart_app, rempart_worker;

-- One call stores what one turn of the event loop received, for any number of tenants, and says of each row what
-- became of it. The lock on the tenant's quota row comes first: from there on no other submission of the tenant can
-- move, so what the next statement reads of keys, tokens and quota stays true until the commit.
create function submit_leads(batch jsonb)
returns table (ord integer, verdict text, lead_id uuid, score integer, outcome text)
language plpgsql security invoker set search_path = ''
as $$
#variable_conflict use_column
declare
  grp record;
  v_caller text := coalesce(current_setting('rempart.tenant_id', true), '');
  v_limit integer;
  v_used integer;
begin
  for grp in
    select g.tenant_id, g.period, g.rows
    from jsonb_to_recordset(batch) as g (tenant_id uuid, period text, rows jsonb) order by g.tenant_id, g.period
  loop
    perform set_config('rempart.tenant_id', grp.tenant_id::text, true);
    loop
      select t.max_leads_per_month, q.used into v_limit, v_used
      from public.quota_usage q join public.tenant t on t.id = q.tenant_id
      where q.tenant_id = grp.tenant_id and q.quota = 'leads' and q.period = grp.period
      for update of q;
      exit when found;
      insert into public.quota_usage (tenant_id, quota, period) values (grp.tenant_id, 'leads', grp.period)
      on conflict do nothing;
    end loop;

    return query
    with input as materialized (
      select r.ord, r.id, r.form_id, r.form_version, r.email, r.data, r.score, r.outcome, r.dropped,
             decode(r.key, 'hex') as key_hash, decode(r.request, 'hex') as request_hash,
             decode(r.nonce, 'hex') as nonce, r.expires_at
      from jsonb_to_recordset(grp.rows) as r (
        ord integer, id uuid, form_id uuid, form_version integer, email text, data jsonb, score integer, outcome text,
        dropped boolean, key text, request text, nonce text, expires_at timestamptz)
    ), judged as materialized (
      select i.*, k.lead_id as known_id, k.score as known_score, k.outcome as known_outcome,
        case
          when k.lead_id is not null then case when k.request_hash = i.request_hash then 'replayed' else 'key-reused' end
          when s.nonce is not null then 'token-spent'
          when i.dropped then 'dropped'
          else 'fresh'
        end as state
      from input i
      -- LIMIT keeps these two as one index look-up per row: a hash join would read all that the tenant ever sent.
      left join lateral (
        select r.lead_id, r.request_hash, r.score, r.outcome from public.idempotency_record r
        where r.tenant_id = grp.tenant_id and r.form_id = i.form_id and r.key_hash = i.key_hash limit 1
      ) k on true
      left join lateral (
        select t.nonce from public.spent_token t where t.tenant_id = grp.tenant_id and t.nonce = i.nonce limit 1
      ) s on true
    ), ranked as materialized (
      select j.*,
        case
          when j.state <> 'fresh' then j.state
          when v_used + row_number() over (partition by j.state order by j.ord) > v_limit then 'quota-exceeded'
          else 'stored'
        end as final
      from judged j
    ), spend_key as (
      insert into public.idempotency_record (tenant_id, form_id, key_hash, request_hash, lead_id, score, outcome)
      select grp.tenant_id, r.form_id, r.key_hash, r.request_hash, r.id, r.score, r.outcome
      from ranked r where r.final in ('stored', 'dropped') and r.key_hash is not null
    ), spend_token as (
      insert into public.spent_token (tenant_id, nonce, expires_at)
      select grp.tenant_id, r.nonce, r.expires_at
      from ranked r where r.final in ('stored', 'dropped') and r.nonce is not null
    ), store as (
      insert into public.lead (tenant_id, id, form_id, form_version, email, data, score, outcome)
      select grp.tenant_id, r.id, r.form_id, r.form_version, r.email, r.data, r.score, r.outcome
      from ranked r where r.final = 'stored'
    ), spend_quota as (
      update public.quota_usage q set used = q.used + n.stored
      from (select count(*)::integer as stored from ranked r where r.final = 'stored') n
      where q.tenant_id = grp.tenant_id and q.quota = 'leads' and q.period = grp.period and n.stored > 0
    ), tally as (
      insert into public.intake_day as d (tenant_id, day, source, outcome, count)
      select grp.tenant_id, (now() at time zone 'UTC')::date, r.form_id::text, r.final, count(*)
      from ranked r where r.final in ('stored', 'dropped') group by r.form_id, r.final order by r.form_id, r.final
      on conflict (tenant_id, day, source, outcome) do update set count = d.count + excluded.count
    )
    select r.ord, r.final, coalesce(r.known_id, r.id),
      case when r.known_id is null then r.score else r.known_score end,
      case when r.known_id is null then r.outcome else r.known_outcome end
    from ranked r;
  end loop;
  -- What follows in the caller's transaction is again for the caller's tenant.
  perform set_config('rempart.tenant_id', v_caller, true);
end
$$;
comment on function submit_leads is
  'Stores a batch: [{tenant_id, period, rows: [{ord, id, form_id, form_version, email, data, score, outcome, dropped, key, request, nonce, expires_at}]}], hashes in hex. Verdicts: stored, dropped, replayed, key-reused, token-spent, quota-exceeded. One key and one nonce stand at most once in a batch.';
revoke all on function submit_leads(jsonb) from public;
grant execute on function submit_leads(jsonb) to rempart_app, rempart_worker;
