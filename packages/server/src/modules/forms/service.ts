import type { Context } from '../../core/context.ts'
import { createId } from '../../core/ids.ts'
import { ProblemError } from '../../core/problem.ts'
import { type Page, pageReply, pageRequest } from '../../core/shapes/pagination.ts'
import type { Tx } from '../../database/tenant.ts'
import type { FormDefinition } from './definition/schema.ts'
import { assertSensible } from './definition-input.ts'
import * as queries from './queries.ts'
import type {
  Form,
  FormChange,
  FormDetail,
  FormInput,
  FormQuery,
  FormVersion,
  FormVersionPage,
  FormVersionQuery,
} from './schema.ts'

/** Names a form of the context's tenant. */
export type { FormKey } from './queries.ts'

/** The forms of the tenant, newest first. */
export function listForms(context: Context, query: FormQuery): Promise<Page<Form>> {
  const request = pageRequest(query)
  const archived = query.archived ?? false
  return context.inTenant(async (tx) => {
    const [rows, total] = await Promise.all([
      queries.listForms(tx, request, archived),
      queries.countForms(tx, archived),
    ])
    return pageReply(rows, total, request, toForm)
  })
}

/**
 * Makes a form, a draft with its first version.
 *
 * @throws ProblemError `slug-taken`; `invalid-content` with the faults of the definition.
 */
export function createForm(context: Context, input: FormInput): Promise<FormDetail> {
  assertSensible(input.definition, '/definition')
  const key = { tenant_id: context.tenant.id, id: createId() }
  return refusingTakenSlug(() =>
    context.inTenant(async (tx) => {
      await queries.insertForm(tx, { ...key, slug: input.slug, name: input.name.trim() })
      await queries.insertVersion(tx, {
        tenant_id: key.tenant_id,
        form_id: key.id,
        version: 1,
        definition: input.definition,
      })
      return { ...toForm(found(await queries.findForm(tx, key))), definition: input.definition }
    }),
  )
}

/** @throws ProblemError `form-not-found`, also for a form of another tenant. */
export function readForm(context: Context, key: queries.FormKey): Promise<FormDetail> {
  return context.inTenant(async (tx) => {
    const form = found(await queries.findForm(tx, key))
    const latest = foundVersion(await queries.findVersion(tx, form.id, undefined))
    return { ...toForm(form), definition: toDefinition(latest) }
  })
}

/**
 * Renames a form, moves it to another slug, archives or restores it. An archived form keeps its versions and its leads,
 * and comes back as it went: published, if it was.
 *
 * @throws ProblemError `form-not-found`, `slug-taken`.
 */
export function changeForm(context: Context, id: string, change: FormChange): Promise<Form> {
  const now = new Date(context.clock.now())
  return refusingTakenSlug(() =>
    context.inTenant(async (tx) => {
      const form = found(await queries.lockForm(tx, id))
      await queries.updateForm(tx, form, {
        ...(change.slug !== undefined && { slug: change.slug }),
        ...(change.name !== undefined && { name: change.name.trim() }),
        // Archiving twice keeps the first date.
        ...(change.archived === true && { archived_at: form.archived_at ?? now }),
        ...(change.archived === false && { archived_at: null }),
        updated_at: now,
      })
      return toForm(found(await queries.findForm(tx, { id })))
    }),
  )
}

/** The versions of a form, newest first. @throws ProblemError `form-not-found`. */
export function listFormVersions(context: Context, id: string, query: FormVersionQuery): Promise<FormVersionPage> {
  const { page, pageSize } = pageRequest(query)
  return context.inTenant(async (tx) => {
    const form = found(await queries.findForm(tx, { id }))
    const [rows, total] = await Promise.all([
      queries.listVersions(tx, id, { page, pageSize }),
      queries.countVersions(tx, id),
    ])
    return {
      items: rows.map((row) => versionSummary(row, form.published_version)),
      total,
      page,
      pageSize,
      totalPages: Math.ceil(total / pageSize),
    }
  })
}

