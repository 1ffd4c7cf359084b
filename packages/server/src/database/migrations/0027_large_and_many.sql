-- What is slow for a tenant of many rows, or for many tenants.

-- Staff look for what is new, and for one person's: without these, all that the tenant ever got is read.
create index lead_by_status on lead (tenant_id, status, id);
create index lead_by_email on lead (tenant_id, email, id);
create index contact_message_by_status on contact_message (tenant_id, status, id);

-- Heads are signed every minute: one statement says where there is anything to sign.
grant select (tenant_id, seq) on audit_event to rempart_auth;
grant select (tenant_id, seq) on audit_head to rempart_auth;
create policy audit_lookup on audit_event as permissive for select to rempart_auth using (true);
create policy audit_lookup on audit_head as permissive for select to rempart_auth using (true);

create function auth.tenants_to_sign() returns table (tenant_id uuid)
language sql stable security definer set search_path = ''
as $$
  select t.id from public.tenant t
  where (select max(e.seq) from public.audit_event e where e.tenant_id = t.id)
    is distinct from (select max(h.seq) from public.audit_head h where h.tenant_id = t.id)
  order by t.id
$$;
comment on function auth.tenants_to_sign is 'Tenants whose log does not end where it was last signed.';
revoke all on function auth.tenants_to_sign() from public;
grant execute on function auth.tenants_to_sign() to rempart_worker;
grant create on schema auth to rempart_auth;
alter function auth.tenants_to_sign() owner to rempart_auth;
revoke create on schema auth from rempart_auth;
