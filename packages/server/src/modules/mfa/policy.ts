import type { PolicyInput } from '@rempart/guard'

/**
 * Codes of a second factor. The ladder is the person's, one for every route, challenge, address and kind of code: with ten
 * guesses before a quarter of an hour, then twice as long each time, six digits last. It starts anew when a code was right,
 * and for nothing else.
 */
export const mfaVerifyPolicy: PolicyInput = {
  id: 'mfa.verify',
  rules: [
    { id: 'burst', kind: 'rate-limit', by: 'ip', limit: 5, window: '60s' },
    {
      id: 'ladder',
      kind: 'escalation',
      by: 'account',
      window: '30d',
      steps: [
        { after: 10, do: 'lock', for: '15m', growth: 2, cap: '1d' },
        { after: 10, do: 'alert' },
      ],
    },
  ],
}
