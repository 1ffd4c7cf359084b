import type { FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import type { Pool } from '../../database/connect.ts'
import { inTenant } from '../../database/tenant.ts'
import { ACCESS_COOKIE, readCookie } from '../browser/cookies.ts'
import type { Actor } from '../context.ts'
import { ProblemError, type ProblemOptions } from '../problem.ts'
import { isSameHash, parseApiKeyToken } from './api-key-token.ts'
import { isInNetworks } from './networks.ts'

/** Who a credential stands for, and which tenant it belongs to. */
export interface Authenticated {
  readonly tenantId: string
  readonly actor: Extract<Actor, { readonly kind: 'api-key' | 'user' }>
}

interface KeyRow {
  tenant_id: string
  id: string
  secret_hash: Buffer
  scopes: string[]
  networks: string[]
  last_used_at: Date | null
  tenant_is_active: boolean
  is_usable: boolean
}

/** `last_used_at` is written at most this often per key. */
const useResolutionMs = 60_000

/** What a request was sent with. A cookie is a person's, `X-API-Key` a key, `Authorization` either. */
export interface Credential {
  readonly token: string
  readonly from: 'authorization' | 'api-key' | 'cookie'
}

/**
 * The credential of a request; undefined when there is none.
 *
 * @throws ProblemError when it carries two, or a malformed one.
 */
export function credentialOf({ headers }: Pick<FastifyRequest, 'headers'>): Credential | undefined {
  const { authorization, cookie } = headers
  const key = headers['x-api-key']
  const inCookie = readCookie(cookie, ACCESS_COOKIE)
  // Two in one field were refused before (`doubledField`).
  if ([authorization, key, inCookie].filter((each) => each !== undefined).length > 1) {
    throw new ProblemError('ambiguous-credentials')
  }
  if (inCookie !== undefined) return { token: inCookie, from: 'cookie' }
  if (key !== undefined) return { token: String(key), from: 'api-key' }
  if (authorization === undefined) return undefined
  const [, token] = /^Bearer +([!-~]+) *$/i.exec(authorization) ?? []
  if (token === undefined) throw invalidCredential('header')
  return { token, from: 'authorization' }
}

/**
 * Finds the API key of a token. Revocation, expiry and what its maker may do hold at once: nothing is remembered between
 * calls.
 *
 * @param address - where the call comes from, in its canonical spelling.
 * @throws ProblemError `credential-invalid`, the same for a malformed, unknown, expired and revoked key, one whose maker
 * is gone, and one that is not for use from there.
 */
export async function authenticateApiKey(
  { pool, log }: { readonly pool: Pool; readonly log: Logger },
  token: string,
  address: string,
  nowMs: number,
): Promise<Authenticated> {
  const parsed = parseApiKeyToken(token)
  if (parsed === undefined) throw invalidCredential('malformed')
  const found = await pool.query<KeyRow>({
    name: 'find-api-keys',
    text: 'select * from auth.find_api_keys($1)',
    values: [parsed.lookupId],
  })
  const row = found.rows.find((each) => isSameHash(each.secret_hash, parsed.secretHash))
  if (row === undefined) throw invalidCredential('unknown')
  const caller = { tenantId: row.tenant_id, id: row.id }
  if (!row.is_usable) throw invalidCredential('ended', caller)
  if (row.networks.length > 0 && !isInNetworks(row.networks, address)) throw invalidCredential('network', caller)
  if (!row.tenant_is_active) throw new ProblemError('tenant-suspended', { caller })
  noteUse(pool, row, nowMs, log)
  return { tenantId: row.tenant_id, actor: { kind: 'api-key', id: row.id, scopes: row.scopes } }
}

function noteUse(pool: Pool, row: KeyRow, nowMs: number, log: Logger): void {
  if (row.last_used_at !== null && nowMs - row.last_used_at.getTime() < useResolutionMs) return
  // Not awaited: the call does not depend on it, and a lost note is mended by the next use.
  inTenant(pool, row.tenant_id, (tx) =>
    tx
      .updateTable('api_key')
      .set({ last_used_at: new Date(nowMs) })
      .where('tenant_id', '=', row.tenant_id)
      .where('id', '=', row.id)
      .execute(),
  ).catch((error: unknown) => log.warn({ err: error, keyId: row.id }, 'the use of an API key was not noted'))
}

/**
 * One answer for everything that does not hold.
 *
 * @param reason - for the log alone, as is the caller: whose it was, where a signature or the whole secret says so.
 */
export const invalidCredential = (reason: string, caller?: NonNullable<ProblemOptions['caller']>): ProblemError =>
  new ProblemError('credential-invalid', {
    ...{ reason, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } },
    ...(caller && { caller }),
  })
