import type { Tx } from '../../database/tenant.ts'
import { createOpaqueToken, type NewOpaqueToken } from '../credentials/opaque-token.ts'
import { insertOneTimeToken } from './one-time-tokens.ts'

/** How long a link that makes an account is good for. */
export const INVITATION_DAYS = 7

/** Since when; Unix time in milliseconds. */
export const invitationEnd = (nowMs: number): Date => new Date(nowMs + INVITATION_DAYS * 86_400_000)

/** What a link leads to: an invitation, the first password of an account, or the first owner of a tenant. */
export type InvitationTarget =
  | { readonly purpose: 'invitation'; readonly invitationId: string }
  | { readonly purpose: 'invitation'; readonly userId: string }
  | { readonly purpose: 'bootstrap' }

/** Makes the token of a link to `/account/invite`. It is handed out once, and its hash alone is stored. */
export async function issueInvitationToken(
  tx: Tx,
  tenantId: string,
  target: InvitationTarget,
  nowMs: number,
): Promise<NewOpaqueToken> {
  const issued = createOpaqueToken('invitation')
  await insertOneTimeToken(tx, {
    tenantId,
    hash: issued.hash,
    purpose: target.purpose,
    userId: 'userId' in target ? target.userId : null,
    data: 'invitationId' in target ? { invitationId: target.invitationId } : {},
    expiresAt: invitationEnd(nowMs),
  })
  return issued
}
