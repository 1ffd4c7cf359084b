import { hash, type KeyObject, sign } from 'node:crypto'
import { compactVerify, errors } from 'jose'
import { LRUCache } from 'lru-cache'
import { invalidCredential } from '../access/auth.ts'
import type { Clock } from '../context.ts'
import { createId } from '../ids.ts'
import type { CacheReading } from '../metrics/readings.ts'
import { ACCESS_LIFETIME_S, type AccessClaims, inForce, readClaims, type TokenSubject } from './access-token-claims.ts'
import { parseTokenText } from './access-token-text.ts'
import type { KeySet, SigningKeys, VerifyingKey } from './signing-keys.ts'

/** A new access token, and what it says. */
export interface MintedToken {
  readonly token: string
  readonly claims: AccessClaims
  /** From now, in seconds. */
  readonly expiresInS: number
}

/** Makes access tokens, and tells whose they are. */
export interface AccessTokens {
  /** A token of a session, good for fifteen minutes. @throws RangeError when the subject is not of its shape. */
  mint(subject: TokenSubject): Promise<MintedToken>
  /**
   * What a token says, if this installation signed it for us and it is in force; at once for one that was verified
   * before. Whether its session lives is not asked here.
   *
   * @throws ProblemError `credential-invalid`, one answer to whatever is wrong; its `reason` tells the log. Thrown or as
   *   a rejection. The database's error when an unknown key cannot be looked for.
   */
  verify(token: string): AccessClaims | Promise<AccessClaims>
  /** The same, with undefined for one that does not hold. */
  read(token: string): AccessClaims | undefined | Promise<AccessClaims | undefined>
  /** Of the tokens whose signature was verified before. */
  reading(): CacheReading
}

export interface AccessTokenDependencies {
  readonly keys: Pick<SigningKeys, 'current' | 'ready' | 'readAgain'>
  /** The public URL. */
  readonly issuer: string
  readonly audience: string
  readonly clock: Clock
}

/**
 * What a token came to: its claims, or why it is refused, as a word for the log; with the claims of one that is signed and
 * not in force.
 */
type Verdict = AccessClaims | string | { readonly fault: string; readonly signed: AccessClaims }

/** No token of ours comes near. */
const maxTokenChars = 4_096

/** Tokens whose signature is remembered: some 10 MB at most. A token more costs a verification again. */
const maxRemembered = 10_000

/**
 * Access tokens after RFC 9068: a JWT that Ed25519 signs, with the type `at+jwt`.
 *
 * @see RFC 8725, and docs/decisions/0020-verified-access-tokens-are-remembered.md
 */
export function createAccessTokens({ keys, issuer, audience, clock }: AccessTokenDependencies): AccessTokens {
  const expected = { iss: issuer, aud: audience }
  const remembered = new LRUCache<string, AccessClaims>({ max: maxRemembered })
  let seen: KeySet | undefined
  let hits = 0
  let misses = 0

  function judge(token: string): Verdict | Promise<Verdict> {
    if (token.length > maxTokenChars) return 'token-too-long'
    const set = keys.current()
    if (set !== seen) {
      // Keys have come or gone: what they signed is verified again, or is no more.
      remembered.clear()
      seen = set
    }
    const digest = hash('sha256', token, 'base64url')
    const claims = remembered.get(digest)
    if (claims === undefined) {
      misses += 1
      return judgeAnew(token, digest, set)
    }
    hits += 1
    return judgeTimes(claims)
  }

  function judgeTimes(claims: AccessClaims): Verdict {
    const verdict = inForce(claims, clock.now())
    return typeof verdict === 'string' ? { fault: verdict, signed: claims } : verdict
  }

  async function judgeAnew(token: string, digest: string, known: KeySet | undefined): Promise<Verdict> {
    const text = parseTokenText(token)
    if (typeof text === 'string') return text
    const set = await setWith(text.kid, known)
    const key: VerifyingKey | undefined = set.find(text.kid)
    if (key === undefined) return 'token-key'
    if (!(await isSigned(token, key.publicKey))) return 'token-signature'
    const claims = readClaims(text.claims, expected)
    if (typeof claims === 'string') return claims
    const verdict = judgeTimes(claims)
    // Keys that changed meanwhile have emptied what is remembered, and this one may not be among them.
    if (verdict === claims && seen === set && keys.current() === set) remembered.set(digest, claims)
    return verdict
  }

  async function setWith(kid: string, known: KeySet | undefined): Promise<KeySet> {
    const set = known ?? (await keys.ready())
    return set.find(kid) === undefined ? keys.readAgain() : set
  }

  return {
    async mint(subject) {
      const { signing } = await keys.ready()
      if (signing === undefined) throw new Error('there is no key to sign with')
      const iat = Math.floor(clock.now() / 1_000)
      const said = { ...expected, ...subject, jti: createId(), iat, exp: iat + ACCESS_LIFETIME_S }
      const claims = readClaims(said, expected)
      if (typeof claims === 'string') throw new RangeError(`the token would not hold: ${claims}`)
      const token = signed(claims, signing)
      return { token, claims, expiresInS: ACCESS_LIFETIME_S }
    },
    verify(token) {
      const verdict = judge(token)
      return verdict instanceof Promise ? verdict.then(claimsOrRefusal) : claimsOrRefusal(verdict)
    },
    read(token) {
      const verdict = judge(token)
      return verdict instanceof Promise ? verdict.then(claimsOrNothing) : claimsOrNothing(verdict)
    },
    reading: () => ({ entries: remembered.size, hits, misses }),
  }
}

/**
 * The JWS compact serialization of RFC 7515 §7.1 with RFC 8037's EdDSA. It is signed here and now: 40 µs, where a job for
 * another thread would wait behind hashes of passwords.
 */
function signed(claims: AccessClaims, { kid, privateKey }: NonNullable<KeySet['signing']>): string {
  const text = [{ alg: 'EdDSA', typ: 'at+jwt', kid }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`
}

async function isSigned(token: string, key: KeyObject): Promise<boolean> {
  try {
    await compactVerify(token, key, { algorithms: ['EdDSA'] })
    return true
  } catch (error) {
    if (error instanceof errors.JOSEError) return false
    throw error
  }
}

function claimsOrRefusal(verdict: Verdict): AccessClaims {
  if (typeof verdict === 'string') throw invalidCredential(verdict)
  if (!('signed' in verdict)) return verdict
  const { tid: tenantId, sub: id } = verdict.signed
  throw invalidCredential(verdict.fault, { tenantId, id })
}

const claimsOrNothing = (verdict: Verdict): AccessClaims | undefined =>
  typeof verdict === 'string' || 'signed' in verdict ? undefined : verdict
