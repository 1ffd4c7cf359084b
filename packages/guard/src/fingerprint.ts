import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import type { ClientAddress } from './client-address.ts'

/** What a fingerprint is made of. */
export interface FingerprintInput {
  readonly address: ClientAddress
  /** The request's `User-Agent`, as sent. */
  readonly userAgent: string | undefined
  /** The group of routes that share the fingerprint, such as `contact`. */
  readonly routeGroup: string
}

/** A client's pseudonym for one day. Computed on the first read of either property, then kept. */
export interface Fingerprint {
  /** 64 hexadecimal digits. */
  readonly value: string
  /** The first 8 of them: enough to follow one client through a day's log. */
  readonly fpPrefix: string
}

/** How fingerprints are keyed. */
export interface FingerprintOptions {
  /** At least 32 bytes; a string counts as UTF-8. */
  readonly secret: Uint8Array | string
  /** How long one key serves, in milliseconds. @default 86,400,000 (a UTC day) */
  readonly rotationMs?: number
}

const DAY_MS = 86_400_000
const LEAST_SECRET_BYTES = 32
/** Beyond this a User-Agent tells nothing more, and must cost nothing more. */
const LONGEST_USER_AGENT = 512

/**
 * Builds the function that names clients: HMAC-SHA256 over the counted address, the normalised
 * User-Agent and the route group, each behind its length, under a key derived from the secret and the
 * day. Fingerprints of two days cannot be linked without the secret, nor turned back into addresses.
 *
 * It names; it does not limit alone. Whoever changes User-Agent has another fingerprint, so rules
 * count by it besides the address, never instead.
 *
 * @throws RangeError for a secret shorter than 32 bytes or a rotation that is no positive whole number.
 */
export function createFingerprint(
  options: FingerprintOptions,
): (input: FingerprintInput, nowUnixMs: number) => Fingerprint {
  const secret = Buffer.from(options.secret)
  const rotationMs = options.rotationMs ?? DAY_MS
  if (secret.length < LEAST_SECRET_BYTES) throw new RangeError('secret: at least 32 bytes')
  if (!(Number.isSafeInteger(rotationMs) && rotationMs > 0)) throw new RangeError('rotationMs: a positive whole number')

  let keyPeriod = -1
  let key = createSecretKey(secret)
  const keyOf = (period: number): KeyObject => {
    if (period !== keyPeriod) {
      // A key object costs a fifth of what a buffer does each time it is used.
      key = createSecretKey(createHmac('sha256', secret).update(`rempart fingerprint ${rotationMs} ${period}`).digest())
      keyPeriod = period
    }
    return key
  }

  return (input, nowUnixMs) => {
    const period = Math.floor(nowUnixMs / rotationMs)
    let value: string | undefined
    const compute = (): string => {
      value ??= createHmac('sha256', keyOf(period)).update(canonicalInput(input)).digest('hex')
      return value
    }
    return {
      get value() {
        return compute()
      },
      get fpPrefix() {
        return compute().slice(0, 8)
      },
    }
  }
}

/**
 * The part of a User-Agent that a client keeps: lower case, one space between words, versions cut to
 * their first number, so that an update of the browser during the day does not rename the client.
 */
export function normalizeUserAgent(userAgent: string | undefined): string {
  if (userAgent === undefined) return ''
  return userAgent
    .slice(0, LONGEST_USER_AGENT)
    .toLowerCase()
    .replaceAll(/[^\x21-\x7e]+/g, ' ')
    .replaceAll(/(\d+)(?:[._]\d+)+/g, '$1')
    .trim()
}

function canonicalInput({ address, userAgent, routeGroup }: FingerprintInput): string {
  return [address.key, normalizeUserAgent(userAgent), routeGroup].map((part) => `${part.length}:${part}`).join('')
}
