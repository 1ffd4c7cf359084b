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

-- One call stores what one turn of the event loop received, for any number of tenants, and says which rows it did not
-- store as they came. The tenant's quota row is updated first, which locks it: from there on no other submission of the tenant
-- can move, so what the next statement reads of keys, tokens and quota stays true until the commit.
create type submission_row as (
  tenant_id uuid, period text, ord integer, id uuid, form_id uuid, form_version integer, email text, data jsonb,
  score integer, outcome text, dropped boolean, key text, request text, nonce text, expires_at timestamptz);

create function submit_leads(batch jsonb) returns jsonb
language plpgsql security invoker set search_path = ''
-- One plan for all: a plan of its own for each group would take longer to make than to run.
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  v_caller constant text := coalesce(current_setting('rempart.tenant_id', true), '');
  grp record;
  v_limit integer;
  v_used integer;
  v_is_done boolean;
  v_others jsonb;
  v_answer jsonb;
begin
  for grp in
    select s.tenant_id, s.period, array_agg(s) as rows, bool_or(s.dropped) as drops,
      count(*) filter (where not s.dropped)::integer as wanted
    from jsonb_populate_recordset(null::public.submission_row, batch) s
    group by s.tenant_id, s.period order by s.tenant_id, s.period
  loop
    perform set_config('rempart.tenant_id', grp.tenant_id::text, true);
    -- Counts every row as stored, and so takes the lock; what was not stored is given back below.
    loop
      update public.quota_usage q set used = q.used + grp.wanted
      from public.tenant t
      where q.tenant_id = grp.tenant_id and q.quota = 'leads' and q.period = grp.period and t.id = q.tenant_id
      returning t.max_leads_per_month, q.used - grp.wanted into v_limit, v_used;
      exit when found;
      insert into public.quota_usage (tenant_id, quota, period) values (grp.tenant_id, 'leads', grp.period)
      on conflict do nothing;
    end loop;

    -- Dropped submissions leave nothing but a count, unless their key or token was spent before.
    if grp.drops then
      insert into public.intake_day as d (tenant_id, day, source, outcome, count)
      select grp.tenant_id, (now() at time zone 'UTC')::date, i.form_id::text, 'dropped', count(*)
      from unnest(grp.rows) as i
      where i.dropped
        and not exists (
          select from public.idempotency_record r
          where r.tenant_id = grp.tenant_id and r.form_id = i.form_id and r.key_hash = decode(i.key, 'hex'))
        and not exists (
          select from public.spent_token t where t.tenant_id = grp.tenant_id and t.nonce = decode(i.nonce, 'hex'))
      group by i.form_id order by i.form_id
      on conflict (tenant_id, day, source, outcome) do update set count = d.count + excluded.count;
    end if;

    -- The usual case: there is room for all, and no key nor token was ever seen.
    v_is_done := v_limit is null or v_used + grp.wanted <= v_limit;
    if v_is_done then
      begin
        insert into public.idempotency_record (tenant_id, form_id, key_hash, request_hash, lead_id, score, outcome)
        select grp.tenant_id, r.form_id, decode(r.key, 'hex'), decode(r.request, 'hex'), r.id, r.score, r.outcome
        from unnest(grp.rows) r where r.key is not null;
        insert into public.spent_token (tenant_id, nonce, expires_at)
        select grp.tenant_id, decode(r.nonce, 'hex'), r.expires_at from unnest(grp.rows) r where r.nonce is not null;
        insert into public.lead (tenant_id, id, form_id, form_version, email, data, score, outcome)
        select grp.tenant_id, r.id, r.form_id, r.form_version, r.email, r.data, r.score, r.outcome
        from unnest(grp.rows) r where not r.dropped;
      exception when unique_violation then
        -- Nothing of the attempt stays; each row is judged by itself.
        v_is_done := false;
      end;
    end if;
    continue when v_is_done;

    with ranked as materialized (
      select j.*,
        case
          when j.state <> 'fresh' then j.state
          when v_used + row_number() over (partition by j.state order by j.ord) > v_limit then 'quota-exceeded'
          else 'stored'
        end as final
      from (
        select i.ord, i.id, i.form_id, i.form_version, i.email, i.data, i.score, i.outcome, i.dropped, i.expires_at,
          decode(i.key, 'hex') as key_hash, decode(i.request, 'hex') as request_hash, decode(i.nonce, 'hex') as nonce,
          k.lead_id as known_id, k.score as known_score, k.outcome as known_outcome,
          case
            when k.lead_id is not null then case when k.request_hash = decode(i.request, 'hex') then 'replayed' else 'key-reused' end
            when s.nonce is not null then 'token-spent'
            when i.dropped then 'dropped'
            else 'fresh'
          end as state
        from unnest(grp.rows) as i
        -- LIMIT keeps these two as one index look-up per row: a hash join would read all that the tenant ever sent.
        left join lateral (
          select r.lead_id, r.request_hash, r.score, r.outcome from public.idempotency_record r
          where r.tenant_id = grp.tenant_id and r.form_id = i.form_id and r.key_hash = decode(i.key, 'hex') limit 1
        ) k on true
        left join lateral (
          select t.nonce from public.spent_token t where t.tenant_id = grp.tenant_id and t.nonce = decode(i.nonce, 'hex') limit 1
        ) s on true
      ) j
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
    ), give_back as (
      update public.quota_usage q set used = q.used - n.others
      from (select grp.wanted - count(*)::integer as others from ranked r where r.final = 'stored') n
      where n.others > 0 and q.tenant_id = grp.tenant_id and q.quota = 'leads' and q.period = grp.period
    )
    select jsonb_agg(jsonb_build_object(
        'ord', r.ord, 'verdict', r.final, 'leadId', r.known_id, 'score', r.known_score, 'outcome', r.known_outcome))
      into v_others
    from ranked r where r.final not in ('stored', 'dropped');
    if v_others is not null then
      v_answer := coalesce(v_answer, '[]'::jsonb) || v_others;
    end if;
  end loop;
  perform set_config('rempart.tenant_id', v_caller, true);
  return v_answer;
end
$$;
comment on function submit_leads is
  'Stores a batch of submission_row, hashes in hex. Answers the rows that were neither stored nor dropped, null when there is none: [{ord, verdict, leadId, score, outcome}] with the verdict replayed, key-reused, token-spent or quota-exceeded; a replayed one has what was answered before. One key and one nonce stand at most once in a batch.';
revoke all on function submit_leads(jsonb) from public;
grant execute on function submit_leads(jsonb) to rempart_app, rempart_worker;
