import type { PolicyInput } from '@rempart/guard'

/** Asking for an account. What one address gets is capped besides, in the outbox. */
export const registerPolicy: PolicyInput = {
  id: 'auth.register',
  rules: [
    { id: 'burst', kind: 'rate-limit', by: 'ip', limit: 5, window: '60s' },
    { id: 'daily', kind: 'rate-limit', by: 'ip', limit: 50, window: '1d' },
  ],
}

/** Confirming an address. */
export const verifyEmailPolicy: PolicyInput = {
  id: 'auth.verify-email',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 10, window: '60s' }],
}
