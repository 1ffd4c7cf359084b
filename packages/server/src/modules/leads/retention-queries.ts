import type { Tx } from '../../database/tenant.ts'

/** Forgets render tokens spent and expired before `before`. Returns how many. */
export async function deleteSpentTokens(tx: Tx, before: Date): Promise<number> {
  return Number((await tx.deleteFrom('spent_token').where('expires_at', '<', before).executeTakeFirst()).numDeletedRows)
}

/** Forgets the answers given to idempotency keys before `before`. Returns how many. */
export async function deleteIdempotencyRecords(tx: Tx, before: Date): Promise<number> {
  return Number(
    (await tx.deleteFrom('idempotency_record').where('created_at', '<', before).executeTakeFirst()).numDeletedRows,
  )
}
