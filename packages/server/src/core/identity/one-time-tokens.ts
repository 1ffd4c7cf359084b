import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'

/** What a token is good for, once. */
export type OneTimePurpose =
  | 'verify-email'
  | 'change-email'
  | 'reset-password'
  | 'mfa-challenge'
  | 'invitation'
  | 'oauth-state'
  | 'oauth-registration'
  | 'passkey-challenge'
  | 'bootstrap'
  | 'return-email'
  | 'end-sessions'
  | 'reset-mfa'
  | 'reset-mfa-wait'

/** What was asked for under another password is worth nothing under a new one. */
export const outdatedByPassword: readonly OneTimePurpose[] = [
  'reset-password',
  'mfa-challenge',
  'change-email',
  'reset-mfa',
  'reset-mfa-wait',
]

export interface OneTimeToken {
  readonly tenantId: string
  /** SHA-256 of the token. */
  readonly hash: Buffer
  readonly purpose: OneTimePurpose
  readonly userId: string | null
  /** What the token is bound to. */
  readonly data: Readonly<Record<string, unknown>>
  readonly expiresAt: Date
}

export async function insertOneTimeToken(tx: Tx, token: OneTimeToken): Promise<void> {
  await tx
    .insertInto('one_time_token')
    .values({
      tenant_id: token.tenantId,
      token_hash: token.hash,
      purpose: token.purpose,
      user_id: token.userId,
      data: JSON.stringify(token.data),
      expires_at: token.expiresAt,
    })
    .execute()
}

/** What a token would be good for, without using it up; undefined for one that does not hold. */
export async function peekOneTimeToken(
  tx: Tx,
  tenantId: string,
  hash: Buffer,
  purpose: OneTimePurpose,
): Promise<ConsumedToken | undefined> {
  const row = await tx
    .selectFrom('one_time_token')
    .select(['user_id', 'data'])
    .where('tenant_id', '=', tenantId)
    .where('token_hash', '=', hash)
    .where('purpose', '=', purpose)
    .where('expires_at', '>', sql<Date>`now()`)
    .executeTakeFirst()
  return row && { userId: row.user_id, data: recordOf(row.data) }
}

/** Counts a try that failed; the last one takes the token away. */
export async function failOneTimeToken(tx: Tx, tenantId: string, hash: Buffer, mostTries: number): Promise<void> {
  const counted = await tx
    .updateTable('one_time_token')
    .set((eb) => ({ tries: eb('tries', '+', 1) }))
    .where('tenant_id', '=', tenantId)
    .where('token_hash', '=', hash)
    .returning('tries')
    .executeTakeFirst()
  if (counted === undefined || counted.tries < mostTries) return
  await tx.deleteFrom('one_time_token').where('tenant_id', '=', tenantId).where('token_hash', '=', hash).execute()
}

/** What a token was good for. */
export interface ConsumedToken {
  readonly userId: string | null
  readonly data: Readonly<Record<string, unknown>>
}

/** Uses a token up. Of any number at once, one gets what it was good for; undefined for every other, and once it has expired. */
export async function consumeOneTimeToken(
  tx: Tx,
  tenantId: string,
  hash: Buffer,
  purpose: OneTimePurpose,
): Promise<(ConsumedToken & { readonly createdAt: Date }) | undefined> {
  const row = await tx
    .deleteFrom('one_time_token')
    .where('tenant_id', '=', tenantId)
    .where('token_hash', '=', hash)
    .where('purpose', '=', purpose)
    .where('expires_at', '>', sql<Date>`now()`)
    .returning(['user_id', 'data', 'created_at'])
    .executeTakeFirst()
  return row && { userId: row.user_id, data: recordOf(row.data), createdAt: row.created_at }
}

/** Takes away what a person was given for these purposes: an older link does not outlive a newer one. */
export async function withdrawOneTimeTokens(
  tx: Tx,
  tenantId: string,
  userId: string,
  purposes: readonly OneTimePurpose[],
): Promise<void> {
  await tx
    .deleteFrom('one_time_token')
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .where('purpose', 'in', [...purposes])
    .execute()
}

/** The column holds an object, by its check. */
const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
