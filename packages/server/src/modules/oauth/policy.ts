import type { PolicyInput } from '@rempart/guard'

/** Starting a sign-in with a provider: each may ask the provider what it offers. */
export const oauthStartPolicy: PolicyInput = {
  id: 'oauth.start',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 20, window: '60s' }],
}

/** Coming back from a provider, and registering with what it said: each asks the provider, or makes an account. */
export const oauthFinishPolicy: PolicyInput = {
  id: 'oauth.finish',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 20, window: '60s' }],
}
