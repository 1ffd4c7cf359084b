import type { VerifiedAuthenticationResponse } from '@simplewebauthn/server'
import { algorithms, isUsableKey } from './public-key.ts'
import type { Assertion, PasskeyCreationOptions, PasskeyRequestOptions, Registration } from './schema.ts'

/** The library and its certificates are three hundred files: they are read for the first passkey, not at every start. */
const library = () => import('@simplewebauthn/server')
const codec = () => import('@simplewebauthn/server/helpers')

/** Whom passkeys are made for: this installation. Every tenant of it is the same party to an authenticator. */
export interface RelyingParty {
  /** The host of the public URL. */
  readonly id: string
  /** Whether a page of this origin may make and use passkeys. */
  readonly isOwnOrigin: (origin: string) => boolean
}

/** How long a person may take, and a challenge holds. */
export const CHALLENGE_SECONDS = 300

/** A passkey as browsers are told of it. */
export interface KnownCredential {
  readonly credential_id: Buffer
  readonly transports: readonly string[]
}

/** What `navigator.credentials.create()` is to be called with. */
export async function creationOptions(
  party: RelyingParty,
  owner: { readonly id: string; readonly email: string; readonly name: string | null; readonly site: string },
  challenge: string,
  known: readonly KnownCredential[],
): Promise<PasskeyCreationOptions> {
  const { generateRegistrationOptions } = await library()
  const made = await generateRegistrationOptions({
    rpID: party.id,
    rpName: owner.site,
    userID: Uint8Array.from(userHandle(owner.id)),
    userName: owner.email,
    userDisplayName: owner.name ?? owner.email,
    challenge,
    timeout: CHALLENGE_SECONDS * 1_000,
    attestationType: 'none',
    supportedAlgorithmIDs: algorithms,
  })
  return {
    rp: { id: party.id, name: made.rp.name },
    user: made.user,
    challenge: made.challenge,
    pubKeyCredParams: made.pubKeyCredParams.map(({ alg }) => ({ type: 'public-key', alg })),
    timeout: CHALLENGE_SECONDS * 1_000,
    attestation: 'none',
    excludeCredentials: known.map(descriptorOf),
    authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
    extensions: { credProps: true },
  }
}

/** What `navigator.credentials.get()` is to be called with. @param allowed - none: whichever the person chooses. */
export async function requestOptions(
  party: RelyingParty,
  challenge: string,
  allowed: readonly KnownCredential[],
): Promise<PasskeyRequestOptions> {
  const { generateAuthenticationOptions } = await library()
  const made = await generateAuthenticationOptions({ rpID: party.id, challenge })
  return {
    challenge: made.challenge,
    rpId: party.id,
    timeout: CHALLENGE_SECONDS * 1_000,
    userVerification: 'required',
    allowCredentials: allowed.map(descriptorOf),
  }
}

const descriptorOf = ({ credential_id, transports }: KnownCredential) => ({
  id: credential_id.toString('base64url'),
  type: 'public-key' as const,
  transports: [...transports],
})

/** The name of a person that authenticators keep: says nothing about them. */
export const userHandle = (userId: string): Buffer => Buffer.from(userId.replaceAll('-', ''), 'hex')

/** What a browser says that it was asked. */
export interface ClientData {
  /** As it was given out. */
  readonly challenge: string
  readonly origin: string
}

/**
 * Reads what the authenticator is going to have signed; undefined for what no browser writes, for a page of another origin
 * and for one that stood in a frame of another. Nothing of it is proven yet.
 */
export function readClientData(party: RelyingParty, encoded: string): ClientData | undefined {
  let data: unknown
  try {
    data = JSON.parse(Buffer.from(encoded, 'base64url').toString())
  } catch {
    return undefined
  }
  const { challenge, origin, crossOrigin } = Object(data) as { readonly [name: string]: unknown }
  if (typeof challenge !== 'string' || typeof origin !== 'string') return undefined
  if (!party.isOwnOrigin(origin) || crossOrigin === true) return undefined
  return { challenge: Buffer.from(challenge, 'base64url').toString(), origin }
}

/** A passkey that was made as it had to be. */
export interface MadeCredential {
  readonly credentialId: Buffer
  readonly publicKey: Buffer
  readonly signCount: number
  readonly aaguid: string
  readonly isBackupEligible: boolean
  readonly isBackedUp: boolean
}

