import { createPublicKey, type JsonWebKey } from 'node:crypto'

/** COSE: EdDSA, ES256, RS256. Named here, so that a key stays good whatever the runtime comes to offer. */
export const algorithms = [-8, -7, -257]

/** As much as the table holds. */
const mostBytes = 2_000
/** RFC 8230 §2. */
const leastRsaBits = 2_048

/**
 * Whether a COSE key is one that a signature can be checked with: of an algorithm above, on its curve, in its size. One
 * that is not would count as a way in, and be none.
 *
 * @param key - as decoded.
 * @param sizeBytes - as encoded.
 * @see RFC 9053 §7, RFC 8230 §4
 */
export function isUsableKey(key: unknown, sizeBytes: number): boolean {
  const jwk = key instanceof Map && sizeBytes <= mostBytes ? jwkOf(key) : undefined
  if (jwk === undefined) return false
  try {
    const { modulusLength: bits } = createPublicKey({ key: jwk, format: 'jwk' }).asymmetricKeyDetails ?? {}
    return bits === undefined || bits >= leastRsaBits
  } catch {
    return false
  }
}

function jwkOf(key: ReadonlyMap<unknown, unknown>): JsonWebKey | undefined {
  const text = (label: number): string => {
    const value = key.get(label)
    return value instanceof Uint8Array ? Buffer.from(value).toString('base64url') : ''
  }
  switch ([key.get(1), key.get(3), key.get(-1)].filter((value) => typeof value === 'number').join()) {
    case '1,-8,6':
      return { kty: 'OKP', crv: 'Ed25519', x: text(-2) }
    case '2,-7,1':
      return { kty: 'EC', crv: 'P-256', x: text(-2), y: text(-3) }
    case '3,-257':
      return { kty: 'RSA', n: text(-1), e: text(-2) }
  }
  return undefined
}
