import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { AuditSource } from '../../core/audit/append.ts'
import { readCookie } from '../../core/browser/cookies.ts'
import type { Context } from '../../core/context.ts'
import { createOpaqueToken, parseOpaqueToken } from '../../core/credentials/opaque-token.ts'
import { type KeyRing, seal, UnsealError, unseal } from '../../core/credentials/sealing.ts'
import type { KnownDevices } from '../../core/identity/known-device.ts'
import { consumeOneTimeToken, insertOneTimeToken } from '../../core/identity/one-time-tokens.ts'
import type { SecondFactors } from '../../core/identity/second-factors.ts'
import type { ClientFacts, SessionKit } from '../../core/identity/session-kit.ts'
import { findTokenTenant } from '../../core/identity/token-tenant.ts'
import type { MailQueue } from '../../core/mail/outbox.ts'
import { ProblemError } from '../../core/problem.ts'
import type { ProblemCode } from '../../core/problem-catalogue.ts'
import type { Tenant, TenantResolver } from '../../core/tenant/resolver.ts'
import type { Pool } from '../../database/connect.ts'
import { inTenant, type Tx } from '../../database/tenant.ts'
import type { IdentityClient, Provider } from './identity.ts'
import * as queries from './queries.ts'

/** How long somebody may be away at a provider, and may take to register. */
export const FLOW_SECONDS = 600

/** What names the browser that a flow was started in. */
export const FLOW_COOKIE = '__Host-rmp_oauth'

export interface OAuthDependencies {
  readonly pool: Pool
  readonly tenants: TenantResolver
  readonly kit: SessionKit
  readonly secondFactors: SecondFactors
  readonly identityClient: IdentityClient
  readonly mail: MailQueue
  readonly devices: KnownDevices
  /** Seals client secrets, and what a flow remembers. */
  readonly oauthRing: KeyRing
  /** What the keys of the audit log are sealed under. */
  readonly auditRing: KeyRing
  readonly publicUrl: string
  /** Whether people may make accounts for themselves. */
  readonly isOpen: boolean
  /** Whether a browser origin acts for every tenant. */
  readonly isOwnOrigin: (origin: string) => boolean
}

/** The call that ends a flow. */
export interface Visit extends ClientFacts {
  readonly requestId: string
}

/** What a person does at the end of a flow, for the audit log of their tenant. */
export const auditSource = (
  { auditRing }: Pick<OAuthDependencies, 'auditRing'>,
  tenantId: string,
  userId: string,
  { requestId, address, userAgent }: Visit,
): AuditSource => ({
  tenant: { id: tenantId },
  actor: { kind: 'user', id: userId },
  requestId,
  audit: { ring: auditRing, address, userAgent },
})

/** What is to come of a flow. */
export interface FlowGoal {
  readonly transport: 'bearer' | 'cookie'
  /** Where the browser goes then; null: the callback answers in JSON. */
  readonly next: string | null
  /** Who asked for a link, in which session; null for a sign-in. */
  readonly link: { readonly userId: string; readonly sessionId: string } | null
}

interface FlowMemory extends FlowGoal {
  readonly nonce: string
  readonly verifier: string
}

/** A flow that came back to the browser it was started in. */
export interface ReturnedFlow extends FlowMemory {
  readonly tenant: Tenant
  readonly providerId: string
  readonly state: string
}

/** What a browser's cookie is stored as. */
export const browserHash = (cookie: string): string => createHash('sha256').update(cookie).digest('hex')

const cookieShape = /^[A-Za-z0-9_-]{43}$/

/** The value that names this browser: the one it has, so that flows in two tabs do not end each other, or another. */
export function browserOf(cookieHeader: string | undefined): string {
  const had = readCookie(cookieHeader, FLOW_COOKIE)
  return had !== undefined && cookieShape.test(had) ? had : randomBytes(32).toString('base64url')
}

/** Whether the browser of a request is the one that something was bound to. */
export function isSameBrowser(cookieHeader: string | undefined, bound: unknown): boolean {
  const cookie = readCookie(cookieHeader, FLOW_COOKIE)
  if (cookie === undefined || typeof bound !== 'string') return false
  const [held, asked] = [Buffer.from(browserHash(cookie)), Buffer.from(bound)]
  return held.length === asked.length && timingSafeEqual(held, asked)
}

/**
 * Starts a flow with a provider.
 *
 * @param browser - see `browserOf`.
 * @returns the address at the provider that the browser is to go to.
 * @throws ProblemError `oauth-provider-not-found`, `oauth-provider-unavailable`.
 */
