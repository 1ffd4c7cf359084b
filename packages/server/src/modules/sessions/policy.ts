import type { PolicyInput } from '@rempart/guard'

/** Using the link of a mail that ends every session. */
export const sessionLinkPolicy: PolicyInput = {
  id: 'sessions.link',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 10, window: '60s' }],
}
