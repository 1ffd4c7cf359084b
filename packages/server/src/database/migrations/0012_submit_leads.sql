-- How submissions become leads: by the batch, in one call.
--
-- A batch holds rows of several tenants, so no single tenant can be set while it is stored. The function runs as
-- rempart_intake, which cannot log in, owns this function alone, and may add what a submission leaves and nothing else.
-- That a row goes to its own tenant is held by the lead's reference to its form, and a form has one tenant.
grant usage on schema public to rempart_intake;
grant select (id, max_leads_per_month) on tenant to rempart_intake;
grant insert on lead to rempart_intake;
grant select, insert on submission_receipt to rempart_intake;
grant select, insert, update on quota_usage, intake_day to rempart_intake;
create policy submission_intake on tenant as permissive for select to rempart_intake using (true);
create policy submission_intake on lead as permissive for insert to rempart_intake with check (true);
create policy submission_intake on submission_receipt as permissive for all to rempart_intake using (true) with check (true);
create policy submission_intake on quota_usage as permissive for all to rempart_intake using (true) with check (true);
create policy submission_intake on intake_day as permissive for all to rempart_intake using (true) with check (true);

-- One call stores what one turn of the event loop received, for any number of tenants, and says which rows it did not
-- store as they came. The quota rows are updated first, in the order of the tenants, which locks them: from there on no
-- other submission of these tenants can move, so what is read of keys, tokens and quotas stays true until the commit.
--
-- A submission that fell into a trap is answered as if it were stored, so it is refused when it could not be: a bot that got
-- 201 where everybody else is told that the form takes nothing would know the trap. It is counted all the same, and spends
-- neither the quota nor, like any other that is refused, its token and key.
create function submit_leads(
  tenant_ids uuid[], periods text[], wanted integer[],
  r_grp integer[], r_id uuid[], r_form_id uuid[], r_form_version integer[], r_email text[], r_data jsonb[],
  r_score integer[], r_outcome text[], r_dropped boolean[], r_key bytea[], r_request bytea[], r_nonce uuid[]
) returns jsonb
language plpgsql security definer set search_path = ''
-- One plan for all: a plan of its own for each batch would take longer to make than to run.
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  v_is_done boolean;
  v_dropped constant integer := cardinality(array_positions(r_dropped, true));
  v_exceptions jsonb;
