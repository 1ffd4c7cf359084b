import type { Context } from '../../core/context.ts'
import { createId } from '../../core/ids.ts'
import { ProblemError } from '../../core/problem.ts'
import { type NumberedPage, numberedPageReply, pageRequest } from '../../core/shapes/pagination.ts'
import * as queries from './queries.ts'
import { maxUrlLength, type Resource, type ResourceChange, type ResourceInput, type ResourceQuery } from './schema.ts'

/**
 * The resources of the tenant, newest first. The deleted ones are for staff.
 *
 * @throws ProblemError `authentication-required` when somebody without a key asks for the deleted ones.
 */
export async function listResources(context: Context, query: ResourceQuery): Promise<NumberedPage<Resource>> {
  const request = pageRequest(query)
  const filter = { deleted: query.deleted ?? false, category: query.category?.trim() }
  if (filter.deleted && !isStaff(context)) {
    throw new ProblemError('authentication-required', { headers: { 'www-authenticate': 'Bearer' } })
  }
  return await context.inTenant(async (tx) => {
    const [rows, total] = await Promise.all([
      queries.listResources(tx, request, filter),
      queries.countResources(tx, filter),
    ])
    return numberedPageReply(rows, total, request, toResource)
  })
}

/** @throws ProblemError `resource-not-found`, also for one of another tenant, and to visitors for a deleted one. */
export async function readResource(context: Context, id: string): Promise<Resource> {
  const row = found(await context.readInTenant((handle) => queries.findResource(handle, id)))
  if (row.deleted_at !== null && !isStaff(context)) throw new ProblemError('resource-not-found')
  return toResource(row)
}

/** @throws ProblemError `invalid-content` for an address that is none. */
export async function createResource(context: Context, input: ResourceInput): Promise<Resource> {
  const { title, ...details } = input
  const row = {
    tenant_id: context.tenant.id,
    id: createId(),
    title: title.trim(),
    summary: null,
    url: null,
    category: null,
    ...textsOf(details, context.locale),
  }
  return toResource(await context.inTenant((tx) => queries.insertResource(tx, row)))
}

/**
 * Changes what is named and leaves the rest.
 *
 * @throws ProblemError `resource-not-found`; `resource-deleted`; `invalid-content` for an address that is none.
 */
export function changeResource(context: Context, id: string, change: ResourceChange): Promise<Resource> {
  const now = new Date(context.clock.now())
  const changes = textsOf(change, context.locale)
  return context.inTenant(async (tx) => {
    const row = await queries.updateResource(tx, id, changes, now)
    if (row !== undefined) return toResource(row)
    found(await queries.findResource(tx, id))
    throw new ProblemError('resource-deleted')
  })
}

/** Hides a resource until it is restored; does nothing to one that is deleted. @throws ProblemError `resource-not-found`. */
export async function deleteResource(context: Context, id: string): Promise<void> {
  const now = new Date(context.clock.now())
  if (!(await context.inTenant((tx) => queries.markDeleted(tx, id, now)))) throw new ProblemError('resource-not-found')
}

/** Shows a deleted resource again, as it was; does nothing to another. @throws ProblemError `resource-not-found`. */
export async function restoreResource(context: Context, id: string): Promise<Resource> {
  return toResource(found(await context.inTenant((tx) => queries.clearDeleted(tx, id))))
}

const isStaff = ({ actor }: Context): boolean => actor.kind !== 'public'

type Locale = Context['locale']

function textsOf({ title, summary, url, category }: ResourceChange, locale: Locale): Partial<queries.ResourceTexts> {
  return {
    ...(title !== undefined && { title: title.trim() }),
    ...(summary !== undefined && { summary: summary?.trim() ?? null }),
    ...(url !== undefined && { url: url === null ? null : canonicalUrl(url, locale) }),
    ...(category !== undefined && { category: category?.trim() ?? null }),
  }
}

// An address of another scheme may run as a script. A user name before the host shows visitors another host than they are
// sent to.
function canonicalUrl(text: string, locale: Locale): string {
  const url = URL.parse(text)
  const isPlain = url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === ''
  if (isPlain && url.href.length <= maxUrlLength) return url.href
  throw new ProblemError('invalid-content', {
    errors: [{ pointer: '/url', code: 'url', message: notAnAddress[locale] }],
    reason: 'url',
  })
}

const notAnAddress: Readonly<Record<Locale, string>> = {
  en: 'must be an http or https address without user name',
  fr: 'doit être une adresse http ou https sans nom d’utilisateur',
}

function found<T>(row: T | undefined): T {
  if (row === undefined) throw new ProblemError('resource-not-found')
  return row
}

type Row = NonNullable<Awaited<ReturnType<typeof queries.findResource>>>

function toResource(row: Row): Resource {
  return {
    id: row.id,
    title: row.title,
    summary: row.summary,
    url: row.url,
    category: row.category,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
    ...(row.deleted_at !== null && { deletedAt: row.deleted_at.toISOString() }),
  }
}
