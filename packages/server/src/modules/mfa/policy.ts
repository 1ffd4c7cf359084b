import type { PolicyInput } from '@rempart/guard'
import { FACTOR_POLICY_ID } from '../../core/identity/factor-reset.ts'

/**
 * Codes of a second factor. The ladder is the person's, one for every route, challenge, address and kind of code: with ten
 * guesses before a quarter of an hour, then twice as long each time, six digits last. From thirty on the factor is as good
 * as lost: it is given up by its owner after a wait, or by staff. It starts anew then and when a code was right, and for
 * nothing else. While the counters that processes share do not answer, each process counts for itself.
 */
export const mfaVerifyPolicy: PolicyInput = {
  id: FACTOR_POLICY_ID,
  onStoreFailure: 'local-share',
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
        { after: 30, do: 'lock', for: '30d', cap: '30d' },
        { after: 30, do: 'alert' },
      ],
    },
  ],
}

/** Saying that a factor is lost. What one address gets is capped besides, in the outbox. */
export const mfaResetPolicy: PolicyInput = {
  id: 'mfa.reset',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 5, window: '60s' }],
}

/** Using the links of its mails. */
export const mfaResetUsePolicy: PolicyInput = {
  id: 'mfa.reset-use',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 10, window: '60s' }],
}
