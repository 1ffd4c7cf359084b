import type { PolicyInput } from '@rempart/guard'

/** Asking for a link. What one address gets is capped besides, in the outbox. */
export const resetRequestPolicy: PolicyInput = {
  id: 'password-reset.request',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 5, window: '60s' }],
}

/** Using a link, and asking whether it is good. */
export const resetUsePolicy: PolicyInput = {
  id: 'password-reset.use',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 10, window: '60s' }],
}
