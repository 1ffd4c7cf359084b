import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isoCBOR } from '@simplewebauthn/server/helpers'

/** What a browser would hand over: `PublicKeyCredential.toJSON()`. */
export interface ShownJson {
  id: string
  rawId: string
  type: 'public-key'
  clientExtensionResults: Record<string, unknown>
  response: Record<string, unknown>
}

/** How an answer differs from an honest one. */
export interface Deviation {
  readonly origin?: string
  readonly rpId?: string
  readonly isUserVerified?: boolean
  readonly isUserPresent?: boolean
  readonly signCount?: number
  readonly type?: string
  readonly crossOrigin?: boolean
  readonly userHandle?: string | undefined
  /** Signs with a key of its own making. */
  readonly isForged?: boolean
  readonly isBackupEligible?: boolean
  /** Without being eligible for it, if need be. */
  readonly isBackedUp?: boolean
  /** Said to be its public key, when it is made. */
  readonly coseKey?: Uint8Array
  readonly attestation?: { readonly fmt: string; readonly attStmt: Map<string, unknown> }
}

export interface TestAuthenticator {
  /** The name of its passkey, as stored. */
  readonly credentialId: Buffer
  /** Answers `navigator.credentials.create()`. */
  make(options: { challenge: string; rp: { id: string }; user: { id: string } }, deviation?: Deviation): ShownJson
  /** Answers `navigator.credentials.get()`. */
  show(options: { challenge: string; rpId: string }, deviation?: Deviation): ShownJson
  /** A second one with the same key and the same count, as a thief of the key has it. */
  copy(): TestAuthenticator
}

interface State {
  readonly id: Buffer
  readonly keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }
  readonly isSynced: boolean
  readonly counts: boolean
  count: number
  userHandle: string
}

/**
 * An authenticator in software, which does as it is told: attackers are bound by no browser. One passkey each, ES256.
 *
 * @param options.counts - whether it counts its uses. Default true.
 */
export function createAuthenticator(
  options: { readonly origin?: string; readonly isSynced?: boolean; readonly counts?: boolean } = {},
): TestAuthenticator {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { isSynced = false, counts = true, origin = 'http://localhost:3000' } = options
  return authenticatorOf({ id: randomBytes(32), keys, isSynced, counts, count: 0, userHandle: '' }, origin)
}

function authenticatorOf(state: State, ownOrigin: string): TestAuthenticator {
  const clientData = (type: string, challenge: string, { origin = ownOrigin, crossOrigin }: Deviation): Buffer =>
    Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: crossOrigin ?? false }))
  const id = state.id.toString('base64url')
  const shape = { id, rawId: id, type: 'public-key' as const }
  return {
    credentialId: state.id,
    make({ challenge, rp, user }, deviation = {}) {
      state.userHandle = user.id
      const authData = authenticatorData(state, deviation.rpId ?? rp.id, deviation, attested(state, deviation))
      const { fmt, attStmt } = deviation.attestation ?? { fmt: 'none', attStmt: new Map() }
      const object: Map<string, string | Uint8Array | Map<string, never>> = new Map()
      object
        .set('fmt', fmt)
        .set('attStmt', attStmt as Map<string, never>)
        .set('authData', Uint8Array.from(authData))
      return {
        ...{ ...shape, clientExtensionResults: { credProps: { rk: true } } },
        response: {
          clientDataJSON: clientData(deviation.type ?? 'webauthn.create', challenge, deviation).toString('base64url'),
          attestationObject: Buffer.from(isoCBOR.encode(object)).toString('base64url'),
          transports: ['internal'],
        },
      }
    },
    show({ challenge, rpId }, deviation = {}) {
      if (state.counts) state.count += 1
      const authData = authenticatorData(state, deviation.rpId ?? rpId, deviation)
      const data = clientData(deviation.type ?? 'webauthn.get', challenge, deviation)
      const signed = Buffer.concat([authData, createHash('sha256').update(data).digest()])
      const key = deviation.isForged
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
        : state.keys.privateKey
      const userHandle = 'userHandle' in deviation ? deviation.userHandle : state.userHandle
      return {
        ...{ ...shape, clientExtensionResults: {} },
        response: {
          clientDataJSON: data.toString('base64url'),
          authenticatorData: authData.toString('base64url'),
          signature: sign('sha256', signed, key).toString('base64url'),
          ...(userHandle !== undefined && { userHandle }),
        },
      }
    },
    copy: () => authenticatorOf({ ...state }, ownOrigin),
  }
}

/** WebAuthn §6.1. */
function authenticatorData(state: State, rpId: string, deviation: Deviation, tail: Buffer = Buffer.alloc(0)): Buffer {
  const { isUserPresent = true, isUserVerified = true, isBackupEligible = state.isSynced } = deviation
  const { isBackedUp = isBackupEligible } = deviation
  const backup = (isBackupEligible ? 0x08 : 0) | (isBackedUp ? 0x10 : 0)
  const flags = (isUserPresent ? 0x01 : 0) | (isUserVerified ? 0x04 : 0) | backup | (tail.length > 0 ? 0x40 : 0)
  const count = Buffer.alloc(4)
  count.writeUInt32BE(deviation.signCount ?? state.count)
  return Buffer.concat([createHash('sha256').update(rpId).digest(), Buffer.from([flags]), count, tail])
}

/** WebAuthn §6.5.1: no model, the name, and the key as COSE has it. */
function attested({ id, keys }: State, { coseKey }: Deviation): Buffer {
  const { x = '', y = '' } = keys.publicKey.export({ format: 'jwk' })
  const coordinate = (text: string) => Uint8Array.from(Buffer.from(text, 'base64url'))
  const key: Map<number, number | Uint8Array> = new Map()
  key.set(1, 2).set(3, -7).set(-1, 1).set(-2, coordinate(x)).set(-3, coordinate(y))
  const length = Buffer.alloc(2)
  length.writeUInt16BE(id.length)
  return Buffer.concat([Buffer.alloc(16), length, id, coseKey ?? isoCBOR.encode(key)])
}
