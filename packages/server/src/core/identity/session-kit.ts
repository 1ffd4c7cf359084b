import type { FastifyReply } from 'fastify'
import type { Tx } from '../../database/tenant.ts'
import { ACCESS_COOKIE, hostCookie, REFRESH_COOKIE } from '../browser/cookies.ts'
import type { Clock } from '../context.ts'
import { createOpaqueToken } from '../credentials/opaque-token.ts'
import { type KeyRing, seal } from '../credentials/sealing.ts'
import { createId } from '../ids.ts'
import { readTenantSettings, sessionLife, type TenantSettings } from '../tenant/settings.ts'
import type { AccessTokens } from '../tokens/access-token.ts'
import { deviceLabel } from './device-label.ts'
import * as queries from './session-queries.ts'

/** A session that is not refreshed for so long ends, and so does a refresh token; a tenant may have it end sooner. */
export const IDLE_DAYS = 7

/** What an access token is minted of. */
export interface MintedFor {
  readonly tenantId: string
  readonly userId: string
  readonly sessionId: string
  readonly aal: 1 | 2
  readonly amr: readonly string[]
  readonly authTimeMs: number
}

/** Who signs in here: the application of this server itself. */
const OWN_CLIENT = 'rempart'

/** What every way of signing in opens its session with. */
export interface SessionKit {
  readonly accessTokens: Pick<AccessTokens, 'mint'>
  readonly clock: Clock
  /** Seals address and User-Agent of a session. */
  readonly clientRing: KeyRing
}

/** Where a sign-in comes from. Both are shown to the person alone. */
export interface ClientFacts {
  readonly address: string
  readonly userAgent: string | undefined
}

/** What a session is opened for. */
export interface Opening {
  readonly tenantId: string
  readonly userId: string
  /** Made here when it is not given. */
  readonly sessionId?: string
  /** Read here when they are not given. */
  readonly settings?: TenantSettings
  readonly aal: 1 | 2
  /** RFC 8176. */
  readonly amr: readonly string[]
  readonly transport: 'bearer' | 'cookie'
  readonly restriction?: 'enrol-mfa' | null
  readonly client: ClientFacts
  /** Whether somebody signs in with it, rather than going on with a session they have. */
  readonly isSignIn?: boolean
  /** The end of a session that this one takes the place of: a new proof lengthens no session. */
  readonly absoluteExpiresAt?: Date
}

/** A session with the tokens of its client. They are handed out once the transaction has been committed. */
export interface OpenedSession extends MintedFor {
  readonly refreshToken: string
  readonly transport: 'bearer' | 'cookie'
}

/** Opens a session with a new id and its first refresh token. */
export async function openSession(tx: Tx, kit: SessionKit, opening: Opening): Promise<OpenedSession> {
  const { tenantId, userId, aal, amr, transport, client } = opening
  const { sessionId = createId() } = opening
  const nowMs = kit.clock.now()
  const now = new Date(nowMs)
  const life = sessionLife(opening.settings ?? (await readTenantSettings(tx)))
  const absolute = opening.absoluteExpiresAt ?? new Date(nowMs + life.maxMs)
  const refresh = createOpaqueToken('refresh')
  const expires = new Date(Math.min(absolute.getTime(), nowMs + life.idleMs))
  const session = {
    tenant_id: tenantId,
    id: sessionId,
    user_id: userId,
    aal,
    amr,
    auth_time: now,
    transport,
    restriction: opening.restriction ?? null,
    device_label: deviceLabel(client.userAgent),
    client_sealed: sealClient(kit.clientRing, client, tenantId, sessionId),
    created_at: now,
    idle_expires_at: expires,
    absolute_expires_at: absolute,
  }
  await queries.insertSession(tx, session, { hash: refresh.hash, expiresAt: expires }, opening.isSignIn === true)
  return { tenantId, userId, sessionId, aal, amr, authTimeMs: nowMs, refreshToken: refresh.token, transport }
}

/** Whose a session's sealed address is, and what for. */
export const clientAad = (tenantId: string, sessionId: string): readonly string[] => [tenantId, sessionId, 'client']

const longestUserAgent = 512

/** Address and User-Agent of a session, as they are stored. */
export function sealClient(
  ring: KeyRing,
  { address, userAgent }: ClientFacts,
  tenantId: string,
  sessionId: string,
): Buffer {
  const text = JSON.stringify({ address, userAgent: userAgent?.slice(0, longestUserAgent).toWellFormed() ?? null })
  return seal(ring, Buffer.from(text), clientAad(tenantId, sessionId))
}

/** RFC 6749 §5.1, and the members that S4's clients read. */
export interface TokenReply {
  readonly access_token?: string
  readonly refresh_token?: string
  readonly token_type: 'Bearer'
  readonly expires_in: number
  readonly mfa_required: boolean
  readonly captcha_required: false
}

/**
 * Hands out the tokens of a session: in the body, or as cookies and then not in the body. Nobody may keep the answer.
 *
 * @param refreshToken - when it is another than the session was opened with.
 */
export async function answerTokens(reply: FastifyReply, kit: SessionKit, opened: OpenedSession): Promise<TokenReply> {
  const { token: accessToken, expiresInS } = await kit.accessTokens.mint({
    sub: opened.userId,
    tid: opened.tenantId,
    sid: opened.sessionId,
    client_id: OWN_CLIENT,
    amr: opened.amr,
    acr: `aal${opened.aal}`,
    auth_time: Math.floor(opened.authTimeMs / 1_000),
  })
  reply.header('cache-control', 'no-store')
  const rest = { token_type: 'Bearer', expires_in: expiresInS, mfa_required: false, captcha_required: false } as const
  if (opened.transport === 'bearer') {
    return { access_token: accessToken, refresh_token: opened.refreshToken, ...rest }
  }
  reply.header('set-cookie', [
    hostCookie(ACCESS_COOKIE, accessToken, 'Lax', expiresInS),
    hostCookie(REFRESH_COOKIE, opened.refreshToken, 'Strict', IDLE_DAYS * 86_400),
  ])
  return rest
}

/**
 * Takes what a browser holds of a session away: its cookies by their names, and what pages have stored. All cookies at once
 * (`Clear-Site-Data: "cookies"`) would be those of every host of the domain, and the one by which the device is known to its
 * owner's account: who signs out would be locked out by strangers again.
 */
export function forgetCookies(reply: FastifyReply): void {
  reply.header('clear-site-data', '"cache", "storage"')
  reply.header('set-cookie', [hostCookie(ACCESS_COOKIE, '', 'Lax', 0), hostCookie(REFRESH_COOKIE, '', 'Strict', 0)])
}
