-- What links in mails may be for: an address that comes back, sessions that end, a second factor that is given up.
alter table one_time_token
  drop constraint one_time_token_purpose_check,
  add constraint one_time_token_purpose_check check (purpose in
    ('verify-email', 'change-email', 'reset-password', 'mfa-challenge', 'invitation', 'oauth-state', 'oauth-registration', 'passkey-challenge',
     'bootstrap', 'return-email', 'end-sessions', 'reset-mfa', 'reset-mfa-wait'));