export async function startFlow(
  { tenant, clock, inTenant: run }: Context,
  dependencies: OAuthDependencies,
  code: string,
  goal: FlowGoal,
  browser: string,
): Promise<string> {
  const { oauthRing, identityClient, publicUrl } = dependencies
  const row = await run((tx) => queries.findEnabledProvider(tx, tenant.id, code))
  if (row === undefined) throw new ProblemError('oauth-provider-not-found')
  const { token: state, hash } = createOpaqueToken('oauthState')
  const secrets = { nonce: randomBytes(32).toString('base64url'), verifier: randomBytes(32).toString('base64url') }
  const provider = providerOf(oauthRing, tenant.id, row)
  const url = await identityClient.authorizeUrl(provider, redirectUri(publicUrl, code), { state, ...secrets })
  const memory: FlowMemory = { ...goal, ...secrets }
  await run((tx) =>
    insertOneTimeToken(tx, {
      tenantId: tenant.id,
      hash,
      purpose: 'oauth-state',
      userId: goal.link?.userId ?? null,
      data: {
        providerId: row.id,
        browser: browserHash(browser),
        sealed: seal(oauthRing, Buffer.from(JSON.stringify(memory)), flowAad(tenant.id, hash)).toString('base64'),
      },
      expiresAt: new Date(clock.now() + FLOW_SECONDS * 1_000),
    }),
  )
  return url
}

/**
 * Uses the state of an answer up, whatever comes of it.
 *
 * @throws ProblemError `oauth-state-invalid` unless this browser started it, it has not come back before, and what it
 * remembers can still be opened.
 */
export async function returnFlow(
  dependencies: OAuthDependencies,
  state: string,
  cookieHeader: string | undefined,
): Promise<ReturnedFlow> {
  const parsed = parseOpaqueToken('oauthState', state)
  const tenant = parsed && (await findTokenTenant(dependencies, parsed.hash, 'oauth-state'))
  if (parsed === undefined || tenant === undefined) throw new ProblemError('oauth-state-invalid')
  const found = await inTenant(dependencies.pool, tenant.id, (tx) =>
    consumeOneTimeToken(tx, tenant.id, parsed.hash, 'oauth-state'),
  )
  if (found === undefined) throw new ProblemError('oauth-state-invalid')
  const { providerId, browser, sealed } = found.data
  if (!isSameBrowser(cookieHeader, browser)) throw new ProblemError('oauth-state-invalid', { reason: 'browser' })
  // Sealed by `startFlow` for this row alone.
  const aad = flowAad(tenant.id, parsed.hash)
  const memory: FlowMemory = JSON.parse(
    opened(dependencies.oauthRing, Buffer.from(String(sealed), 'base64'), aad, 'oauth-state-invalid'),
  )
  return { ...memory, tenant, providerId: String(providerId), state }
}

/** Who a provider is asked as, in the transaction of its tenant; undefined when it is not there or switched off. */
export async function findProvider(
  tx: Tx,
  ring: KeyRing,
  tenantId: string,
  code: string,
): Promise<Provider | undefined> {
  const row = await queries.findEnabledProvider(tx, tenantId, code)
  return row && providerOf(ring, tenantId, row)
}

/** Where a provider sends the browser back to: the same for every tenant. */
export const redirectUri = (publicUrl: string, code: string): string =>
  `${publicUrl.replace(/\/$/, '')}/api/v1/oauth/${code}/callback`

/** Whose a client secret is, and what for. */
export const secretAad = (tenantId: string, id: string): readonly string[] => [tenantId, id, 'oauth-client-secret']

/** Whose the memory of a flow is, and what for. */
export const flowAad = (tenantId: string, hash: Buffer): readonly string[] => [
  tenantId,
  hash.toString('hex'),
  'oauth-flow',
]

function providerOf(
  ring: KeyRing,
  tenantId: string,
  row: NonNullable<Awaited<ReturnType<typeof queries.findEnabledProvider>>>,
): Provider {
  return {
    tenantId,
    id: row.id,
    version: row.version,
    // The column has a check constraint with exactly these values.
    kind: row.kind as Provider['kind'],
    issuer: row.issuer,
    clientId: row.client_id,
    clientSecret: opened(ring, row.sealed_secret, secretAad(tenantId, row.id), 'oauth-provider-unavailable'),
  }
}

/** @throws ProblemError `otherwise` when it was sealed under a key that is gone: only whoever set it can mend that. */
function opened(ring: KeyRing, sealed: Uint8Array, aad: readonly string[], otherwise: ProblemCode): string {
  try {
    return unseal(ring, sealed, aad).toString()
  } catch (error) {
    if (error instanceof UnsealError) throw new ProblemError(otherwise, { reason: 'sealed-under-another-key' })
    throw error
  }
}
