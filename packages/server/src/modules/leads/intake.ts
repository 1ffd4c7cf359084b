import { type Batcher, createBatcher } from '../../core/batcher.ts'
import { isRowFault, type Pool } from '../../database/connect.ts'
import { type BatchRow, type SubmissionRow, type SubmissionVerdict, submitLeads } from './intake-queries.ts'

interface Arrival {
  readonly tenantId: string
  readonly period: string
  readonly row: SubmissionRow
}

/** Where submissions enter the database, many in one commit. */
export type LeadIntake = Batcher<Arrival, SubmissionVerdict>

/**
 * Group commit of submissions. A tenant's submissions travel in one batch at a time: in the database they would wait
 * for its quota row anyway, and meanwhile the next batch fills.
 */
export function createLeadIntake(pool: Pool, onBatch?: (rows: number) => void): LeadIntake {
  return createBatcher<Arrival, SubmissionVerdict>({
    laneOf: (arrival) => arrival.tenantId,
    marksOf: ({ tenantId, row }) => marksOf(tenantId, row),
    store: (arrivals) => submitLeads(pool, arrivals.map(toBatchRow)),
    isRowFault,
    ...(onBatch && { onBatch }),
  })
}

function marksOf(tenantId: string, row: SubmissionRow): readonly string[] {
  const marks: string[] = []
  if (row.key !== null) marks.push(`${tenantId}/${row.form_id}/${row.key}`)
  if (row.nonce !== null) marks.push(row.nonce)
  return marks
}

const toBatchRow = ({ tenantId, period, row }: Arrival, ord: number): BatchRow => ({
  tenant_id: tenantId,
  period,
  ord,
  ...row,
})
