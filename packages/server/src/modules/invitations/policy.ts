import type { PolicyInput } from '@rempart/guard'

/** Accepting an invitation: each costs a hash. */
export const invitationAcceptPolicy: PolicyInput = {
  id: 'invitations.accept',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 10, window: '60s' }],
}
