import { type TSchema, Type } from 'typebox'
import { Strict } from './fields.ts'

/** Items of a page where the query does not say. */
export const defaultPageSize = 20

/** Which part of a list is asked for. `cursor` comes from a reply's `nextCursor` and wins over `page`. */
export const PageQuery = Type.Object({
  page: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, default: 1 })),
  pageSize: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: defaultPageSize })),
  cursor: Type.Optional(Type.String({ format: 'uuid', description: 'The nextCursor of the reply before.' })),
})

export interface PageRequest {
  readonly page: number
  readonly pageSize: number
  readonly cursor: string | undefined
}

export interface Page<T> {
  readonly items: T[]
  readonly total: number
  readonly page: number
  readonly pageSize: number
  readonly totalPages: number
  readonly nextCursor: string | null
}

/** The reply shape of a list of `items`. */
export const PageOf = <T extends TSchema>(items: T, $id: string) =>
  Strict(
    {
      items: Type.Array(items),
      total: Type.Integer({
        minimum: 0,
        description: 'Of all pages together. One of more than 10,000 may be as it was ten seconds ago.',
      }),
      page: Type.Integer({ minimum: 1 }),
      pageSize: Type.Integer({ minimum: 1, maximum: 100 }),
      totalPages: Type.Integer({ minimum: 0 }),
      nextCursor: Type.Union([Type.String(), Type.Null()]),
    },
    { $id },
  )

/** Which part of a short list is asked for. */
export const NumberedPageQuery = Type.Object({
  page: PageQuery.properties.page,
  pageSize: PageQuery.properties.pageSize,
})

/** A page of a list that grows too slowly to need a cursor. */
export type NumberedPage<T> = Omit<Page<T>, 'nextCursor'>

/** The reply shape of a short list of `items`. */
export const NumberedPageOf = <T extends TSchema>(items: T, $id: string) => {
  const { nextCursor: _, ...properties } = PageOf(items, $id).properties
  return Strict(properties, { $id })
}

/** The part a query asks for, with its defaults. */
export function pageRequest(query: { page?: number; pageSize?: number; cursor?: string }): PageRequest {
  return { page: query.page ?? 1, pageSize: query.pageSize ?? defaultPageSize, cursor: query.cursor }
}

/** Builds the reply of a short list. @param rows - of that page alone. */
export function numberedPageReply<R, T>(
  rows: readonly R[],
  total: number,
  { page, pageSize }: Pick<PageRequest, 'page' | 'pageSize'>,
  toItem: (row: R) => T,
): NumberedPage<T> {
  return { items: rows.map(toItem), total, page, pageSize, totalPages: Math.ceil(total / pageSize) }
}

/**
 * Builds the reply. Lists are in order of arrival, newest first, by their UUIDv7; the cursor is the last id shown.
 *
 * @param rows - one more than the page's size when there is a next page.
 */
export function pageReply<R extends { readonly id: string }, T>(
  rows: readonly R[],
  total: number,
  request: PageRequest,
  toItem: (row: R) => T,
): Page<T> {
  const shown = rows.slice(0, request.pageSize)
  return {
    items: shown.map(toItem),
    total,
    page: request.page,
    pageSize: request.pageSize,
    totalPages: Math.ceil(total / request.pageSize),
    nextCursor: rows.length > request.pageSize ? (shown.at(-1)?.id ?? null) : null,
  }
}
