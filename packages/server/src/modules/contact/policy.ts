import type { PolicyInput } from '@rempart/guard'

/** Three messages a minute are a person who corrects themselves; the fourth waits five minutes. */
export const contactPolicy: PolicyInput = {
  id: 'contact.submit',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 3, window: '60s', cooldown: '300s' }],
}
