import { type KeyRing, UnsealError, unseal } from '../credentials/sealing.ts'
import { type AuditSubject, monthSubject, personSubject } from './subject-keys.ts'

/** Keys that were not destroyed, by their subject. */
export type SubjectKeys = ReadonlyMap<string, KeyRing>

/** Whose a sealed value of the log is, and what for. */
export const valueAad = (tenantId: string, subject: string): readonly string[] => [tenantId, subject, 'audit-value']

/** What is needed to find the keys of an entry's values. */
export interface SealedEntry extends EntryPeople {
  readonly tenant_id: string
  readonly at: Date
  readonly personal_sealed: Buffer | null
  readonly client_sealed: Buffer | null
}

/** Whom an entry is about, as far as the keys of its values go. */
export interface EntryPeople {
  readonly actor_kind: string
  readonly actor_id: string | null
  readonly resource_type: string | null
  readonly resource_id: string | null
  readonly subject_id: string | null
}

/**
 * Under which keys address and User-Agent of a call are, the outermost first: the one of the month, which ends when their
 * retention does, and within it the one of whoever called, which ends when that person is erased: the one who was signed
 * in, else the one whose account they tried to enter.
 */
export function clientSubjects(atMs: number, entry: EntryPeople): AuditSubject[] {
  const month = monthSubject(atMs)
  const caller = callerOf(entry)
  return caller === null ? [month] : [month, personSubject(caller)]
}

function callerOf({ actor_kind, actor_id, resource_type, resource_id, subject_id }: EntryPeople): string | null {
  if (actor_kind === 'user') return actor_id
  if (actor_kind !== 'public') return null
  return subject_id ?? (resource_type === 'user' ? resource_id : null)
}

/** Every subject whose key an entry's values are under. */
export const subjectsOf = (entry: SealedEntry): readonly AuditSubject[] => [
  ...clientSubjects(entry.at.getTime(), entry),
  ...(entry.subject_id === null ? [] : [personSubject(entry.subject_id)]),
]

/** JSON of the values about a person; undefined when there are none, or their key was destroyed. */
export const openPersonal = (keys: SubjectKeys, { tenant_id, subject_id, personal_sealed }: SealedEntry) =>
  subject_id === null ? undefined : opened(keys, tenant_id, [personSubject(subject_id)], personal_sealed)

/** JSON of address and User-Agent; undefined when there are none, or one of their keys was destroyed. */
export const openClient = (keys: SubjectKeys, entry: SealedEntry): string | undefined =>
  opened(keys, entry.tenant_id, clientSubjects(entry.at.getTime(), entry), entry.client_sealed)

function opened(
  keys: SubjectKeys,
  tenantId: string,
  subjects: readonly AuditSubject[],
  sealed: Buffer | null,
): string | undefined {
  if (sealed === null) return undefined
  let value = sealed
  for (const subject of subjects) {
    const key = keys.get(subject)
    if (key === undefined) return undefined
    try {
      value = unseal(key, value, valueAad(tenantId, subject))
    } catch (error) {
      // Sealed under an earlier key of the same subject.
      if (error instanceof UnsealError) return undefined
      throw error
    }
  }
  return value.toString()
}
