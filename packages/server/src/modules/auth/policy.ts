import type { PolicyInput } from '@rempart/guard'

/**
 * Sign-in. The ladder is the account's, and a known device has one of its own. Three failures ask for a proof of work, five
 * for waiting, ten lock for a quarter of an hour and then twice as long each time; whoever signs in starts anew. While the
 * counters that processes share do not answer, each process counts for itself: who guesses must not gain by tiring them.
 */
export const loginPolicy: PolicyInput = {
  id: 'auth.login',
  onStoreFailure: 'local-share',
  rules: [
    { id: 'burst', kind: 'rate-limit', by: 'ip', limit: 5, window: '60s' },
    {
      id: 'ladder',
      kind: 'escalation',
      by: 'account',
      window: '1d',
      steps: [
        { after: 3, do: 'challenge' },
        { after: 5, do: 'delay', for: '1s', growth: 2, cap: '16s' },
        { after: 10, do: 'lock', for: '15m', growth: 2, cap: '1d' },
        { after: 10, do: 'alert' },
      ],
    },
  ],
}

/**
 * What a client has done elsewhere: each submission that a public form refused it for sending too much, and each sign-in that
 * did not succeed, whoever it was for. From twenty within ten minutes on its next sign-in needs a proof of work from the
 * first try. The account of this ladder is the client.
 */
export const clientPolicy: PolicyInput = {
  id: 'auth.client',
  onStoreFailure: 'local-share',
  rules: [
    {
      id: 'standing',
      kind: 'escalation',
      by: 'account',
      window: '10m',
      steps: [
        { after: 20, do: 'challenge' },
        { after: 20, do: 'alert' },
      ],
    },
  ],
}

/** Refreshing: several tabs of several people behind one address. */
export const refreshPolicy: PolicyInput = {
  id: 'auth.refresh',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 60, window: '60s' }],
}

/** What asks for the password of somebody who is signed in: the same ladder as signing in. */
export const passwordCheckPolicy: PolicyInput = {
  id: 'auth.password-check',
  onStoreFailure: 'local-share',
  rules: [
    { id: 'burst', kind: 'rate-limit', by: 'ip', limit: 10, window: '60s' },
    {
      id: 'ladder',
      kind: 'escalation',
      by: 'account',
      window: '1d',
      steps: [
        { after: 5, do: 'delay', for: '1s', growth: 2, cap: '16s' },
        { after: 10, do: 'lock', for: '15m', growth: 2, cap: '1d' },
        { after: 10, do: 'alert' },
      ],
    },
  ],
}

/** Asking about tokens: an oracle if it were free. */
export const verifyTokenPolicy: PolicyInput = {
  id: 'auth.verify-token',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 60, window: '60s' }],
}
