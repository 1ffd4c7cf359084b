import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'

/**
 * The confirmed secret of a person; undefined for who has no second factor. Whatever else would use or change the factor
 * waits until the transaction ends. See `lockAccount`, which comes first.
 */
export async function lockSecret(tx: Tx, tenantId: string, userId: string): Promise<Buffer | undefined> {
  const row = await tx
    .selectFrom('mfa_secret')
    .select('sealed_secret')
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .forUpdate()
    .executeTakeFirst()
  return row?.sealed_secret ?? undefined
}

/** Uses a time step up, and with it every earlier one; whether this call did. Of any number at once, one does. */
export async function useStep(
  tx: Tx,
  tenantId: string,
  userId: string,
  sealedSecret: Buffer,
  step: number,
): Promise<boolean> {
  const result = await tx
    .updateTable('mfa_secret')
    .set({ last_step: step })
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .where('sealed_secret', '=', sealedSecret)
    .where('last_step', '<', step)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Uses a recovery code up; whether this call did. */
export async function useRecoveryCode(tx: Tx, tenantId: string, userId: string, hash: Buffer): Promise<boolean> {
  const result = await tx
    .updateTable('mfa_recovery_code')
    .set({ used_at: sql`now()` })
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .where('code_hash', '=', hash)
    .where('used_at', 'is', null)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** How many recovery codes a person has left. */
export async function countRecoveryCodes(tx: Tx, tenantId: string, userId: string): Promise<number> {
  const row = await tx
    .selectFrom('mfa_recovery_code')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .where('used_at', 'is', null)
    .executeTakeFirstOrThrow()
  return row.count
}

/** What is known of a person's second factor, and of what is asked of them. */
export function findStatus(tx: Tx, tenantId: string, userId: string) {
  return tx
    .selectFrom('user_account as u')
    .innerJoin('tenant as t', 't.id', 'u.tenant_id')
    .leftJoin('mfa_secret as m', (join) =>
      join.onRef('m.tenant_id', '=', 'u.tenant_id').onRef('m.user_id', '=', 'u.id'),
    )
    .select((eb) => [
      'u.email',
      'm.confirmed_at',
      sql<boolean>`u.mfa_required or t.mfa_required`.as('is_required'),
      eb
        .selectFrom('mfa_recovery_code as c')
        .select((e) => e.fn.countAll<number>().as('count'))
        .whereRef('c.tenant_id', '=', 'u.tenant_id')
        .whereRef('c.user_id', '=', 'u.id')
        .where('c.used_at', 'is', null)
        .as('codes_left'),
    ])
    .where('u.tenant_id', '=', tenantId)
    .where('u.id', '=', userId)
    .executeTakeFirst()
}

/** Keeps a secret that is yet to be confirmed, in the place of an earlier such one. */
export async function putPending(tx: Tx, tenantId: string, userId: string, sealed: Buffer): Promise<void> {
  const pending = { pending_secret: sealed, pending_since: sql<Date>`now()` }
  await tx
    .insertInto('mfa_secret')
    .values({ tenant_id: tenantId, user_id: userId, ...pending })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'user_id']).doUpdateSet(pending))
    .execute()
}

/** The secret that is yet to be confirmed; undefined when none was asked for lately. It locks as `lockSecret` does. */
export async function lockPending(tx: Tx, tenantId: string, userId: string): Promise<Buffer | undefined> {
  const row = await tx
    .selectFrom('mfa_secret')
    .select('pending_secret')
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .where('pending_since', '>', sql<Date>`now() - interval '30 minutes'`)
    .forUpdate()
    .executeTakeFirst()
  return row?.pending_secret ?? undefined
}

