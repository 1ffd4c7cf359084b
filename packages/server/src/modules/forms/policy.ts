import type { PolicyInput } from '@rempart/guard'

/** Looking at a form, thirty times a minute. */
export const formViewPolicy: PolicyInput = {
  id: 'forms.view',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 30, window: '60s' }],
}

/** Checking answers without sending them: a form may do so at every change of page. */
export const formEvaluatePolicy: PolicyInput = {
  id: 'forms.evaluate',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 30, window: '60s' }],
}
