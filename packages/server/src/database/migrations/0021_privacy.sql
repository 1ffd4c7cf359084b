-- Requests of people about their data, and what erasing one of them takes.
create table privacy_request (
  tenant_id uuid not null references tenant (id),
  id uuid not null,
  kind text not null check (kind in ('access', 'erasure', 'rectification')),
  state text not null default 'open' check (state in ('open', 'done', 'refused', 'lapsed')),
  user_id uuid,
  email text check (length(email) between 3 and 254),
  note text check (length(note) between 1 and 4000),
  answer text check (length(answer) between 1 and 4000),
  handled_by text check (length(handled_by) between 1 and 100),
  receipt jsonb check (jsonb_typeof(receipt) = 'object'),
  created_at timestamptz not null default now(),
  due_at timestamptz not null,
  handled_at timestamptz,
  primary key (tenant_id, id),
  check ((state = 'open') = (handled_at is null)),
  check ((handled_at is null) = (handled_by is null))
);
comment on table privacy_request is 'What somebody asked about their data, and what came of it. It outlives the person, whom it names no longer then.';
comment on column privacy_request.state is 'lapsed: the person was erased before it was answered.';
comment on column privacy_request.user_id is 'The account it is about, which may be gone.';
comment on column privacy_request.email is 'Of somebody without an account, until they are erased.';
comment on column privacy_request.handled_by is 'user:<id>, or system.';
comment on column privacy_request.receipt is 'Of an erasure: what was done, signed.';
comment on column privacy_request.due_at is 'One month after it was received (art. 12(3) GDPR).';
create index privacy_request_of_user on privacy_request (tenant_id, user_id);
create index privacy_request_open on privacy_request (tenant_id, due_at) where state = 'open';

alter table privacy_request enable row level security;
alter table privacy_request force row level security;
create policy tenant_isolation on privacy_request as permissive for all to rempart_app, rempart_worker
  using (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid))
  with check (tenant_id = (select nullif(current_setting('rempart.tenant_id', true), '')::uuid));
grant select, insert, update, delete on privacy_request to rempart_app, rempart_worker;

-- A note names its author, who can be erased from it.
alter table lead_note
  add column author_id uuid,
  add foreign key (tenant_id, author_id) references user_account (tenant_id, id) on delete set null (author_id);
comment on column lead_note.author_id is 'The person who wrote it; null: a key did, or the person is gone.';
create index lead_note_of_author on lead_note (tenant_id, author_id) where author_id is not null;
grant update (author, author_id) on lead_note to rempart_app, rempart_worker;

-- A mail to an address without an account goes with whoever has that address.
grant select (user_id, recipient_hash), delete on mail_outbox to rempart_app;
grant delete on mail_recipient to rempart_app;
