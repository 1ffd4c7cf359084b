import type { PolicyInput } from '@rempart/guard'

/** Asking for a challenge: each is remembered for five minutes. */
export const passkeyChallengePolicy: PolicyInput = {
  id: 'passkeys.challenge',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 20, window: '60s' }],
}

/**
 * Showing a passkey. There is no ladder of the account: a signature cannot be guessed, and failures at the password, which
 * strangers can cause, must not bar the owner from the one way in that strangers cannot try.
 */
export const passkeySignInPolicy: PolicyInput = {
  id: 'passkeys.sign-in',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 5, window: '60s' }],
}
