import type { PolicyInput } from '@rempart/guard'

/** Asking for another address. What one address gets is capped besides, in the outbox. */
export const emailChangePolicy: PolicyInput = {
  id: 'email-change.request',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 5, window: '60s' }],
}

/** Using the link of a mail. */
export const emailLinkPolicy: PolicyInput = {
  id: 'email-change.use',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 10, window: '60s' }],
}
