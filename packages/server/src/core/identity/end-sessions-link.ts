import type { Tx } from '../../database/tenant.ts'
import { createOpaqueToken } from '../credentials/opaque-token.ts'
import { insertOneTimeToken } from './one-time-tokens.ts'

/** How long a mail can be answered with ending every session. */
const LINK_HOURS = 72

/** Makes the token of a link to `/account/end-sessions`. It does that one thing, once, and signs nobody in. */
export async function issueSessionsEnd(tx: Tx, tenantId: string, userId: string, nowMs: number): Promise<string> {
  const { token, hash } = createOpaqueToken('sessionsEnd')
  await insertOneTimeToken(tx, {
    tenantId,
    hash,
    purpose: 'end-sessions',
    userId,
    data: {},
    expiresAt: new Date(nowMs + LINK_HOURS * 3_600_000),
  })
  return token
}
