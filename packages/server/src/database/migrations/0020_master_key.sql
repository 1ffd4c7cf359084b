-- What is sealed under a former master secret is sealed anew. The worker does it, and may change nothing else of these rows.
grant update (sealed) on mail_outbox to rempart_worker;
grant update (sealed_key) on audit_subject_key to rempart_worker;

create function reseal_signing_key(p_kid text, p_from bytea, p_to bytea) returns boolean
language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock(7236415903);
  update public.signing_key k set sealed_private = p_to where k.kid = p_kid and k.sealed_private = p_from;
  return found;
end
$$;
comment on function reseal_signing_key is 'Replaces the sealed private part of a key, unless it was replaced meanwhile. Which key it is stays: processes believe the one its name says.';
revoke all on function reseal_signing_key(text, bytea, bytea) from public;
grant execute on function reseal_signing_key(text, bytea, bytea) to rempart_app;