begin
  -- Counts every row as stored; what was not stored is given back below.
  with counted as (
    insert into public.quota_usage as q (tenant_id, quota, period, used)
    select g.tenant_id, 'leads', g.period, g.wanted
    from unnest(tenant_ids, periods, wanted) as g (tenant_id, period, wanted) order by g.tenant_id, g.period
    on conflict (tenant_id, quota, period) do update set used = q.used + excluded.used
    returning q.tenant_id, q.used
  )
  -- A dropped one is answered as if it were stored, which it could be only while there is room: with fewer left than were
  -- dropped, each row is judged by itself.
  select bool_and(t.max_leads_per_month is null or c.used + v_dropped <= t.max_leads_per_month) into v_is_done
  from counted c join public.tenant t on t.id = c.tenant_id;

  -- Dropped submissions leave nothing but a count, unless their key or token was spent before.
  if v_dropped > 0 then
    insert into public.intake_day as d (tenant_id, day, source, outcome, count)
    select tenant_ids[r.grp], (now() at time zone 'UTC')::date, r.form_id::text, 'dropped', count(*)
    from unnest(r_grp, r_form_id, r_dropped, r_key, r_nonce) as r (grp, form_id, dropped, key_hash, nonce)
    where r.dropped
      and not exists (
        select from public.submission_receipt k
        where k.tenant_id = tenant_ids[r.grp] and k.form_id = r.form_id and k.key_hash = r.key_hash)
      and not exists (
        select from public.submission_receipt k where k.tenant_id = tenant_ids[r.grp] and k.nonce = r.nonce)
    -- By tenant and not by its month, of which a batch over midnight has two: a row can be counted up but once.
    group by tenant_ids[r.grp], r.form_id order by tenant_ids[r.grp], r.form_id
    on conflict (tenant_id, day, source, outcome) do update set count = d.count + excluded.count;
  end if;

  -- The usual case: there is room for all, and no key nor token was ever seen.
  if v_is_done then
    begin
      insert into public.submission_receipt (tenant_id, nonce, form_id, key_hash, request_hash, lead_id, score, outcome)
      select tenant_ids[r.grp], r.nonce, r.form_id, r.key_hash, r.request_hash, r.id, r.score, r.outcome
      from unnest(r_grp, r_nonce, r_form_id, r_key, r_request, r_id, r_score, r_outcome)
        as r (grp, nonce, form_id, key_hash, request_hash, id, score, outcome);
      insert into public.lead (tenant_id, id, form_id, form_version, email, data, score, outcome)
      select tenant_ids[r.grp], r.id, r.form_id, r.form_version, r.email, r.data, r.score, r.outcome
      from unnest(r_grp, r_id, r_form_id, r_form_version, r_email, r_data, r_score, r_outcome, r_dropped)
        as r (grp, id, form_id, form_version, email, data, score, outcome, dropped)
      where not r.dropped;
      return null;
    exception when unique_violation then
      -- Nothing of the attempt stays; each row is judged by itself.
    end;
  end if;

  with ranked as materialized (
    select j.*,
      case
        when j.state not in ('fresh', 'dropped') then j.state
        when j.used_before + (count(*) filter (where j.state = 'fresh') over (partition by j.grp order by j.ord))
          + (j.state = 'dropped')::integer > j.most then 'quota-exceeded'
        when j.state = 'dropped' then 'dropped'
        else 'stored'
      end as final
    from (
      select r.*, tenant_ids[r.grp] as tenant_id, q.used - wanted[r.grp] as used_before, t.max_leads_per_month as most,
        k.lead_id as known_id, k.score as known_score, k.outcome as known_outcome,
        case
          when k.lead_id is not null then case when k.request_hash = r.request_hash then 'replayed' else 'key-reused' end
          when s.nonce is not null then 'token-spent'
          when r.dropped then 'dropped'
          else 'fresh'
        end as state
      from unnest(r_grp, r_id, r_form_id, r_form_version, r_email, r_data, r_score, r_outcome, r_dropped, r_key, r_request, r_nonce)
        with ordinality as r (grp, id, form_id, form_version, email, data, score, outcome, dropped, key_hash, request_hash, nonce, ord)
      join public.tenant t on t.id = tenant_ids[r.grp]
      join public.quota_usage q on q.tenant_id = tenant_ids[r.grp] and q.quota = 'leads' and q.period = periods[r.grp]
      -- LIMIT keeps these two as one index look-up per row: a hash join would read all that the tenant ever sent.
      left join lateral (
        select i.lead_id, i.request_hash, i.score, i.outcome from public.submission_receipt i
        where i.tenant_id = tenant_ids[r.grp] and i.form_id = r.form_id and i.key_hash = r.key_hash limit 1
      ) k on true
      left join lateral (
        select i.nonce from public.submission_receipt i where i.tenant_id = tenant_ids[r.grp] and i.nonce = r.nonce limit 1
      ) s on true
    ) j
  ), spend as (
    insert into public.submission_receipt (tenant_id, nonce, form_id, key_hash, request_hash, lead_id, score, outcome)
    select r.tenant_id, r.nonce, r.form_id, r.key_hash, r.request_hash, r.id, r.score, r.outcome
    from ranked r where r.final in ('stored', 'dropped')
  ), store as (
    insert into public.lead (tenant_id, id, form_id, form_version, email, data, score, outcome)
    select r.tenant_id, r.id, r.form_id, r.form_version, r.email, r.data, r.score, r.outcome
    from ranked r where r.final = 'stored'
  ), give_back as (
    update public.quota_usage q set used = q.used - n.others
    from (
      select r.grp, wanted[r.grp] - count(*) filter (where r.final = 'stored')::integer as others from ranked r group by r.grp
    ) n
    where n.others > 0 and q.tenant_id = tenant_ids[n.grp] and q.quota = 'leads' and q.period = periods[n.grp]
  )
  select jsonb_agg(jsonb_build_object(
      'ord', r.ord - 1, 'verdict', r.final, 'leadId', r.known_id, 'score', r.known_score, 'outcome', r.known_outcome))
    into v_exceptions
  from ranked r where r.final not in ('stored', 'dropped');
  return v_exceptions;
end
$$;
comment on function submit_leads is
  'Stores a batch: its tenants with their period and the number of leads wanted, then its rows by column, each with the place of its tenant, from 1. Answers the rows that were neither stored nor dropped, null when there is none: [{ord, verdict, leadId, score, outcome}], ord from 0, with the verdict replayed, key-reused, token-spent or quota-exceeded; a replayed one has what was answered before. One key and one nonce stand at most once in a batch.';
revoke all on function submit_leads from public;
grant execute on function submit_leads to rempart_app, rempart_worker;
grant create on schema public to rempart_intake;
alter function submit_leads owner to rempart_intake;
revoke create on schema public from rempart_intake;
