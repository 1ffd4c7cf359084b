import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'

/** The person whom a passkey is made for. */
export function findOwner(tx: Tx, tenantId: string, userId: string) {
  return tx
    .selectFrom('user_account')
    .select(['email', 'name'])
    .where('tenant_id', '=', tenantId)
    .where('id', '=', userId)
    .executeTakeFirst()
}

export function listPasskeys(tx: Tx, tenantId: string, userId: string) {
  return tx
    .selectFrom('webauthn_credential')
    .select([
      'id',
      'credential_id',
      'transports',
      'label',
      'is_backed_up',
      'created_at',
      'last_used_at',
      'suspected_at',
    ])
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .orderBy('id')
    .execute()
}

export interface NewPasskey {
  readonly tenant_id: string
  readonly id: string
  readonly user_id: string
  readonly credential_id: Buffer
  readonly public_key: Buffer
  readonly sign_count: number
  readonly transports: string[]
  readonly aaguid: string
  readonly is_backup_eligible: boolean
  readonly is_backed_up: boolean
  readonly label: string
  readonly created_at: Date
}

/** Stores a passkey; whether this call did. One that the tenant knows already stays with whom it has. */
export async function insertPasskey(tx: Tx, row: NewPasskey): Promise<boolean> {
  const result = await tx
    .insertInto('webauthn_credential')
    .values(row)
    .onConflict((conflict) => conflict.columns(['tenant_id', 'credential_id']).doNothing())
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}

/** A passkey by the name that its authenticator gave it, with its person, whether or not either is good for anything. */
export function findByCredential(tx: Tx, tenantId: string, credentialId: Buffer) {
  return tx
    .selectFrom('webauthn_credential as c')
    .innerJoin('user_account as u', (join) =>
      join.onRef('u.tenant_id', '=', 'c.tenant_id').onRef('u.id', '=', 'c.user_id'),
    )
    .select([
      'c.id',
      'c.user_id',
      'c.public_key',
      'c.is_backup_eligible',
      'u.email_norm',
      'u.last_login_at',
      sql<boolean>`c.suspected_at is not null`.as('is_suspected'),
      sql<boolean>`u.is_active and u.email_verified_at is not null and u.deleted_at is null and u.erased_at is null`.as(
        'may_sign_in',
      ),
    ])
    .where('c.tenant_id', '=', tenantId)
    .where('c.credential_id', '=', credentialId)
    .executeTakeFirst()
}

/** A use of a passkey, as its authenticator tells it. */
export interface PasskeyUse {
  readonly id: string
  readonly signCount: number
  readonly isBackedUp: boolean
  readonly at: Date
}

/**
 * Notes a use; whether it may count. A count that does not go up is that of a copy, unless the authenticator has never
 * counted. Of any number at once with the same count, one may.
 *
 * @see WebAuthn §6.1.1
 */
export async function noteUse(tx: Tx, tenantId: string, use: PasskeyUse): Promise<boolean> {
  const result = await tx
    .updateTable('webauthn_credential')
    .set({ sign_count: use.signCount, is_backed_up: use.isBackedUp, last_used_at: use.at })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', use.id)
    .where('suspected_at', 'is', null)
    .where((eb) => (use.signCount === 0 ? eb('sign_count', '=', 0) : eb('sign_count', '<', use.signCount)))
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Makes a passkey good for nothing; whether it was good until now. */
export async function suspect(tx: Tx, tenantId: string, id: string, at: Date): Promise<boolean> {
  const result = await tx
    .updateTable('webauthn_credential')
    .set({ suspected_at: at })
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id)
    .where('suspected_at', 'is', null)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/**
 * Whether a person may still sign in. Whoever changes that, or takes a passkey away, waits until the transaction ends: this
 * comes before every lock of what is theirs, as `lockAccount` does.
 */
export async function lockOwner(tx: Tx, tenantId: string, userId: string): Promise<boolean> {
  const row = await tx
    .selectFrom('user_account')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('id', '=', userId)
    .where('is_active', '=', true)
    .where('email_verified_at', 'is not', null)
    .where('deleted_at', 'is', null)
    .where('erased_at', 'is', null)
    .forNoKeyUpdate()
    .executeTakeFirst()
  return row !== undefined
}

/** Names a passkey of a person; undefined when they have no such one. */
export function renamePasskey(tx: Tx, tenantId: string, userId: string, id: string, label: string) {
  return tx
    .updateTable('webauthn_credential')
    .set({ label })
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .where('id', '=', id)
    .returning(['id', 'label', 'is_backed_up', 'created_at', 'last_used_at', 'suspected_at'])
    .executeTakeFirst()
}

export async function deletePasskey(tx: Tx, tenantId: string, userId: string, id: string): Promise<void> {
  await tx
    .deleteFrom('webauthn_credential')
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .where('id', '=', id)
    .execute()
}

/** What stands beside a person's passkeys as a second factor, and whether they have to have one. */
export function findDuty(tx: Tx, tenantId: string, userId: string) {
  return tx
    .selectFrom('user_account as u')
    .innerJoin('tenant as t', 't.id', 'u.tenant_id')
    .leftJoin('mfa_secret as m', (join) =>
      join.onRef('m.tenant_id', '=', 'u.tenant_id').onRef('m.user_id', '=', 'u.id'),
    )
    .select([
      sql<boolean>`u.mfa_required or t.mfa_required`.as('is_required'),
      sql<boolean>`m.confirmed_at is not null`.as('has_app'),
    ])
    .where('u.tenant_id', '=', tenantId)
    .where('u.id', '=', userId)
    .executeTakeFirstOrThrow()
}
