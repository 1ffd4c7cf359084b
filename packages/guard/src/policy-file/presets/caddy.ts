import type { Preset } from './preset.ts'

/** The limits of a reverse proxy before an API of one's own. */
export const caddy: Preset = {
  about: 'A reverse proxy in front of an API: sign-in 5, health 20 and everything else 120 a minute.',
  policies: {
    'auth.login': {
      match: { path: ['/auth/login', '/api/v1/auth/login'] },
      rules: { burst: { kind: 'rate-limit', by: 'ip', limit: 5, window: '60s' } },
    },
    health: {
      match: { path: ['/health/*', '/api/v1/health/*'] },
      rules: { burst: { kind: 'rate-limit', by: 'ip', limit: 20, window: '60s' } },
    },
    general: {
      match: { path: '/*' },
      rules: { burst: { kind: 'rate-limit', by: 'ip', limit: 120, window: '60s' } },
    },
  },
}
