-- The keys that sign what this installation gives out. They belong to the platform: there is no tenant here. Every instant
-- is of the database's clock, so that all processes agree on which key is in use.
create table signing_key (
  kid text primary key check (kid ~ '^[A-Za-z0-9_-]{43}$'),
  purpose text not null check (purpose ~ '^[a-z][a-z-]{0,39}$'),
  algorithm text not null check (algorithm = 'EdDSA'),
  public_jwk jsonb not null check (jsonb_typeof(public_jwk) = 'object' and not public_jwk ? 'd' and length(public_jwk::text) <= 1000),
  sealed_private bytea not null check (length(sealed_private) between 32 and 1000),
  state text not null check (state in ('next', 'active', 'retired')),
  created_at timestamptz not null default now(),
  not_before timestamptz not null,
  activated_at timestamptz,
  rotate_after timestamptz,
  retired_at timestamptz,
  remove_after timestamptz,
  check (state = 'next' and activated_at is null or state <> 'next' and activated_at is not null and rotate_after is not null),
  check ((state = 'retired') = (retired_at is not null and remove_after is not null))
);
comment on table signing_key is 'Published while next, signing while active, and still believed while retired.';
comment on column signing_key.kid is 'Thumbprint of the public part (RFC 7638).';
comment on column signing_key.public_jwk is 'For people to read. Processes believe the one they make of the private part.';
comment on column signing_key.sealed_private is 'PKCS #8 under a key that is derived from the master secret and bound to purpose and kid.';
comment on column signing_key.not_before is 'Signs nothing earlier: by then everybody who keeps the published keys has seen it.';
comment on column signing_key.rotate_after is 'When the next one takes over, if it may sign by then.';
comment on column signing_key.remove_after is 'By then nothing that it signed is still valid.';
create unique index signing_key_one_active on signing_key (purpose) where state = 'active';
create unique index signing_key_one_next on signing_key (purpose) where state = 'next';

-- The app signs. The worker lists, and reads no private part.
grant select on signing_key to rempart_app;
grant select (kid, purpose, algorithm, public_jwk, state, created_at, not_before, activated_at, rotate_after, retired_at, remove_after)
  on signing_key to rempart_worker;

-- What changes a key is one of these, each under one lock, so that processes that start or turn at once agree.
create function turn_signing_keys(p_purpose text) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_next text;
  v_removed integer;
begin
  perform pg_advisory_xact_lock(7236415903);
  delete from public.signing_key k where k.purpose = p_purpose and k.state = 'retired' and k.remove_after <= now();
  get diagnostics v_removed = row_count;
  select n.kid into v_next from public.signing_key n join public.signing_key a on a.purpose = n.purpose
  where n.purpose = p_purpose and n.state = 'next' and n.not_before <= now() and a.state = 'active' and a.rotate_after <= now();
  if v_next is not null then
    -- Twice the life of what it signs: a process that hears of it late may sign with it a little longer.
    update public.signing_key k set state = 'retired', retired_at = now(), remove_after = now() + interval '30 minutes'
    where k.purpose = p_purpose and k.state = 'active';
    update public.signing_key k set state = 'active', activated_at = now(), rotate_after = now() + interval '90 days'
    where k.kid = v_next;
  end if;
  if v_next is null and v_removed = 0 then
    return false;
  end if;
  perform pg_notify('rempart_keys', p_purpose);
  return true;
end
$$;
comment on function turn_signing_keys is 'Does what is due: the next key takes over, and retired ones are forgotten. Whether anything changed.';

create function add_signing_key(p_purpose text, p_kid text, p_algorithm text, p_public_jwk jsonb, p_sealed_private bytea) returns text
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_state text;
begin
  perform pg_advisory_xact_lock(7236415903);
  v_state := case
    when not exists (select from public.signing_key k where k.purpose = p_purpose and k.state = 'active') then 'active'
    when not exists (select from public.signing_key k where k.purpose = p_purpose and k.state = 'next') then 'next'
  end;
  if v_state is null then
    return null;
  end if;
  insert into public.signing_key (kid, purpose, algorithm, public_jwk, sealed_private, state, not_before, activated_at, rotate_after)
  values (p_kid, p_purpose, p_algorithm, p_public_jwk, p_sealed_private, v_state,
    -- Nobody keeps a list that lacks the first key.
    case v_state when 'active' then now() else now() + interval '30 minutes' end,
    case v_state when 'active' then now() end,
    case v_state when 'active' then now() + interval '90 days' end);
  perform pg_notify('rempart_keys', p_purpose);
  return v_state;
end
$$;
comment on function add_signing_key is 'Takes a key into the place that is free, the active one first: its state. Null when there is none, and the key is dropped.';

create function hasten_signing_keys(p_purpose text) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock(7236415903);
  update public.signing_key k set rotate_after = least(k.rotate_after, now()) where k.purpose = p_purpose and k.state = 'active';
  perform public.turn_signing_keys(p_purpose);
  return exists (select from public.signing_key k where k.purpose = p_purpose and k.state = 'active' and k.activated_at = now());
end
$$;
comment on function hasten_signing_keys is 'Rotates as soon as the next key may sign. Whether that was at once.';

create function end_signing_keys(p_purpose text) returns integer
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_ended integer;
begin
  perform pg_advisory_xact_lock(7236415903);
  delete from public.signing_key k where k.purpose = p_purpose;
  get diagnostics v_ended = row_count;
  perform pg_notify('rempart_keys', p_purpose);
  return v_ended;
end
$$;
comment on function end_signing_keys is 'Forgets every key at once: nothing that they signed holds any more. How many. The processes make others.';

revoke all on function turn_signing_keys(text), add_signing_key(text, text, text, jsonb, bytea), hasten_signing_keys(text),
  end_signing_keys(text) from public;
grant execute on function turn_signing_keys(text) to rempart_app, rempart_worker;
grant execute on function add_signing_key(text, text, text, jsonb, bytea) to rempart_app;
grant execute on function hasten_signing_keys(text), end_signing_keys(text) to rempart_worker;