/** Makes a pending secret the person's; whether it was still pending. The step of its first code is used up. */
export async function confirmPending(
  tx: Tx,
  tenantId: string,
  userId: string,
  pending: Buffer,
  step: number,
): Promise<boolean> {
  const result = await tx
    .updateTable('mfa_secret')
    .set({
      sealed_secret: pending,
      confirmed_at: sql`now()`,
      last_step: step,
      pending_secret: null,
      pending_since: null,
    })
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .where('pending_secret', '=', pending)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Puts other recovery codes in the place of all there are. */
export async function replaceRecoveryCodes(
  tx: Tx,
  tenantId: string,
  userId: string,
  hashes: readonly Buffer[],
): Promise<void> {
  await tx.deleteFrom('mfa_recovery_code').where('tenant_id', '=', tenantId).where('user_id', '=', userId).execute()
  await tx
    .insertInto('mfa_recovery_code')
    .values(hashes.map((hash) => ({ tenant_id: tenantId, user_id: userId, code_hash: hash })))
    .execute()
}

/** Whose a challenge is and how it is to be answered; undefined for one that does not hold. */
export function findChallenge(tx: Tx, tenantId: string, hash: Buffer) {
  return tx
    .selectFrom('one_time_token')
    .select(['user_id', 'data'])
    .where('tenant_id', '=', tenantId)
    .where('token_hash', '=', hash)
    .where('purpose', '=', 'mfa-challenge')
    .where('expires_at', '>', sql<Date>`now()`)
    .executeTakeFirst()
}

/** Takes one try at a challenge, and holds it until the transaction ends: others at the same one wait. */
export async function takeTry(tx: Tx, tenantId: string, hash: Buffer, mostTries: number): Promise<boolean> {
  const result = await tx
    .updateTable('one_time_token')
    .set((eb) => ({ tries: eb('tries', '+', 1) }))
    .where('tenant_id', '=', tenantId)
    .where('token_hash', '=', hash)
    .where('purpose', '=', 'mfa-challenge')
    .where('expires_at', '>', sql<Date>`now()`)
    .where('tries', '<', mostTries)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** The person of a challenge, unless they may not sign in any more or have another password since. */
export function findChallenged(tx: Tx, tenantId: string, hash: Buffer) {
  return tx
    .selectFrom('one_time_token as o')
    .innerJoin('user_account as u', (join) =>
      join.onRef('u.tenant_id', '=', 'o.tenant_id').onRef('u.id', '=', 'o.user_id'),
    )
    .leftJoin('password_credential as p', (join) =>
      join.onRef('p.tenant_id', '=', 'u.tenant_id').onRef('p.user_id', '=', 'u.id'),
    )
    .select(['u.id', 'u.email_norm', 'u.last_login_at'])
    .where('o.tenant_id', '=', tenantId)
    .where('o.token_hash', '=', hash)
    .where('u.is_active', '=', true)
    .where('u.deleted_at', 'is', null)
    .where('u.erased_at', 'is', null)
    .where((eb) => eb.or([eb('p.changed_at', 'is', null), eb('p.changed_at', '<=', eb.ref('o.created_at'))]))
    .executeTakeFirst()
}

/** What a person can prove who they are with. */
export function findProofs(tx: Tx, tenantId: string, userId: string) {
  return tx
    .selectFrom('user_account as u')
    .leftJoin('password_credential as p', (join) =>
      join.onRef('p.tenant_id', '=', 'u.tenant_id').onRef('p.user_id', '=', 'u.id'),
    )
    .leftJoin('mfa_secret as m', (join) =>
      join.onRef('m.tenant_id', '=', 'u.tenant_id').onRef('m.user_id', '=', 'u.id'),
    )
    .select(['u.email_norm', 'p.hash', sql<boolean>`m.confirmed_at is not null`.as('has_factor')])
    .where('u.tenant_id', '=', tenantId)
    .where('u.id', '=', userId)
    .executeTakeFirst()
}

export async function isRequiredOfAll(tx: Tx, tenantId: string): Promise<boolean> {
  const row = await tx.selectFrom('tenant').select('mfa_required').where('id', '=', tenantId).executeTakeFirstOrThrow()
  return row.mfa_required
}

export async function requireOfAll(tx: Tx, tenantId: string, isRequired: boolean, now: Date): Promise<void> {
  await tx.updateTable('tenant').set({ mfa_required: isRequired, updated_at: now }).where('id', '=', tenantId).execute()
}
