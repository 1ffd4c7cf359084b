import type { FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import type { Pool } from '../database/connect.ts'
import { inTenant } from '../database/tenant.ts'
import { isSameHash, parseApiKeyToken } from './api-key-token.ts'
import type { Actor } from './context.ts'
import { ProblemError } from './problem.ts'

/** Who a credential stands for, and which tenant it belongs to. */
export interface Authenticated {
  readonly tenantId: string
  readonly actor: Actor & { readonly kind: 'api-key' }
}

interface KeyRow {
  tenant_id: string
  id: string
  secret_hash: Buffer
  scopes: string[]
  last_used_at: Date | null
  tenant_is_active: boolean
}

/** `last_used_at` is written at most this often per key. */
const useResolutionMs = 60_000

/** The bearer token of a request; undefined when there is none. @throws ProblemError when it names two or a malformed one. */
export function credentialOf(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization
  const key = request.headers['x-api-key']
  if (header === undefined && key === undefined) return undefined
  // Two in one field were refused before (`doubledField`).
  if (header !== undefined && key !== undefined) throw new ProblemError('ambiguous-credentials')
  if (header === undefined) return String(key)
  const [, token] = /^Bearer +([!-~]+) *$/i.exec(header) ?? []
  if (token === undefined) throw invalid('header')
  return token
}

/**
 * Finds the API key of a token. Revocation and expiry hold at once: nothing is remembered between calls.
 *
 * @throws ProblemError `credential-invalid`, the same for a malformed, unknown, expired and revoked key.
 */
export async function authenticateApiKey(
  pool: Pool,
  token: string,
  nowMs: number,
  log: Logger,
): Promise<Authenticated> {
  const parsed = parseApiKeyToken(token)
  if (parsed === undefined) throw invalid('malformed')
  const found = await pool.query<KeyRow>({
    name: 'find-api-keys',
    text: 'select * from auth.find_api_keys($1)',
    values: [parsed.lookupId],
  })
  const row = found.rows.find((each) => isSameHash(each.secret_hash, parsed.secretHash))
  if (row === undefined) throw invalid('unknown')
  if (!row.tenant_is_active) throw new ProblemError('tenant-suspended')
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

const invalid = (reason: string): ProblemError =>
  new ProblemError('credential-invalid', { reason, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } })
