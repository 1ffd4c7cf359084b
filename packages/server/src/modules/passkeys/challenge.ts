import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { readCookie } from '../../core/browser/cookies.ts'
import type { Context, Person } from '../../core/context.ts'
import { createOpaqueToken, parseOpaqueToken } from '../../core/credentials/opaque-token.ts'
import { consumeOneTimeToken, insertOneTimeToken } from '../../core/identity/one-time-tokens.ts'
import type { Tx } from '../../database/tenant.ts'
import { CHALLENGE_SECONDS } from './webauthn.ts'

/** Names the browser that asked to sign in with cookies, for as long as that takes. */
export const BROWSER_COOKIE = '__Host-rmp_passkey'

/** What a challenge is for, and who alone may answer it. */
export type ChallengeUse =
  | { readonly use: 'sign-in'; readonly transport: 'bearer' | 'cookie'; readonly browser: string | null }
  | { readonly use: 'registration' | 'step-up'; readonly userId: string; readonly sessionId: string }

/** Makes a challenge of the transaction's tenant. @returns its text, which authenticators sign. */
export async function createChallenge(tx: Tx, { tenant, clock }: Context, bound: ChallengeUse): Promise<string> {
  const { token, hash } = createOpaqueToken('passkeyChallenge')
  await insertOneTimeToken(tx, {
    tenantId: tenant.id,
    hash,
    purpose: 'passkey-challenge',
    userId: bound.use === 'sign-in' ? null : bound.userId,
    data: bound,
    expiresAt: new Date(clock.now() + CHALLENGE_SECONDS * 1_000),
  })
  return token
}

/**
 * Uses a challenge up, whatever comes of it: of any number of answers at once, one is looked at.
 *
 * @returns what it was made with; undefined when it was used, has expired, or is of another tenant.
 */
async function takeChallenge(
  { tenant, inTenant }: Context,
  challenge: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const parsed = parseOpaqueToken('passkeyChallenge', challenge)
  if (parsed === undefined) return undefined
  // Committed before anything else is done with it.
  const found = await inTenant((tx) => consumeOneTimeToken(tx, tenant.id, parsed.hash, 'passkey-challenge'))
  return found?.data
}

/** Uses up a challenge of a person; whether it was made in this session, for this. */
export async function takeOwnChallenge(
  context: Context,
  challenge: string,
  use: 'registration' | 'step-up',
  { id, sessionId }: Person,
): Promise<boolean> {
  const data = await takeChallenge(context, challenge)
  return data?.['use'] === use && data['userId'] === id && data['sessionId'] === sessionId
}

/** Uses up a challenge for signing in. @returns how the tokens are to come; undefined when it is none, or of another browser. */
export async function takeSignInChallenge(
  context: Context,
  challenge: string,
  cookieHeader: string | undefined,
): Promise<'bearer' | 'cookie' | undefined> {
  const { use, transport, browser } = (await takeChallenge(context, challenge)) ?? {}
  if (use !== 'sign-in') return undefined
  if (transport === 'bearer') return 'bearer'
  return transport === 'cookie' && isSameBrowser(cookieHeader, browser) ? 'cookie' : undefined
}

const cookieShape = /^[A-Za-z0-9_-]{43}$/

/** What names the browser of a request: its cookie, or a new value. Sign-ins in two tabs do not end each other. */
export function browserOf(cookieHeader: string | undefined): string {
  const had = readCookie(cookieHeader, BROWSER_COOKIE)
  return had !== undefined && cookieShape.test(had) ? had : randomBytes(32).toString('base64url')
}

export const browserHash = (cookie: string): string =>
  createHash('sha256').update(`passkey-browser/${cookie}`).digest('base64url')

function isSameBrowser(cookieHeader: string | undefined, bound: unknown): boolean {
  const cookie = readCookie(cookieHeader, BROWSER_COOKIE)
  if (cookie === undefined || typeof bound !== 'string') return false
  const [held, asked] = [Buffer.from(browserHash(cookie)), Buffer.from(bound)]
  return held.length === asked.length && timingSafeEqual(held, asked)
}
