import { partOf } from '../../core/shapes/page-part.ts'
import type { PageRequest } from '../../core/shapes/pagination.ts'
import { announceChange } from '../../core/tenant/feed.ts'
import type { Tx } from '../../database/tenant.ts'
import type { FormDefinition } from './definition/schema.ts'

export type FormKey = { readonly id: string } | { readonly slug: string }

export async function insertForm(
  tx: Tx,
  form: { readonly tenant_id: string; readonly id: string; readonly slug: string; readonly name: string },
): Promise<void> {
  await tx.insertInto('form').values(form).execute()
}

/** A form with the number of its latest version. */
function forms(tx: Tx) {
  return tx
    .selectFrom('form')
    .select(['id', 'slug', 'name', 'published_version', 'archived_at', 'created_at', 'updated_at'])
    .select((e) =>
      e
        .selectFrom('form_version as v')
        .whereRef('v.tenant_id', '=', 'form.tenant_id')
        .whereRef('v.form_id', '=', 'form.id')
        .select((v) => v.fn.max('v.version').as('latest'))
        .as('latest_version'),
    )
}

export function listForms(tx: Tx, request: PageRequest, archived: boolean) {
  const list = forms(tx).where('archived_at', archived ? 'is not' : 'is', null)
  return partOf(list, 'id', request).execute()
}

export async function countForms(tx: Tx, archived: boolean): Promise<number> {
  const row = await tx
    .selectFrom('form')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('archived_at', archived ? 'is not' : 'is', null)
    .executeTakeFirstOrThrow()
  return row.count
}

export function findForm(tx: Tx, key: FormKey) {
  const query = forms(tx)
  return ('id' in key ? query.where('id', '=', key.id) : query.where('slug', '=', key.slug)).executeTakeFirst()
}

/** Holds the form until the transaction ends: one version, one publication at a time. */
export function lockForm(tx: Tx, id: string) {
  return tx
    .selectFrom('form')
    .select(['id', 'tenant_id', 'published_version', 'archived_at'])
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
}

/** Changes a form; what the public sees of it is told to every process, which then reads it anew. */
export async function updateForm(
  tx: Tx,
  { id, tenant_id }: { readonly id: string; readonly tenant_id: string },
  changes: {
    readonly slug?: string
    readonly name?: string
    readonly archived_at?: Date | null
    readonly published_version?: number | null
    readonly updated_at: Date
  },
): Promise<void> {
  await tx.updateTable('form').set(changes).where('id', '=', id).execute()
  const isSeen = 'slug' in changes || 'archived_at' in changes || 'published_version' in changes
  if (isSeen) await announceChange(tx, tenant_id, 'tenant')
}

export async function insertVersion(
  tx: Tx,
  version: {
    readonly tenant_id: string
    readonly form_id: string
    readonly version: number
    readonly definition: FormDefinition
  },
): Promise<void> {
  await tx
    .insertInto('form_version')
    .values({ ...version, definition: JSON.stringify(version.definition) })
    .execute()
}

export function listVersions(tx: Tx, formId: string, request: { readonly page: number; readonly pageSize: number }) {
  return tx
    .selectFrom('form_version')
    .select(['version', 'created_at', 'published_at'])
    .where('form_id', '=', formId)
    .orderBy('version', 'desc')
    .offset((request.page - 1) * request.pageSize)
    .limit(request.pageSize)
    .execute()
}

export async function countVersions(tx: Tx, formId: string): Promise<number> {
  const row = await tx
    .selectFrom('form_version')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('form_id', '=', formId)
    .executeTakeFirstOrThrow()
  return row.count
}

/** @param version - absent: the latest. */
export function findVersion(tx: Tx, formId: string, version: number | undefined) {
  const query = tx
    .selectFrom('form_version')
    .select(['version', 'definition', 'created_at', 'published_at'])
    .where('form_id', '=', formId)
  return (version === undefined ? query : query.where('version', '=', version))
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst()
}

export async function latestVersion(tx: Tx, formId: string): Promise<number> {
  const row = await tx
    .selectFrom('form_version')
    .select((e) => e.fn.max('version').as('latest'))
    .where('form_id', '=', formId)
    .executeTakeFirst()
  return row?.latest ?? 0
}

/** @returns false when the form has no such version. */
export async function markPublished(tx: Tx, formId: string, version: number, now: Date): Promise<boolean> {
  const result = await tx
    .updateTable('form_version')
    .set({ published_at: now })
    .where('form_id', '=', formId)
    .where('version', '=', version)
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}
