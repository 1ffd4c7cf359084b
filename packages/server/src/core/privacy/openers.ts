import type { Sealed } from '../../database/classification/terms.ts'
import type { Tx } from '../../database/tenant.ts'
import { findSubjectKeys } from '../audit/subject-keys.ts'
import { openClient, openPersonal, type SealedEntry, type SubjectKeys, subjectsOf } from '../audit/values.ts'
import { type KeyRing, unseal } from '../credentials/sealing.ts'
import { clientAad } from '../identity/session-kit.ts'
import type { DataSubject } from './subject.ts'

/** A row as the database gives it. */
export type Row = Readonly<Record<string, unknown>>

/** Keys of what is sealed. */
export interface ExportRings {
  readonly session: KeyRing
  readonly audit: KeyRing | undefined
}

/** Reads the sealed values of a person's rows; null for what cannot be read, or is another's. */
export type Opener = (kind: Sealed, value: Buffer, row: Row) => unknown

/** An opener for these rows. */
export async function createOpener(
  tx: Tx,
  { tenantId, userId }: DataSubject,
  rings: ExportRings,
  rows: readonly Row[],
): Promise<Opener> {
  const keys = await keysOf(tx, tenantId, rings.audit, rows)
  const openers: Readonly<Record<Sealed, (value: Buffer, row: Row) => string | undefined>> = {
    'session-client': (value, { id }) => unseal(rings.session, value, clientAad(tenantId, String(id))).toString(),
    'audit-personal': (_value, row) =>
      isEntry(row) && row.subject_id === userId ? openPersonal(keys, row) : undefined,
    'audit-client': (_value, row) => (isEntry(row) && row.actor_id === userId ? openClient(keys, row) : undefined),
  }
  return (kind, value, row) => {
    const text = openers[kind](value, row)
    return text === undefined ? null : JSON.parse(text)
  }
}

async function keysOf(tx: Tx, tenantId: string, ring: KeyRing | undefined, rows: readonly Row[]): Promise<SubjectKeys> {
  const entries = rows.filter(isEntry)
  if (ring === undefined || entries.length === 0) return new Map()
  const found = await findSubjectKeys(tx, ring, tenantId, entries.flatMap(subjectsOf))
  return new Map(found.map(({ subject, key }) => [subject, key]))
}

/** Whether a row is one of audit_event, with every column. */
const isEntry = (row: Row): row is Row & SealedEntry => 'client_sealed' in row && row['at'] instanceof Date
