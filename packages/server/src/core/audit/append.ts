import { sql } from 'kysely'
import type { Tx } from '../../database/tenant.ts'
import { type KeyRing, seal } from '../credentials/sealing.ts'
import { isToldOutside } from '../webhooks/events.ts'
import { queueWebhook } from '../webhooks/queue.ts'
import type { AuditAction, AuditOutcome } from './actions.ts'
import { type AuditSubject, personSubject, type ReadKeys, subjectKeyAtHand, useSubjectKey } from './subject-keys.ts'
import { clientSubjects, type EntryPeople, valueAad } from './values.ts'

/** What an audit entry is written with; part of each `Context`. */
export interface AuditOrigin {
  /** What the keys of subjects are sealed under. Undefined on the command line: its entries hold nothing personal. */
  readonly ring: KeyRing | undefined
  /** Where the call comes from; undefined for one that came over no network. */
  readonly address: string | undefined
  readonly userAgent: string | undefined
}

/** Who writes an entry, of what tenant. A `Context` is one. */
export interface AuditSource {
  readonly tenant: { readonly id: string }
  readonly actor: {
    readonly kind: 'public' | 'user' | 'api-key' | 'operator' | 'system'
    readonly id?: string
  }
  readonly requestId: string
  readonly audit: AuditOrigin
}

/** A value of an entry. */
export type AuditValue =
  | string
  | number
  | boolean
  | null
  | readonly AuditValue[]
  | { readonly [name: string]: AuditValue }

/** What is to be remembered. */
export interface AuditEvent {
  readonly action: AuditAction
  /** Default `done`. */
  readonly outcome?: AuditOutcome
  readonly resource?: { readonly type: string; readonly id: string }
  /** What changed, with nothing personal in it: it stays for good. */
  readonly changes?: { readonly [name: string]: AuditValue }
  /** Values about one person: unreadable once that person is erased. */
  readonly personal?: { readonly userId: string; readonly values: { readonly [name: string]: AuditValue } }
}

/**
 * Adds an entry to the audit log of the transaction's tenant: it is there when the act is, and not when the act was rolled
 * back. What webhooks are told of under the same name is queued with it, but for what is personal. Until the transaction ends no other one adds to the log of that tenant, so make it the last thing it does.
 *
 * @param read - keys that need not be looked up; those that are not among them are.
 * @throws the database's error for a context of another tenant than the transaction's.
 */
export async function appendAudit(tx: Tx, source: AuditSource, event: AuditEvent, read: ReadKeys = {}): Promise<void> {
  const about = peopleOf(source, event)
  const personal = event.personal && JSON.stringify(event.personal.values)
  const [personalSealed, clientSealed] = [
    event.personal && (await sealFor(tx, source, [personSubject(event.personal.userId)], personal, read)),
    await sealFor(tx, source, clientSubjects(Date.now(), about), clientText(source.audit), read),
  ]
  await tellOutside(tx, source, event)
  await sql`select audit_append(${about.actor_kind}, ${about.actor_id}, ${event.action},
    ${about.resource_type}, ${about.resource_id}, ${event.outcome ?? 'done'}, ${source.requestId},
    ${JSON.stringify(event.changes ?? {})}, ${personalSealed === undefined ? null : about.subject_id},
    ${personalSealed ?? null}, ${clientSealed ?? null})`.execute(tx)
}

/**
 * Address and User-Agent of an entry that a function of the database will add with `audit_append`, sealed with keys that are
 * at hand.
 *
 * @param read - see `appendAudit`.
 * @returns null for an entry that has none; undefined when a key is not at hand: then `appendAudit` is the way.
 */
export function sealClientAtHand(
  source: AuditSource,
  event: Pick<AuditEvent, 'resource'>,
  read: ReadKeys,
): Buffer | null | undefined {
  const { ring } = source.audit
  const text = clientText(source.audit)
  if (text === undefined || ring === undefined) return null
  let value: Buffer = Buffer.from(text)
  for (const subject of clientSubjects(Date.now(), peopleOf(source, event)).toReversed()) {
    const key = subjectKeyAtHand(ring, source.tenant.id, subject, read)
    if (key === undefined) return undefined
    value = seal(key, value, valueAad(source.tenant.id, subject))
  }
  return value
}

const peopleOf = ({ actor }: AuditSource, { resource, personal }: Omit<AuditEvent, 'action'>): EntryPeople => ({
  actor_kind: actor.kind,
  actor_id: actor.id ?? null,
  resource_type: resource?.type ?? null,
  resource_id: resource?.id ?? null,
  subject_id: personal?.userId ?? null,
})

async function tellOutside(tx: Tx, { tenant, actor }: AuditSource, event: AuditEvent): Promise<void> {
  if (!isToldOutside(event.action)) return
  const { action: type, outcome = 'done', resource = null, changes = {} } = event
  const by = { kind: actor.kind, id: actor.id ?? null }
  await queueWebhook(tx, tenant.id, { type, data: { resource, outcome, actor: by, changes } })
}

const longestUserAgent = 512

const clientText = ({ address, userAgent }: AuditOrigin): string | undefined =>
  address === undefined
    ? undefined
    : JSON.stringify({ address, userAgent: userAgent?.slice(0, longestUserAgent).toWellFormed() ?? null })

/** @param subjects - the outermost key's first. */
async function sealFor(
  tx: Tx,
  { tenant, audit: { ring } }: AuditSource,
  subjects: readonly AuditSubject[],
  text: string | undefined,
  read: ReadKeys,
): Promise<Buffer | undefined> {
  if (text === undefined || ring === undefined) return undefined
  let value: Buffer = Buffer.from(text)
  for (const subject of subjects.toReversed()) {
    value = seal(await useSubjectKey(tx, ring, tenant.id, subject, read), value, valueAad(tenant.id, subject))
  }
  return value
}
