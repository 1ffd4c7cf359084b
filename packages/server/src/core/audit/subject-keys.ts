import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { LRUCache } from 'lru-cache'
import type { Tx } from '../../database/tenant.ts'
import { type KeyRing, ringOfKey, seal, unseal } from '../credentials/sealing.ts'

/** What a value of the log is about: a person, or the client addresses of a month (UTC). */
export type AuditSubject = `person:${string}` | `month:${string}`

export const personSubject = (userId: string): AuditSubject => `person:${userId}`
export const monthSubject = (atMs: number): AuditSubject => `month:${new Date(atMs).toISOString().slice(0, 7)}`

/** Sealed keys of subjects that the transaction has read already; null where there was none. */
export type ReadKeys = Readonly<Partial<Record<AuditSubject, Buffer | null>>>

/**
 * The key of a subject, made when there is none yet.
 *
 * @param ring - what keys of subjects are sealed under.
 */
export async function useSubjectKey(
  tx: Tx,
  ring: KeyRing,
  tenantId: string,
  subject: AuditSubject,
  read: ReadKeys = {},
): Promise<KeyRing> {
  const atHand = subjectKeyAtHand(ring, tenantId, subject, read)
  if (atHand !== undefined) return atHand
  const [found] = await findSubjectKeys(tx, ring, tenantId, [subject])
  if (found === undefined) return makeSubjectKey(tx, ring, tenantId, subject)
  if (isMonth(subject)) monthKeysOf(ring).set(`${tenantId} ${subject}`, found.key)
  return found.key
}

/** The key of a subject, as far as it takes no look-up: it was read already, or it is a month's and known. */
export function subjectKeyAtHand(
  ring: KeyRing,
  tenantId: string,
  subject: AuditSubject,
  read: ReadKeys,
): KeyRing | undefined {
  const sealed = read[subject]
  if (sealed) return openKey(ring, tenantId, subject, sealed)
  return isMonth(subject) ? monthKeysOf(ring).get(`${tenantId} ${subject}`) : undefined
}

const isMonth = (subject: AuditSubject): boolean => subject.startsWith('month:')

/** Whose key stands for that of nobody. */
export const nobody = '00000000-0000-0000-0000-000000000000'

/**
 * The key of a person, made when there is none yet, by the same statements whether there was one, there was none or there
 * is no such person: for what strangers are answered, whom the time it takes would tell which.
 *
 * @param userId - undefined for nobody.
 */
export async function readKeyEvenly(
  tx: Tx,
  ring: KeyRing | undefined,
  tenantId: string,
  userId: string | undefined,
): Promise<ReadKeys> {
  if (ring === undefined) return {}
  const subject = personSubject(userId ?? nobody)
  const fresh = seal(ring, randomBytes(32), subjectKeyAad(tenantId, subject))
  const [, { rows }] = await Promise.all([
    lockChain(tx),
    sql<{ sealed_key: Buffer }>`
      with made as (
        insert into audit_subject_key (tenant_id, subject, sealed_key) values (${tenantId}, ${subject}, ${fresh})
        on conflict do nothing returning sealed_key
      )
      select sealed_key from made
      union all
      select sealed_key from audit_subject_key where tenant_id = ${tenantId} and subject = ${subject}
      limit 1`.execute(tx),
  ])
  return { [subject]: rows[0]?.sealed_key ?? null }
}

/** Whoever has to wait for another's key waits for the chain first, as everybody does: no two wait for one another. */
const lockChain = (tx: Tx): Promise<unknown> => sql`select lock_audit_chain()`.execute(tx)

/**
 * Keys of months that were read from the database. One that this transaction makes is not kept: it may be rolled back, and
 * what it sealed would be lost. A month's key is destroyed years after the last use; a person's may be at any moment, so
 * it is read each time.
 */
const monthKeys = new WeakMap<KeyRing, LRUCache<string, KeyRing>>()

function monthKeysOf(ring: KeyRing): LRUCache<string, KeyRing> {
  const kept = monthKeys.get(ring) ?? new LRUCache<string, KeyRing>({ max: 1_000 })
  monthKeys.set(ring, kept)
  return kept
}

/** The keys of those subjects that were not erased. */
export async function findSubjectKeys(
  tx: Tx,
  ring: KeyRing,
  tenantId: string,
  subjects: readonly AuditSubject[],
): Promise<readonly { readonly subject: string; readonly key: KeyRing }[]> {
  if (subjects.length === 0) return []
  const rows = await tx
    .selectFrom('audit_subject_key')
    .select(['subject', 'sealed_key'])
    .where('tenant_id', '=', tenantId)
    .where('subject', 'in', [...new Set(subjects)])
    .execute()
  return rows.map(({ subject, sealed_key }) => ({
    subject,
    key: openKey(ring, tenantId, subject, sealed_key),
  }))
}

async function makeSubjectKey(tx: Tx, ring: KeyRing, tenantId: string, subject: AuditSubject): Promise<KeyRing> {
  await lockChain(tx)
  const made = randomBytes(32)
  await tx
    .insertInto('audit_subject_key')
    .values({ tenant_id: tenantId, subject, sealed_key: seal(ring, made, subjectKeyAad(tenantId, subject)) })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const [stored] = await findSubjectKeys(tx, ring, tenantId, [subject])
  if (stored === undefined) throw new Error('a key of the audit log was not stored')
  return stored.key
}

/**
 * Destroys the key of a person: nothing personal in the tenant's log can be read again, and its chain still holds. Values
 * that are logged of the same person later get a key of their own.
 *
 * @returns whether there was one.
 */
export async function destroyPersonKey(tx: Tx, tenantId: string, userId: string): Promise<boolean> {
  const result = await tx
    .deleteFrom('audit_subject_key')
    .where('tenant_id', '=', tenantId)
    .where('subject', '=', personSubject(userId))
    .executeTakeFirst()
  return result.numDeletedRows > 0n
}

/** Destroys the keys of addresses of the months before the one of `before`. @returns how many. */
export async function destroyMonthKeys(tx: Tx, before: Date): Promise<number> {
  const result = await tx
    .deleteFrom('audit_subject_key')
    .where('subject', 'like', 'month:%')
    .where('subject', '<', monthSubject(before.getTime()))
    .executeTakeFirst()
  return Number(result.numDeletedRows)
}

/** Whose a key is, and what for. */
export const subjectKeyAad = (tenantId: string, subject: string): readonly string[] => [
  tenantId,
  subject,
  'audit-subject-key',
]

const openKey = (ring: KeyRing, tenantId: string, subject: string, sealed: Buffer): KeyRing =>
  ringOfKey(unseal(ring, sealed, subjectKeyAad(tenantId, subject)))
