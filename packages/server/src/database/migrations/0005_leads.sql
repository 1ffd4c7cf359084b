-- Leads, their notes, and what makes a submission count once: its receipt (key and token) and the quota.
create table lead (
  -- No reference to the tenant here and in the receipts below: their rows come by the thousand, the form has one.
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

create table submission_receipt (
  tenant_id uuid not null,
  nonce uuid not null,
  form_id uuid not null,
  key_hash bytea check (length(key_hash) = 32),
  request_hash bytea check (length(request_hash) = 32),
  lead_id uuid not null,
  score integer,
  outcome text,
  created_at timestamptz not null default now(),
  primary key (tenant_id, nonce),
  unique (tenant_id, form_id, key_hash),
  check ((key_hash is null) = (request_hash is null))
);
-- What is old lies together.
create index submission_receipt_by_age on submission_receipt using brin (tenant_id, created_at);
comment on table submission_receipt is
  'What a submission spent and was answered, kept for seven days: longer than any render token lives.';
comment on column submission_receipt.nonce is 'Of the render token that was spent; where none was sent, the id that was answered.';
comment on column submission_receipt.key_hash is 'SHA-256 of the Idempotency-Key; null where none was sent.';
comment on column submission_receipt.lead_id is 'The id that was answered: of a lead, or made up for a submission that was dropped.';

alter table submission_receipt enable row level security;
alter table submission_receipt force row level security;
create policy tenant_isolation on submission_receipt as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, delete on submission_receipt to rempart_app, rempart_worker;

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