/** @throws ProblemError `form-not-found`, `form-version-not-found`. */
export function readFormVersion(context: Context, id: string, version: number): Promise<FormVersion> {
  return context.inTenant((tx) => readVersion(tx, id, version))
}

/**
 * Saves the next version of a form, as a draft. Of two that come at once the second waits for the first and gets the
 * number after it.
 *
 * @throws ProblemError `form-not-found`; `invalid-content` with the faults of the definition.
 */
export function addFormVersion(context: Context, id: string, definition: FormDefinition): Promise<FormVersion> {
  assertSensible(definition, '/definition')
  const now = new Date(context.clock.now())
  return context.inTenant(async (tx) => {
    const form = found(await queries.lockForm(tx, id))
    const version = (await queries.latestVersion(tx, id)) + 1
    await queries.insertVersion(tx, { tenant_id: form.tenant_id, form_id: id, version, definition })
    await queries.updateForm(tx, form, { updated_at: now })
    return readVersion(tx, id, version)
  })
}

/**
 * Shows a version to the public.
 *
 * @param version - absent: the latest.
 * @throws ProblemError `form-not-found`, `form-version-not-found`, `form-archived`.
 */
export function publishForm(context: Context, id: string, version: number | undefined): Promise<Form> {
  const now = new Date(context.clock.now())
  return context.inTenant(async (tx) => {
    const form = found(await queries.lockForm(tx, id))
    if (form.archived_at !== null) throw new ProblemError('form-archived')
    const chosen = version ?? (await queries.latestVersion(tx, id))
    if (!(await queries.markPublished(tx, id, chosen, now))) throw new ProblemError('form-version-not-found')
    await queries.updateForm(tx, form, { published_version: chosen, updated_at: now })
    return toForm(found(await queries.findForm(tx, { id })))
  })
}

/** Hides a form from the public; does nothing to a draft. @throws ProblemError `form-not-found`. */
export function unpublishForm(context: Context, id: string): Promise<Form> {
  const now = new Date(context.clock.now())
  return context.inTenant(async (tx) => {
    const form = found(await queries.lockForm(tx, id))
    if (form.published_version !== null)
      await queries.updateForm(tx, form, { published_version: null, updated_at: now })
    return toForm(found(await queries.findForm(tx, { id })))
  })
}

async function refusingTakenSlug<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const isTaken = error instanceof Error && 'constraint' in error && error.constraint === 'form_tenant_id_slug_key'
    throw isTaken ? new ProblemError('slug-taken') : error
  }
}

async function readVersion(tx: Tx, id: string, version: number): Promise<FormVersion> {
  const form = found(await queries.findForm(tx, { id }))
  const row = foundVersion(await queries.findVersion(tx, id, version))
  return { formId: id, ...versionSummary(row, form.published_version), definition: toDefinition(row) }
}

function found<T>(row: T | undefined): T {
  if (row === undefined) throw new ProblemError('form-not-found')
  return row
}

function foundVersion<T>(row: T | undefined): T {
  if (row === undefined) throw new ProblemError('form-version-not-found')
  return row
}

type FormRow = NonNullable<Awaited<ReturnType<typeof queries.findForm>>>

function toForm(row: FormRow): Form {
  return {
    id: row.id,
    slug: row.slug,
    name: row.name,
    // A form is made together with its first version.
    latestVersion: row.latest_version ?? 1,
    publishedVersion: row.published_version,
    archivedAt: row.archived_at?.toISOString() ?? null,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}

function versionSummary(
  row: { readonly version: number; readonly created_at: Date; readonly published_at: Date | null },
  publishedVersion: number | null,
) {
  return {
    version: row.version,
    isPublished: row.version === publishedVersion,
    createdAt: row.created_at.toISOString(),
    publishedAt: row.published_at?.toISOString() ?? null,
  }
}

// What is stored passed the schema and `checkDefinition` on its way in, and never changes.
const toDefinition = (row: { readonly definition: unknown }): FormDefinition => row.definition as FormDefinition
