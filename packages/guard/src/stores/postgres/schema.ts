/**
 * The SQL that a PostgreSQL store counts with: a schema `rempart_guard` of three tables and the functions over them.
 * Run it once, as the role that shall own them, and grant USAGE on the schema, SELECT, INSERT, UPDATE and DELETE on
 * its tables and EXECUTE on its functions to the role that serves. For PostgreSQL 15 or later.
 *
 * Counters are in unlogged tables: they cost no write-ahead log, and a crash of the database empties them, as a
 * restart empties the memory of a process. Marks (single use) are in a logged one.
 */
export const postgresStoreSql = `create schema rempart_guard;

-- Times are microseconds since 1970, of this server's clock; one that lies ahead of it is read as now, so that a clock that
-- was set back locks nobody for longer than a window.
create unlogged table rempart_guard.counter (
  key bytea primary key,
  -- A window: its arrivals, oldest first. A rate with a burst: the theoretical arrival time. A ladder: the last attempt.
  -- Slots: when each ends.
  times bigint[] not null default '{}',
  -- Of a window: the units of each arrival. Of a ladder: the attempts.
  units bigint[] not null default '{}',
  -- Of slots: who holds each.
  holders text[] not null default '{}',
  cooling_until bigint not null default 0,
  expires_at bigint not null default 0
) with (fillfactor = 70);

create table rempart_guard.mark (
  key bytea primary key,
  expires_at bigint not null
);

create unlogged table rempart_guard.node (
  id uuid primary key,
  seen_at bigint not null
);

create function rempart_guard.now_us() returns bigint
language sql volatile security invoker set search_path = ''
as $$ select floor(extract(epoch from clock_timestamp()) * 1000000)::bigint $$;

-- How long the last counted of n attempts makes the next one wait. Rows: [after, wait, after, wait, …] by after.
create function rempart_guard.ladder_wait(attempts bigint, ladder bigint[]) returns bigint
language plpgsql immutable security invoker set search_path = ''
as $$
declare
  v_wait bigint := 0;
begin
  for place in 1 .. coalesce(array_length(ladder, 1), 0) / 2 loop
    exit when ladder[place * 2 - 1] > attempts;
    v_wait := ladder[place * 2];
  end loop;
  return v_wait;
end
$$;

-- Checks and charges the takes of several requests in one step, all or none within each request; a take charged by
-- attempt is charged whenever it fits. Takes of one request stand together. Answers, for each take: fits, charged,
-- used, µs until it frees, µs to wait (-1: for ever), cooling.
create function rempart_guard.take(
  requests integer[], keys bytea[], shapes text[], limits bigint[], capacities bigint[], windows bigint[],
  cooldowns bigint[], cells bigint[], intervals bigint[], challenges bigint[], ladders text[], costs bigint[],
  enforced boolean[], attempts boolean[], solved boolean[], leases text[]
) returns bigint[]
language plpgsql volatile security invoker set search_path = ''
as $$
declare
  v_now constant bigint := rempart_guard.now_us();
  v_count constant integer := array_length(requests, 1);
  v_distinct integer;
  v_locked integer;
  v_first integer := 1;
  v_last integer;
  v_admitted boolean;
  v_excess bigint;
  v_wait bigint;
  v_frees bigint;
  v_used bigint;
  v_debt bigint;
  v_fits boolean;
  v_cooling boolean;
  v_charged boolean;
  v_starts boolean;
  v_expires bigint;
  v_last_entry integer;
  v_ladder bigint[];
  v_row rempart_guard.counter;
  v_rows rempart_guard.counter[];
  -- Whether the row holds times that lie ahead, which are then written back as read: else they would be read as now for ever.
  v_ahead boolean[] := array_fill(false, array[v_count]);
  v_answer bigint[] := array_fill(0::bigint, array[v_count * 6]);
begin
  -- In the order of the keys, so that two calls never wait for each other. A row may be forgotten in between; then again.
  v_distinct := (select count(distinct k) from unnest(keys) k);
  loop
    insert into rempart_guard.counter (key) select distinct k from unnest(keys) k order by k on conflict (key) do nothing;
    perform from rempart_guard.counter c where c.key = any (keys) order by c.key for update;
    get diagnostics v_locked = row_count;
    exit when v_locked = v_distinct;
  end loop;

  while v_first <= v_count loop
    v_last := v_first;
    while v_last < v_count and requests[v_last + 1] = requests[v_first] loop
      v_last := v_last + 1;
    end loop;

    v_admitted := true;
    v_rows := '{}';
    for i in v_first .. v_last loop
      select * into v_row from rempart_guard.counter c where c.key = keys[i];
      v_wait := 0;
      v_frees := 0;
      v_ahead[i] := v_row.cooling_until > v_now + cooldowns[i] or case shapes[i]
        when 'window' then v_row.times[array_length(v_row.times, 1)] > v_now
        when 'gcra' then v_row.times[1] > v_now + capacities[i] * intervals[i]
        when 'ladder' then v_row.times[1] > v_now
        else false
      end;
      case shapes[i]
        when 'window' then
          select coalesce(array_agg(least(e.t, v_now) order by e.place), '{}'), coalesce(array_agg(e.u order by e.place), '{}'),
            coalesce(sum(e.u), 0)
          into v_row.times, v_row.units, v_used
          from unnest(v_row.times, v_row.units) with ordinality as e (t, u, place)
          where least(e.t, v_now) + windows[i] > v_now;
          v_fits := v_used + costs[i] <= limits[i];
          if v_used > 0 then
            v_frees := v_row.times[1] + windows[i] - v_now;
          end if;
          if not v_fits then
            v_excess := v_used + costs[i] - limits[i];
            v_wait := -1;
            for place in 1 .. coalesce(array_length(v_row.times, 1), 0) loop
              exit when costs[i] > limits[i];
              v_excess := v_excess - v_row.units[place];
              if v_excess <= 0 then
                v_wait := v_row.times[place] + windows[i] - v_now;
                exit;
              end if;
            end loop;
          end if;
        when 'gcra' then
          v_debt := least(greatest(coalesce(v_row.times[1], 0) - v_now, 0), capacities[i] * intervals[i]);
          v_used := (v_debt + intervals[i] - 1) / intervals[i];
          if v_debt > 0 then
            v_frees := v_debt - (v_used - 1) * intervals[i];
          end if;
          v_fits := costs[i] <= capacities[i] and v_debt + costs[i] * intervals[i] <= capacities[i] * intervals[i];
          if not v_fits then
            v_wait := case when costs[i] > capacities[i] then -1
              else v_debt + costs[i] * intervals[i] - capacities[i] * intervals[i] end;
          end if;
          v_row.times := array[v_now + v_debt];
        when 'ladder' then
          v_ladder := ladders[i]::bigint[];
          v_used := coalesce(v_row.units[1], 0);
          v_row.times := array[least(coalesce(v_row.times[1], v_now), v_now)];
          v_wait := rempart_guard.ladder_wait(v_used, v_ladder);
          v_frees := v_row.times[1] + v_wait + windows[i] - v_now;
          if v_used = 0 or v_frees <= 0 then
            v_used := 0;
            v_wait := 0;
            v_frees := 0;
          else
            v_wait := greatest(0, v_row.times[1] + v_wait - v_now);
          end if;
          v_fits := v_wait = 0 and (solved[i] or v_used < challenges[i]);
        when 'leases' then
          select coalesce(array_agg(least(e.t, v_now + windows[i])), '{}'), coalesce(array_agg(e.h), '{}'), count(*),
            coalesce(min(least(e.t, v_now + windows[i])) - v_now, 0)
          into v_row.times, v_row.holders, v_used, v_frees
          from unnest(v_row.times, v_row.holders) as e (t, h) where e.t > v_now;
          v_fits := v_used < capacities[i];
          if not v_fits then
            v_wait := v_frees;
          end if;
      end case;

      v_cooling := cooldowns[i] > 0 and v_row.cooling_until > v_now;
      if v_cooling then
        v_row.cooling_until := least(v_row.cooling_until, v_now + cooldowns[i]);
        v_fits := false;
        v_wait := case when v_wait < 0 then -1 else greatest(v_wait, v_row.cooling_until - v_now) end;
      end if;
      if enforced[i] and not v_fits then
        v_admitted := false;
      end if;
      v_rows := v_rows || v_row;
      v_answer[i * 6 - 5] := v_fits::integer;
      v_answer[i * 6 - 3] := v_used;
      v_answer[i * 6 - 2] := v_frees;
      v_answer[i * 6 - 1] := v_wait;
      v_answer[i * 6] := v_cooling::integer;
    end loop;

    for i in v_first .. v_last loop
      v_row := v_rows[i - v_first + 1];
      v_fits := v_answer[i * 6 - 5] = 1;
      v_charged := v_fits and (v_admitted or attempts[i]);
      v_starts := not v_fits and cooldowns[i] > 0 and v_answer[i * 6] = 0;
      continue when not (v_charged or v_starts or coalesce(v_ahead[i], false));
      v_used := v_answer[i * 6 - 3];
      if v_starts then
        v_row.cooling_until := v_now + cooldowns[i];
        v_answer[i * 6] := 1;
        if v_answer[i * 6 - 1] >= 0 then
          v_answer[i * 6 - 1] := greatest(v_answer[i * 6 - 1], cooldowns[i]);
        end if;
      elsif v_charged then
        v_answer[i * 6 - 4] := 1;
        v_last_entry := coalesce(array_length(v_row.times, 1), 0);
        case shapes[i]
          when 'window' then
            if v_last_entry > 0 and cells[i] > 0 and v_row.times[v_last_entry] / cells[i] = v_now / cells[i] then
              v_row.times[v_last_entry] := v_now;
              v_row.units[v_last_entry] := v_row.units[v_last_entry] + costs[i];
            else
              v_row.times := v_row.times || v_now;
              v_row.units := v_row.units || costs[i];
            end if;
            v_used := v_used + costs[i];
            v_answer[i * 6 - 2] := v_row.times[1] + windows[i] - v_now;
          when 'gcra' then
            v_row.times := array[v_row.times[1] + costs[i] * intervals[i]];
            v_debt := v_row.times[1] - v_now;
            v_used := (v_debt + intervals[i] - 1) / intervals[i];
            v_answer[i * 6 - 2] := v_debt - (v_used - 1) * intervals[i];
          when 'ladder' then
            v_used := v_used + 1;
            v_row.times := array[v_now];
            v_row.units := array[v_used];
            v_answer[i * 6 - 2] := rempart_guard.ladder_wait(v_used, ladders[i]::bigint[]) + windows[i];
          when 'leases' then
            v_row.times := v_row.times || (v_now + windows[i]);
            v_row.holders := v_row.holders || leases[i];
            v_used := v_used + 1;
            v_answer[i * 6 - 2] := (select min(t) - v_now from unnest(v_row.times) t);
        end case;
        v_answer[i * 6 - 3] := v_used;
      end if;
      v_expires := case shapes[i]
        when 'window' then coalesce(v_row.times[array_length(v_row.times, 1)], v_now) + windows[i]
        when 'gcra' then v_row.times[1]
        when 'ladder' then v_now + v_answer[i * 6 - 2]
        else v_now + windows[i]
      end;
      update rempart_guard.counter c
      set times = v_row.times, units = v_row.units, holders = v_row.holders, cooling_until = v_row.cooling_until,
        expires_at = greatest(v_expires, v_row.cooling_until)
      where c.key = keys[i];
    end loop;
    v_first := v_last + 1;
  end loop;
  return v_answer;
end
$$;

create function rempart_guard.clear(keys bytea[]) returns void
language sql volatile security invoker set search_path = ''
as $$
  delete from rempart_guard.counter c
  where c.key in (select k.key from rempart_guard.counter k where k.key = any (keys) order by k.key for update)
$$;

create function rempart_guard.release(keys bytea[], leases text[]) returns void
language plpgsql volatile security invoker set search_path = ''
as $$
begin
  perform from rempart_guard.counter c where c.key = any (keys) order by c.key for update;
  for i in 1 .. array_length(keys, 1) loop
    update rempart_guard.counter c
    set (times, holders) = (
      select coalesce(array_agg(e.t), '{}'), coalesce(array_agg(e.h), '{}')
      from unnest(c.times, c.holders) as e (t, h) where e.h <> leases[i])
    where c.key = keys[i];
  end loop;
end
$$;

-- True for the first call with a key until it has ended.
create function rempart_guard.set_mark(mark_key bytea, ttl bigint) returns boolean
language plpgsql volatile security invoker set search_path = ''
as $$
declare
  v_now constant bigint := rempart_guard.now_us();
begin
  insert into rempart_guard.mark as m (key, expires_at) values (mark_key, v_now + ttl)
  on conflict (key) do update set expires_at = excluded.expires_at where m.expires_at <= v_now;
  return found;
end
$$;

-- Says that a process is there, forgets what has ended, and answers how many were seen within the time.
create function rempart_guard.beat(node_id uuid, within_us bigint) returns integer
language plpgsql volatile security invoker set search_path = ''
as $$
declare
  v_now constant bigint := rempart_guard.now_us();
begin
  insert into rempart_guard.node (id, seen_at) values (node_id, v_now) on conflict (id) do update set seen_at = excluded.seen_at;
  delete from rempart_guard.node n where n.seen_at < v_now - within_us * 10;
  delete from rempart_guard.counter c where c.key in (
    select k.key from rempart_guard.counter k where k.expires_at < v_now limit 5000 for update skip locked);
  delete from rempart_guard.mark m where m.key in (
    select k.key from rempart_guard.mark k where k.expires_at < v_now limit 5000 for update skip locked);
  return (select count(*) from rempart_guard.node n where n.seen_at > v_now - within_us)::integer;
end
$$;

revoke all on all functions in schema rempart_guard from public;
`
