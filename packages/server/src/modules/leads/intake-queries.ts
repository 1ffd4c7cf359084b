import { boolArray, hash32Array, int4Array, jsonbArray, textArray, uuidArray } from '../../database/binary-array.ts'
import type { Pool } from '../../database/connect.ts'
import type { Tx } from '../../database/tenant.ts'

/** One submission on its way into the tables, as `submit_leads` takes it. */
export interface SubmissionRow {
  readonly id: string
  readonly formId: string
  readonly formVersion: number
  readonly email: string
  /** The validated answers, as JSON. */
  readonly data: string
  readonly score: number
  readonly outcome: string | null
  /** Counted and thrown away; its key and token are spent like any other's. */
  readonly dropped: boolean
  /** SHA-256 of the idempotency key and of the request, in hex. */
  readonly key: string | null
  readonly request: string | null
  /** Of the spent token: 16 bytes in hex. */
  readonly nonce: string | null
}

/** A submission with the month it counts in. */
export interface Arrival {
  readonly tenantId: string
  /** `YYYY-MM` in the tenant's time zone. */
  readonly period: string
  readonly row: SubmissionRow
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

/** A tenant's month in a batch. */
interface Group {
  readonly tenantId: string
  readonly period: string
  wanted: number
  /** From 1, as PostgreSQL counts. */
  place: number
}

/** Stores a batch in one transaction, for any number of tenants. Verdicts in the order of the arrivals. */
export async function submitLeads(pool: Pool, arrivals: readonly Arrival[]): Promise<readonly SubmissionVerdict[]> {
  const result = await pool.query<{ exceptions: readonly Exception[] | null }>({
    name: 'submit-leads',
    text: 'select submit_leads($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15) as exceptions',
    values: columnsOf(arrivals),
  })
  const verdicts: SubmissionVerdict[] = arrivals.map(asItCame)
  for (const exception of result.rows[0]?.exceptions ?? []) verdicts[exception.ord] = exception
  return verdicts
}

/** The arguments of `submit_leads`. */
export function columnsOf(arrivals: readonly Arrival[]): Buffer[] {
  const rows = arrivals.map(({ row }) => row)
  const { groups, groupOf } = groupByTenant(arrivals)
  return [
    uuidArray(groups.map(({ tenantId }) => tenantId)),
    textArray(groups.map(({ period }) => period)),
    int4Array(groups.map(({ wanted }) => wanted)),
    int4Array(groupOf.map(({ place }) => place)),
    uuidArray(rows.map(({ id }) => id)),
    uuidArray(rows.map(({ formId }) => formId)),
    int4Array(rows.map(({ formVersion }) => formVersion)),
    textArray(rows.map(({ email }) => email)),
    jsonbArray(rows.map(({ data }) => data)),
    int4Array(rows.map(({ score }) => score)),
    textArray(rows.map(({ outcome }) => outcome)),
    boolArray(rows.map(({ dropped }) => dropped)),
    hash32Array(rows.map(({ key }) => key)),
    hash32Array(rows.map(({ request }) => request)),
    uuidArray(rows.map(({ nonce, id }) => nonce ?? id)),
  ]
}

/** The months of a batch in the order of their tenants, which is the order in which every process locks their rows. */
function groupByTenant(arrivals: readonly Arrival[]): { groups: readonly Group[]; groupOf: readonly Group[] } {
  const groups = new Map<string, Group>()
  const groupOf = arrivals.map(({ tenantId, period, row }) => {
    const name = tenantId + period
    let group = groups.get(name)
    if (group === undefined) {
      group = { tenantId, period, wanted: 0, place: 0 }
      groups.set(name, group)
    }
    if (!row.dropped) group.wanted += 1
    return group
  })
  const sorted = [...groups.entries()].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, group]) => group)
  for (const [index, group] of sorted.entries()) group.place = index + 1
  return { groups: sorted, groupOf }
}

const asItCame = ({ row }: Arrival): SubmissionVerdict => ({
  verdict: row.dropped ? 'dropped' : 'stored',
  leadId: row.id,
  score: row.score,
  outcome: row.outcome,
})

/** The answer that a key was given before, if any. */
export function findIdempotencyRecord(tx: Tx, formId: string, keyHash: Buffer) {
  return tx
    .selectFrom('submission_receipt')
    .select(['request_hash', 'lead_id', 'score', 'outcome'])
    .where('form_id', '=', formId)
    .where('key_hash', '=', keyHash)
    .executeTakeFirst()
}
