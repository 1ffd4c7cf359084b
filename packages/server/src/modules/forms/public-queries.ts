import type { ReadHandle } from '../../database/reads.ts'

/** The published version of a form that is not archived, by its slug or its id. */
export function findPublishedForm(handle: ReadHandle, by: { readonly slug: string } | { readonly id: string }) {
  const query = handle
    .selectFrom('form as f')
    .innerJoin('form_version as v', (join) =>
      join
        .onRef('v.tenant_id', '=', 'f.tenant_id')
        .onRef('v.form_id', '=', 'f.id')
        .onRef('v.version', '=', 'f.published_version'),
    )
    .select(['f.id', 'f.slug', 'f.name', 'v.version', 'v.definition'])
    .where('f.archived_at', 'is', null)
  return ('slug' in by ? query.where('f.slug', '=', by.slug) : query.where('f.id', '=', by.id)).executeTakeFirst()
}