/**
 * Checks a new passkey: made for this party, for this challenge, on a page of ours, after its device verified the person.
 *
 * No attestation is asked for and none is looked at: to check one is to follow addresses that stand in certificates of
 * whoever sends it.
 *
 * @returns undefined when it does not hold.
 */
export async function verifyMade(
  party: RelyingParty,
  { origin, challenge }: ClientData,
  credential: Registration,
): Promise<MadeCredential | undefined> {
  if (credential.clientExtensionResults?.credProps?.rk === false) return undefined
  const { id, rawId, type, response } = credential
  const [{ verifyRegistrationResponse }, parts] = await Promise.all([library(), codec()])
  const info = await orUndefined(async () => {
    const verified = await verifyRegistrationResponse({
      response: {
        ...{ id, rawId, type, clientExtensionResults: {} },
        response: {
          clientDataJSON: response.clientDataJSON,
          attestationObject: withoutAttestation(response.attestationObject, parts),
        },
      },
      expectedChallenge: Buffer.from(challenge).toString('base64url'),
      expectedOrigin: origin,
      expectedRPID: party.id,
      requireUserVerification: true,
      supportedAlgorithmIDs: algorithms,
    })
    const { publicKey } = verified.registrationInfo?.credential ?? {}
    if (publicKey === undefined) return undefined
    const key = parts.isoCBOR.decodeFirst<unknown>(publicKey)
    return isUsableKey(key, publicKey.length) ? verified.registrationInfo : undefined
  })
  // The name beside the signed data has to be the one within it.
  if (info === undefined || info.credential.id !== id) return undefined
  return {
    credentialId: Buffer.from(info.credential.id, 'base64url'),
    publicKey: Buffer.from(info.credential.publicKey),
    signCount: info.credential.counter,
    aaguid: info.aaguid,
    isBackupEligible: info.credentialDeviceType === 'multiDevice',
    isBackedUp: info.credentialBackedUp,
  }
}

function withoutAttestation(
  encoded: string,
  { decodeAttestationObject, isoCBOR }: Awaited<ReturnType<typeof codec>>,
): string {
  const authData = decodeAttestationObject(Uint8Array.from(Buffer.from(encoded, 'base64url'))).get('authData')
  const bare = new Map<string, string | Uint8Array | Map<string, never>>([
    ['fmt', 'none'],
    ['attStmt', new Map<string, never>()],
    ['authData', authData],
  ])
  return Buffer.from(isoCBOR.encode(bare)).toString('base64url')
}

/** A passkey that was shown, with what its authenticator says of it. */
export interface ShownCredential {
  readonly signCount: number
  readonly isBackupEligible: boolean
  readonly isBackedUp: boolean
}

/**
 * Checks that a passkey signed this challenge for this party, on a page of ours, after its device verified the person. Its
 * count is for the caller to judge: it means something once the signature holds, and a forged one condemns nobody's passkey.
 *
 * @returns undefined when it does not hold.
 */
export async function verifyShown(
  party: RelyingParty,
  { origin, challenge }: ClientData,
  { id, rawId, type, response }: Assertion,
  publicKey: Buffer,
): Promise<ShownCredential | undefined> {
  const { clientDataJSON, authenticatorData, signature } = response
  const { verifyAuthenticationResponse } = await library()
  const info = await orUndefined(async () => {
    const verified: VerifiedAuthenticationResponse = await verifyAuthenticationResponse({
      response: {
        ...{ id, rawId, type, clientExtensionResults: {} },
        response: { clientDataJSON, authenticatorData, signature },
      },
      expectedChallenge: Buffer.from(challenge).toString('base64url'),
      expectedOrigin: origin,
      expectedRPID: party.id,
      requireUserVerification: true,
      credential: { id, publicKey: Uint8Array.from(publicKey), counter: 0 },
    })
    return verified.verified ? verified.authenticationInfo : undefined
  })
  return (
    info && {
      signCount: info.newCounter,
      isBackupEligible: info.credentialDeviceType === 'multiDevice',
      isBackedUp: info.credentialBackedUp,
    }
  )
}

/** The library throws for whatever does not hold, its own parsers' complaints about garbage among it. */
async function orUndefined<T>(work: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await work()
  } catch {
    return undefined
  }
}
