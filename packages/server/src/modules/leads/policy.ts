import type { PolicyInput } from '@rempart/guard'

/** Submissions: room for a person who corrects themselves, none for a script that insists. */
export const leadSubmitPolicy: PolicyInput = {
  id: 'leads.submit',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 10, window: '60s' }],
}
