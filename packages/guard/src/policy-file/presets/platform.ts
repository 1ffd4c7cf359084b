import type { Preset } from './preset.ts'

/** The limits of a platform with accounts: sign-in, second factor, and all the rest. */
export const platform: Preset = {
  about: 'A multi-tenant platform: 60 a minute, sign-in and second factor 5 a minute with a ladder per account.',
  policies: {
    'auth.login': {
      match: { method: 'POST', path: '/api/v1/auth/login' },
      rules: {
        burst: { kind: 'rate-limit', by: 'ip', limit: 5, window: '60s' },
        ladder: {
          kind: 'escalation',
          by: 'account',
          window: '1h',
          steps: [
            { after: 3, do: 'challenge' },
            { after: 5, do: 'delay', for: '2s', growth: 2, cap: '1m' },
            { after: 10, do: 'lock', for: '15m' },
            { after: 10, do: 'alert' },
          ],
        },
      },
    },
    // One policy for every way of trying a code, so that none of them adds to the others. The ladder is forgotten after a
    // day, which leaves 10 codes and then one in 15 minutes: 106 of a million in a day.
    'mfa.verify': {
      match: {
        method: 'POST',
        path: ['/api/v1/mfa/verify', '/api/v1/mfa/enable', '/api/v1/mfa/recovery/verify', '/api/v1/auth/login/mfa'],
      },
      rules: {
        burst: { kind: 'rate-limit', by: 'ip', limit: 5, window: '60s' },
        ladder: {
          kind: 'escalation',
          by: 'account',
          window: '1d',
          steps: [
            { after: 10, do: 'lock', for: '15m' },
            { after: 10, do: 'alert' },
          ],
        },
      },
    },
    health: { match: { method: 'GET', path: ['/api/v1/health/*', '/health/*', '/ready'] } },
    general: {
      match: { path: '/*' },
      rules: { burst: { kind: 'rate-limit', by: 'ip', limit: 60, window: '60s' } },
    },
  },
}
