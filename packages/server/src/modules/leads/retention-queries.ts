import type { Tx } from '../../database/tenant.ts'

/** Forgets the receipts of submissions made before `before`. Returns how many. */
export async function deleteReceipts(tx: Tx, before: Date): Promise<number> {
  return Number(
    (await tx.deleteFrom('submission_receipt').where('created_at', '<', before).executeTakeFirst()).numDeletedRows,
  )
}
