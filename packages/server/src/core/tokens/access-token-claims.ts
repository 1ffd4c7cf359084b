/** Whose session a token is of, and how the person proved who they are. */
export interface TokenSubject {
  /** The person. */
  readonly sub: string
  /** The tenant. */
  readonly tid: string
  /** The session. */
  readonly sid: string
  /** Which application was signed in to, 1 to 128 characters of `A-Z a-z 0-9 . _ : -`. */
  readonly client_id: string
  /** How, by the names of RFC 8176; one to eight. */
  readonly amr: readonly string[]
  /** The authenticator assurance level of NIST SP 800-63B. */
  readonly acr: 'aal1' | 'aal2'
  /** When the person last proved it, in Unix seconds. */
  readonly auth_time: number
}

/** Every claim of an access token. It names a session, which may have ended: the database knows. @see RFC 9068 §2.2 */
export interface AccessClaims extends TokenSubject {
  readonly iss: string
  readonly aud: string
  readonly jti: string
  /** Unix seconds, as is `exp`. */
  readonly iat: number
  readonly exp: number
}

/** How long an access token is good for, in seconds. */
export const ACCESS_LIFETIME_S = 900

/** How far the clock of another process may be ahead, in seconds. */
export const SKEW_S = 5

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const isUuid = (value: unknown): boolean => typeof value === 'string' && uuid.test(value)
const isText = (value: unknown): boolean => typeof value === 'string'
/** To the year 5138. */
const isInstant = (value: unknown): boolean => Number.isInteger(value) && Number(value) > 0 && Number(value) < 1e11
const matches =
  (pattern: RegExp) =>
  (value: unknown): boolean =>
    typeof value === 'string' && pattern.test(value)
const isMethod = matches(/^[a-z0-9_-]{1,32}$/)

const tests: Readonly<Record<keyof AccessClaims, (value: unknown) => boolean>> = {
  iss: isText,
  aud: isText,
  sub: isUuid,
  tid: isUuid,
  sid: isUuid,
  jti: isUuid,
  iat: isInstant,
  exp: isInstant,
  client_id: matches(/^[A-Za-z0-9._:-]{1,128}$/),
  amr: (value) => Array.isArray(value) && value.length >= 1 && value.length <= 8 && value.every(isMethod),
  acr: (value) => value === 'aal1' || value === 'aal2',
  auth_time: isInstant,
}

/**
 * The claims, when every one is there, of its type, means us, and they hold together; else the reason why not, for the log.
 * What else was said is left out.
 */
export function readClaims(
  said: Readonly<Record<string, unknown>>,
  expected: { readonly iss: string; readonly aud: string },
): AccessClaims | string {
  const read: Record<string, unknown> = {}
  for (const [name, test] of Object.entries(tests)) {
    if (!Object.hasOwn(said, name) || !test(said[name])) return `token-claim-${name}`
    read[name] = said[name]
  }
  // Each member was tested above.
  const claims = Object.freeze(read) as unknown as AccessClaims
  return faultOf(claims, expected) ?? claims
}

function faultOf(claims: AccessClaims, expected: { readonly iss: string; readonly aud: string }): string | undefined {
  if (claims.iss !== expected.iss) return 'token-issuer'
  if (claims.aud !== expected.aud) return 'token-audience'
  if (claims.exp <= claims.iat || claims.exp - claims.iat > ACCESS_LIFETIME_S) return 'token-lifetime'
  return claims.auth_time > claims.iat + SKEW_S ? 'token-auth-time' : undefined
}

/** The claims when they are in force now, else why not. */
export function inForce(claims: AccessClaims, nowMs: number): AccessClaims | string {
  if (nowMs >= claims.exp * 1_000) return 'token-expired'
  return claims.iat * 1_000 > nowMs + SKEW_S * 1_000 ? 'token-not-yet' : claims
}
