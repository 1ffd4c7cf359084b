/** What a client sends back for a challenge of the first wire format. Every field is of the right shape, none is believed. */
export interface AltchaPayloadV1 {
  readonly format: 1
  readonly algorithm: string
  /** 64 hexadecimal digits. */
  readonly challenge: string
  readonly salt: string
  /** A whole number from 0 on. */
  readonly number: number
  readonly signature: string
}

/** The parameters of a challenge of the second wire format, as the widget reads them and sends them back. */
export interface AltchaParameters {
  readonly algorithm: string
  /** Iterations of each try. */
  readonly cost: number
  /** Unix seconds. */
  readonly expiresAt: number
  /** Bytes of each derived key. */
  readonly keyLength: number
  /** Hexadecimal digits that the derived key must begin with. */
  readonly keyPrefix: string
  /** 32 hexadecimal digits. */
  readonly nonce: string
  /** 32 hexadecimal digits. */
  readonly salt: string
}

/** What a client sends back for a challenge of the second wire format. */
export interface AltchaPayloadV2 {
  readonly format: 2
  readonly parameters: AltchaParameters
  readonly signature: string
  /** 0 to 2^32 - 1. */
  readonly counter: number
  /** In hexadecimal digits. */
  readonly derivedKey: string
}

export type AltchaPayload = AltchaPayloadV1 | AltchaPayloadV2

/** A widget's payload has some 600 characters. */
const LONGEST_PAYLOAD = 4_096

const base64 = /^[A-Za-z0-9+/]+={0,2}$/
const hex16 = /^[0-9a-f]{32}$/
const hex32 = /^[0-9a-f]{64}$/
const prefix = /^[0-9a-f]{1,64}$/

/**
 * Reads the payload that the ALTCHA widget puts into its form field: base64 of JSON, of either format.
 *
 * @returns Undefined for anything else, a figure out of bounds or a member of `parameters` that no challenge of
 * ours holds included.
 * @see https://altcha.org/docs/v2/
 */
export function readAltchaPayload(payload: unknown): AltchaPayload | undefined {
  const fields = readFields(payload)
  if (fields === undefined) return undefined
  return 'challenge' in fields && isRecord(fields['challenge']) ? readV2(fields) : readV1(fields)
}

type Fields = Readonly<Record<string, unknown>>

function readFields(payload: unknown): Fields | undefined {
  if (typeof payload !== 'string' || payload.length > LONGEST_PAYLOAD || !base64.test(payload)) return undefined
  try {
    const fields: unknown = JSON.parse(Buffer.from(payload, 'base64').toString('utf8'))
    return isRecord(fields) ? fields : undefined
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readV1({ algorithm, challenge, salt, number, signature }: Fields): AltchaPayloadV1 | undefined {
  if (typeof algorithm !== 'string' || !isText(salt, 200) || !isWhole(number, Number.MAX_SAFE_INTEGER)) return undefined
  if (!(isMatch(challenge, hex32) && isMatch(signature, hex32))) return undefined
  return { format: 1, algorithm, challenge, salt, number, signature }
}

function readV2(fields: Fields): AltchaPayloadV2 | undefined {
  const { challenge, solution } = fields
  if (!(isRecord(challenge) && isRecord(solution))) return undefined
  const { signature } = challenge
  const { counter, derivedKey } = solution
  const parameters = readParameters(challenge['parameters'])
  if (parameters === undefined || !isMatch(signature, hex32)) return undefined
  if (!(isWhole(counter, 0xffff_ffff) && isMatch(derivedKey, hex32))) return undefined
  return { format: 2, parameters, signature, counter, derivedKey }
}

const parameterNames: ReadonlySet<string> = new Set([
  'algorithm',
  'cost',
  'expiresAt',
  'keyLength',
  'keyPrefix',
  'nonce',
  'salt',
])

function readParameters(value: unknown): AltchaParameters | undefined {
  if (!isRecord(value) || Object.keys(value).some((name) => !parameterNames.has(name))) return undefined
  const { algorithm, cost, expiresAt, keyLength, keyPrefix, nonce, salt } = value
  if (typeof algorithm !== 'string' || !isWhole(cost, 10_000_000) || !isWhole(keyLength, 64)) return undefined
  if (!(isWhole(expiresAt, 100_000_000_000) && isMatch(keyPrefix, prefix))) return undefined
  if (!(isMatch(nonce, hex16) && isMatch(salt, hex16))) return undefined
  return { algorithm, cost, expiresAt, keyLength, keyPrefix, nonce, salt }
}

function isText(value: unknown, longest: number): value is string {
  return typeof value === 'string' && value.length <= longest
}

function isMatch(value: unknown, pattern: RegExp): value is string {
  return typeof value === 'string' && pattern.test(value)
}

function isWhole(value: unknown, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most
}
