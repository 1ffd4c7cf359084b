import { randomBytes } from 'node:crypto'
import { Webhook as Signer } from 'standardwebhooks'
import { type KeyRing, seal, unseal } from '../../core/credentials/sealing.ts'

/** Whose secret a sealed one is: it opens in no other row. */
interface Place {
  readonly tenantId: string
  readonly webhookId: string
}

/** A new secret as a receiver's library takes it: `whsec_` and 32 random bytes in base64. */
export const createSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`

export const sealSecret = (ring: KeyRing, secret: string, place: Place): Buffer =>
  seal(ring, Buffer.from(secret), secretAad(place.tenantId, place.webhookId))

/** @throws UnsealError when it was sealed for another webhook, or under a key that is gone. */
export const openSecret = (ring: KeyRing, sealed: Uint8Array, place: Place): string =>
  unseal(ring, sealed, secretAad(place.tenantId, place.webhookId)).toString()

/** What the secret of a webhook is bound to. */
export const secretAad = (tenantId: string, webhookId: string): readonly string[] => [
  ...[tenantId, webhookId],
  'webhook-secret',
]

/**
 * The header fields that vouch for a message, with one signature for each secret.
 *
 * @see https://www.standardwebhooks.com
 */
export function signedHeaders(
  secrets: readonly string[],
  { id, body, at }: { readonly id: string; readonly body: string; readonly at: Date },
): Readonly<Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>> {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': secrets.map((secret) => new Signer(secret).sign(id, at, body)).join(' '),
  }
}
