import type { PolicyInput } from '@rempart/guard'

/** Registrations at any gate, under whichever path. Whoever insists waits for an hour. */
export const gateRegisterPolicy: PolicyInput = {
  id: 'gates.register',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 10, window: '3600s', cooldown: '3600s' }],
}
