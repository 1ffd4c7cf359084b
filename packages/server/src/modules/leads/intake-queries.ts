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

/** A row of a batch, with its tenant and its place. */
export interface BatchRow extends SubmissionRow {
  readonly tenant_id: string
  /** `YYYY-MM` in the tenant's time zone. */
  readonly period: string
  /** Its index in the batch. */
  readonly ord: number
}

/** What became of one submission. */
export interface SubmissionVerdict {
  readonly verdict: 'stored' | 'dropped' | 'replayed' | 'key-reused' | 'token-spent' | 'quota-exceeded'
  readonly leadId: string
  readonly score: number | null
  readonly outcome: string | null
}

interface Exception extends SubmissionVerdict {
  readonly ord: number
  readonly verdict: 'replayed' | 'key-reused' | 'token-spent' | 'quota-exceeded'
}

/** Stores a batch in one transaction, each row as its tenant. Verdicts in the order of the rows. */
export async function submitLeads(pool: Pool, rows: readonly BatchRow[]): Promise<readonly SubmissionVerdict[]> {
  const result = await pool.query<{ exceptions: readonly Exception[] | null }>({
    name: 'submit-leads',
    text: 'select submit_leads($1::jsonb) as exceptions',
    values: [JSON.stringify(rows)],
  })
  const verdicts: SubmissionVerdict[] = rows.map(asItCame)
  for (const exception of result.rows[0]?.exceptions ?? []) verdicts[exception.ord] = exception
  return verdicts
}

const asItCame = (row: SubmissionRow): SubmissionVerdict => ({
  verdict: row.dropped ? 'dropped' : 'stored',
  leadId: row.id,
  score: row.score,
  outcome: row.outcome,
})

/** The answer that a key was given before, if any. */
export function findIdempotencyRecord(tx: Tx, formId: string, keyHash: Buffer) {
  return tx
    .selectFrom('idempotency_record')
    .select(['request_hash', 'lead_id', 'score', 'outcome'])
    .where('form_id', '=', formId)
    .where('key_hash', '=', keyHash)
    .executeTakeFirst()
}
