import { findSubjectKeys } from '../../core/audit/subject-keys.ts'
import { openClient, openPersonal, type SubjectKeys, subjectsOf } from '../../core/audit/values.ts'
import type { Context } from '../../core/context.ts'
import type { VerifyingKey } from '../../core/credentials/master-signer.ts'
import { type Page, pageRequest } from '../../core/shapes/pagination.ts'
import * as queries from './queries.ts'
import { type EntryRow, signedHeadOf } from './rows.ts'
import type { AuditEntry, AuditHeads, AuditQuery } from './schema.ts'

/** The audit log of the tenant, newest first. What was erased is null. */
export async function listAudit(context: Context, query: AuditQuery): Promise<Page<AuditEntry>> {
  const { cursor, page: _page, pageSize: _size, from, to, ...named } = query
  const { page, pageSize } = pageRequest({ ...query, cursor: '' })
  const filter = { ...named, from: from && new Date(from), to: to && new Date(to) } as queries.AuditFilter
  const { tenant } = context
  return context.inTenant(async (tx) => {
    const part = { before: cursor, offset: (page - 1) * pageSize, limit: pageSize }
    const rows = await queries.listEntries(tx, tenant.id, filter, part)
    const total = await queries.countEntries(tx, tenant.id, filter)
    const shown = rows.slice(0, pageSize)
    const keys = await keysOf(tx, context, shown)
    const last = shown.at(-1)
    return {
      items: shown.map((row) => toEntry(row, keys)),
      total,
      page,
      pageSize,
      totalPages: Math.ceil(total / pageSize),
      nextCursor: rows.length > pageSize && last !== undefined ? String(last.seq) : null,
    }
  })
}

/** The signed heads of the tenant's log, newest first. */
export function listAuditHeads(
  context: Context,
  keys: readonly VerifyingKey[],
  { cursor, pageSize = 20 }: { readonly cursor?: number; readonly pageSize?: number },
): Promise<AuditHeads> {
  return context.inTenant(async (tx) => {
    const rows = await queries.listHeads(tx, context.tenant.id, cursor, pageSize)
    const shown = rows.slice(0, pageSize).map(signedHeadOf)
    const last = shown.at(-1)
    return {
      items: shown.map(({ seq, hash, signedAtMs, kid, signature }) => ({
        seq,
        hash,
        signedAt: new Date(signedAtMs).toISOString(),
        kid,
        signature,
      })),
      nextCursor: rows.length > pageSize && last !== undefined ? String(last.seq) : null,
      keys: [...keys],
    }
  })
}

async function keysOf(
  tx: Parameters<typeof findSubjectKeys>[0],
  { tenant, audit }: Context,
  rows: readonly EntryRow[],
): Promise<SubjectKeys> {
  if (audit.ring === undefined) return new Map()
  const found = await findSubjectKeys(tx, audit.ring, tenant.id, rows.flatMap(subjectsOf))
  return new Map(found.map(({ subject, key }) => [subject, key]))
}

function toEntry(row: EntryRow, keys: SubjectKeys): AuditEntry {
  return {
    seq: row.seq,
    at: row.at.toISOString(),
    actor: { kind: row.actor_kind, id: row.actor_id },
    action: row.action,
    resource:
      row.resource_type === null || row.resource_id === null ? null : { type: row.resource_type, id: row.resource_id },
    outcome: row.outcome,
    requestId: row.request_id,
    changes: readJson(row.changes),
    subjectId: row.subject_id,
    personal: readOpened(openPersonal(keys, row)),
    client: readOpened(openClient(keys, row)) as AuditEntry['client'],
    hash: row.hash.toString('hex'),
  }
}

/** Null when there is nothing, or its key was destroyed. */
const readOpened = (text: string | undefined) => (text === undefined ? null : readJson(text))

/** Somebody may have edited it: then it is shown as it stands, and verification says where. */
function readJson(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : { unreadable: text }
  } catch {
    return { unreadable: text }
  }
}
