import type { PolicyInput } from '@rempart/guard'

/** Exports read every table: room for a person who tries again, none for a script. */
export const exportPolicy: PolicyInput = {
  id: 'privacy.export',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 10, window: '1h' }],
}
