import type { Tx } from '../../database/tenant.ts'

/** Deletes messages that came before an instant, the oldest first, `limit` at most. Returns how many. */
export async function deleteMessagesBefore(tx: Tx, beforeMs: number, limit: number): Promise<number> {
  const old = tx
    .selectFrom('contact_message')
    .select('id')
    // The id begins with the instant it was made at, so the primary key finds them.
    .where('id', '<', firstIdOf(beforeMs))
    .where('created_at', '<', new Date(beforeMs))
    .orderBy('id')
    .limit(limit)
  return Number((await tx.deleteFrom('contact_message').where('id', 'in', old).executeTakeFirst()).numDeletedRows)
}

/** The least UUIDv7 of a millisecond. A second is left for clocks that differ. */
function firstIdOf(ms: number): string {
  const time = Math.max(0, Math.floor(ms) + 1_000)
    .toString(16)
    .padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`
}
