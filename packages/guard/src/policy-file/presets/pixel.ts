import type { Preset } from './preset.ts'

/** The rules of a public site's API: contact, resources, a registration gate. */
export const pixel: Preset = {
  about: 'A public API with a contact form, resources and a registration gate; Retry-After only during a cooldown.',
  policies: {
    'contact.submit': {
      match: { method: 'POST', path: '/api/v1/contact' },
      rules: {
        burst: {
          kind: 'rate-limit',
          by: 'ip',
          limit: 3,
          window: '60s',
          cooldown: '300s',
          retryAfter: 'cooldown-only',
        },
      },
    },
    // Both names of one gate, so that using the two in turn gains nothing.
    'gates.register': {
      match: { method: 'POST', path: ['/api/v1/gate125/register', '/api/v1/gates/:slug/register'] },
      rules: {
        burst: {
          kind: 'rate-limit',
          by: 'ip',
          limit: 10,
          window: '3600s',
          cooldown: '3600s',
          retryAfter: 'cooldown-only',
        },
      },
    },
    'resources.list': {
      match: { method: 'GET', path: '/api/v1/resources' },
      rules: { burst: { kind: 'rate-limit', by: 'ip', limit: 60, window: '60s', retryAfter: 'cooldown-only' } },
    },
    // No rule: whatever else is limited, a load balancer's question is not.
    health: { match: { method: 'GET', path: ['/api/v1/health/*', '/health/*'] } },
  },
}
