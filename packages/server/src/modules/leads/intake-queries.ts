import type { Pool } from '../../database/connect.ts'
import type { Tx } from '../../database/tenant.ts'

/** One submission on its way into the tables, as `submit_leads` takes it. Hashes and nonces in hex. */
export interface SubmissionRow {
  readonly id: string
  readonly form_id: string
  readonly form_version: number
  readonly email: string
  readonly data: unknown
  readonly score: number
  readonly outcome: string | null
  /** Counted and thrown away; its key and token are spent like any other's. */
  readonly dropped: boolean
  readonly key: string | null
  readonly request: string | null
  readonly nonce: string | null
  /** When the spent token may be forgotten, RFC 3339. */
  readonly expires_at: string | null
}

export interface SubmissionGroup {
  readonly tenant_id: string
  /** `YYYY-MM` in the tenant's time zone. */
  readonly period: string
  readonly rows: readonly (SubmissionRow & { readonly ord: number })[]
}

/** What became of one submission. */
export interface SubmissionVerdict {
  readonly verdict: 'stored' | 'dropped' | 'replayed' | 'key-reused' | 'token-spent' | 'quota-exceeded'
  readonly leadId: string
  readonly score: number | null
  readonly outcome: string | null
}

interface VerdictRow {
  ord: number
  verdict: SubmissionVerdict['verdict']
  lead_id: string
  score: number | null
  outcome: string | null
}

/** Stores a batch in one transaction, each group as its tenant. Verdicts by `ord`. */
export async function submitLeads(
  pool: Pool,
  groups: readonly SubmissionGroup[],
  count: number,
): Promise<readonly SubmissionVerdict[]> {
  const result = await pool.query<VerdictRow>({
    name: 'submit-leads',
    text: 'select * from submit_leads($1::jsonb)',
    values: [JSON.stringify(groups)],
  })
  const verdicts: SubmissionVerdict[] = new Array(count)
  for (const row of result.rows) {
    verdicts[row.ord] = { verdict: row.verdict, leadId: row.lead_id, score: row.score, outcome: row.outcome }
  }
  return verdicts
}

/** The answer that a key was given before, if any. */
export function findIdempotencyRecord(tx: Tx, formId: string, keyHash: Buffer) {
  return tx
    .selectFrom('idempotency_record')
    .select(['request_hash', 'lead_id', 'score', 'outcome'])
    .where('form_id', '=', formId)
    .where('key_hash', '=', keyHash)
    .executeTakeFirst()
}
