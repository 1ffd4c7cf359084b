import { type Batcher, createBatcher } from '../../core/work/batcher.ts'
import { isRowFault, type Pool } from '../../database/connect.ts'
import { type Arrival, type SubmissionVerdict, submitLeads } from './intake-queries.ts'

/** Where submissions enter the database, many in one commit. */
export type LeadIntake = Batcher<Arrival, SubmissionVerdict>

/**
 * Group commit of submissions. A tenant's submissions travel in one batch at a time: in the database they would wait
 * for its quota row anyway, and meanwhile the next batch fills.
 */
export function createLeadIntake(pool: Pool, onBatch?: (rows: number) => void): LeadIntake {
  return createBatcher<Arrival, SubmissionVerdict>({
    laneOf: (arrival) => arrival.tenantId,
    marksOf,
    store: (arrivals) => submitLeads(pool, arrivals),
    isRowFault,
    ...(onBatch && { onBatch }),
  })
}

function marksOf({ tenantId, row }: Arrival): readonly string[] {
  const marks: string[] = []
  if (row.key !== null) marks.push(`${tenantId}/${row.formId}/${row.key}`)
  if (row.nonce !== null) marks.push(row.nonce)
  return marks
}
