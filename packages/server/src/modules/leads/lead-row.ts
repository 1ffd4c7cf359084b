import type { findLead } from './queries.ts'
import type { Lead } from './schema.ts'

type Row = NonNullable<Awaited<ReturnType<typeof findLead>>>

/** A lead as it is answered and exported. */
export function toLead(row: Row): Lead {
  return {
    id: row.id,
    formId: row.form_id,
    formSlug: row.form_slug,
    formVersion: row.form_version,
    email: row.email,
    // Answers are always stored as one object.
    data: row.data as Lead['data'],
    score: row.score,
    outcome: row.outcome,
    // The column has a check constraint with exactly these values.
    status: row.status as Lead['status'],
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}
