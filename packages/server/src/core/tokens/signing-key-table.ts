import type { Pool } from '../../database/connect.ts'
import type { NewKey, SealedKey } from './signing-key.ts'

/** A key as the table tells it, without its private part. Instants of the database's clock. */
export interface ListedKey {
  readonly kid: string
  readonly algorithm: string
  readonly state: 'next' | 'active' | 'retired'
  readonly createdAt: Date
  /** Signs nothing earlier. */
  readonly notBefore: Date
  readonly activatedAt: Date | null
  /** When the next one takes over, if it may sign by then; null for a key that has not signed yet. */
  readonly rotateAfter: Date | null
  readonly retiredAt: Date | null
  /** When it is forgotten; null until it is retired. */
  readonly removeAfter: Date | null
}

/** A stored key with its sealed private part. */
export interface StoredKey extends SealedKey {
  readonly state: ListedKey['state']
}

type Database = Pick<Pool, 'query'>

/** Does what is due, then reads every key of a purpose, the active one first. @param database - as rempart_app. */
export async function turnAndRead(database: Database, purpose: string): Promise<readonly StoredKey[]> {
  await database.query({ name: 'turn-signing-keys', text: 'select turn_signing_keys($1)', values: [purpose] })
  const { rows } = await database.query<StoredKey>({
    name: 'read-signing-keys',
    text: `select purpose, kid, state, sealed_private as "sealedPrivate" from signing_key where purpose = $1
           order by state, created_at desc, kid`,
    values: [purpose],
  })
  return rows
}

/** Takes a key into the place that is free. @returns null when another process has filled it: the key is dropped. */
export async function addKey(database: Database, key: NewKey): Promise<ListedKey['state'] | null> {
  const { rows } = await database.query<{ state: ListedKey['state'] | null }>({
    name: 'add-signing-key',
    text: 'select add_signing_key($1, $2, $3, $4, $5) as state',
    values: [key.purpose, key.kid, key.publicJwk.alg, JSON.stringify(key.publicJwk), key.sealedPrivate],
  })
  return rows[0]?.state ?? null
}

/** What access tokens are signed with; no other key of this table signs them. */
export const ACCESS_TOKEN_PURPOSE = 'access-token'

/** The keys of access tokens, the active one first. @param database - as rempart_worker. */
export async function listSigningKeys(database: Database): Promise<readonly ListedKey[]> {
  const { rows } = await database.query<ListedKey>(
    `select kid, algorithm, state, created_at as "createdAt", not_before as "notBefore", activated_at as "activatedAt",
       rotate_after as "rotateAfter", retired_at as "retiredAt", remove_after as "removeAfter"
     from signing_key where purpose = $1 order by state, created_at desc, kid`,
    [ACCESS_TOKEN_PURPOSE],
  )
  return rows
}

/**
 * Has the next key take over as soon as it may sign: at once, or when it has been published for half an hour. Tokens
 * that were signed before stay valid.
 *
 * @param database - as rempart_worker.
 * @returns whether it was at once.
 */
export async function rotateSigningKeys(database: Database): Promise<boolean> {
  const { rows } = await database.query<{ turned: boolean }>('select hasten_signing_keys($1) as turned', [
    ACCESS_TOKEN_PURPOSE,
  ])
  return rows[0]?.turned ?? false
}

/**
 * Ends every key: no access token that is out holds any more. Running servers make others at once, else the next start
 * does. For a key that was stolen, or a master secret that was lost.
 *
 * @param database - as rempart_worker.
 * @returns how many there were.
 */
export async function revokeSigningKeys(database: Database): Promise<number> {
  const { rows } = await database.query<{ ended: number }>('select end_signing_keys($1) as ended', [
    ACCESS_TOKEN_PURPOSE,
  ])
  return rows[0]?.ended ?? 0
}
