import type { Preset } from './preset.ts'

/** The limits of public forms. What else protects them (trap fields, render tokens, quotas) belongs to each form. */
export const publicForms: Preset = {
  about: 'Public forms: looking 30, evaluating 30 and submitting 10 a minute.',
  policies: {
    'forms.view': {
      match: { method: 'GET', path: ['/api/v1/forms/public/:slug', '/forms/public/:slug'] },
      rules: { burst: { kind: 'rate-limit', by: 'ip', limit: 30, window: '60s' } },
    },
    'forms.evaluate': {
      match: { method: 'POST', path: ['/api/v1/forms/public/:slug/evaluate', '/forms/public/:slug/evaluate'] },
      rules: { burst: { kind: 'rate-limit', by: 'ip', limit: 30, window: '60s' } },
    },
    'leads.submit': {
      match: { method: 'POST', path: ['/api/v1/leads/forms/:formId/submit', '/leads/forms/:formId/submit'] },
      rules: { burst: { kind: 'rate-limit', by: 'ip', limit: 10, window: '60s' } },
    },
  },
}
