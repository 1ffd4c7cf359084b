-- The end of a sign-in with a password, in one statement: each round trip costs a server whose cores are hashing as much as what it does.
create function open_password_session(
  p_user_id uuid, p_hash text, p_session_id uuid, p_transport text, p_device_label text, p_client bytea, p_now timestamptz,
  p_idle_minutes integer, p_max_hours integer, p_token_hash bytea, p_must_be_seen boolean, p_seen_since timestamptz,
  p_request_id text, p_changes text, p_audit_client bytea
) returns boolean
language plpgsql volatile security invoker set search_path = ''
-- Planned once per connection: PostgreSQL would plan parts of it anew for each call.
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  v_tenant constant uuid := nullif(current_setting('rempart.tenant_id', true), '')::uuid;
  v_settings jsonb;
  v_end timestamptz;
  v_expiry timestamptz;
begin
  -- Before anything else of the person, as everywhere.
  perform from public.user_account u where u.tenant_id = v_tenant and u.id = p_user_id for no key update;
  -- A statement of its own: it sees what was committed while the lock was waited for, another password above all.
  select s.settings into v_settings
  from public.user_account u
  join public.password_credential p on p.tenant_id = u.tenant_id and p.user_id = u.id
  join public.tenant t on t.id = u.tenant_id
  left join public.tenant_setting s on s.tenant_id = u.tenant_id
  where u.tenant_id = v_tenant and u.id = p_user_id
    and u.is_active and u.email_verified_at is not null and u.deleted_at is null and u.erased_at is null
    and p.hash = p_hash and not u.mfa_required and not t.mfa_required
    and not exists (
      select from public.mfa_secret m where m.tenant_id = v_tenant and m.user_id = p_user_id and m.confirmed_at is not null)
    and not exists (
      select from public.one_time_token o
      where o.tenant_id = v_tenant and o.user_id = p_user_id and o.purpose = 'reset-mfa-wait' and o.expires_at > p_now)
    and (not p_must_be_seen or exists (
      select from public.session k
      where k.tenant_id = v_tenant and k.user_id = p_user_id and k.created_at > p_seen_since
        and k.device_label is not distinct from p_device_label));
  if not found then
    return false;
  end if;
  v_end := p_now + make_interval(hours => coalesce((v_settings ->> 'sessionMaxHours')::integer, p_max_hours));
  v_expiry := least(v_end, p_now + make_interval(mins => coalesce((v_settings ->> 'sessionIdleMinutes')::integer, p_idle_minutes)));
  with opened as (
    insert into public.session (tenant_id, id, user_id, aal, amr, auth_time, transport, device_label, client_sealed,
      created_at, last_seen_at, idle_expires_at, absolute_expires_at)
    values (v_tenant, p_session_id, p_user_id, 1, '{pwd}', p_now, p_transport, p_device_label, p_client,
      p_now, p_now, v_expiry, v_end)
  ), noted as (
    update public.user_account u set last_login_at = p_now where u.tenant_id = v_tenant and u.id = p_user_id
  )
  insert into public.refresh_token (tenant_id, token_hash, session_id, created_at, expires_at)
  values (v_tenant, p_token_hash, p_session_id, p_now, v_expiry);
  perform public.audit_append('user', p_user_id::text, 'session.opened', 'session', p_session_id::text, 'done', p_request_id,
    p_changes, null, null, p_audit_client);
  return true;
end
$$;
comment on function open_password_session is 'Opens the session of somebody whose password was right, or does nothing and answers false when there is more to it: another password by now, a second factor, a device to tell of.';
revoke all on function open_password_session(uuid, text, uuid, text, text, bytea, timestamptz, integer, integer, bytea, boolean,
  timestamptz, text, text, bytea) from public;
grant execute on function open_password_session(uuid, text, uuid, text, text, bytea, timestamptz, integer, integer, bytea, boolean,
  timestamptz, text, text, bytea) to rempart_app;
