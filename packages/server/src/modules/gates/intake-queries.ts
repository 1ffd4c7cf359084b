import type { Pool } from '../../database/connect.ts'

/** One arrival at a gate, as `register_at_gates` takes it. */
export interface ArrivalRow {
  readonly id: string
  /** In its canonical form. */
  readonly email: string
  readonly name: string | null
  readonly data: Readonly<Record<string, unknown>>
  /** Came with an API key that may register. */
  readonly keyed: boolean
  /** Counted and thrown away. */
  readonly dropped: boolean
}

/** An arrival and the gate it is at. */
export interface Arrival {
  readonly tenantId: string
  readonly slug: string
  readonly row: ArrivalRow
}

/** What became of one arrival. */
export type ArrivalVerdict =
  | {
      readonly verdict: 'stored' | 'repeated'
      readonly id: string
      readonly status: 'registered' | 'waitlisted'
      /** Of one that waits, where it came with an API key. */
      readonly position: number | null
    }
  | { readonly verdict: 'dropped' | 'gate-not-found' | 'key-required' }

/** Stores a batch in one transaction, each gate's arrivals as its tenant. Verdicts in the order of the arrivals. */
export async function registerArrivals(pool: Pool, arrivals: readonly Arrival[]): Promise<readonly ArrivalVerdict[]> {
  const numbered = arrivals.map((arrival, ord) => ({ ...arrival, ord }))
  const gates = Map.groupBy(numbered, ({ tenantId, slug }) => `${tenantId}/${slug}`)
  const batch = [...gates.values()].map((group) => ({
    tenant_id: group[0]?.tenantId,
    slug: group[0]?.slug,
    rows: group.map(({ ord, row }) => ({ ord, ...row })),
  }))
  const result = await pool.query<{ verdicts: readonly (ArrivalVerdict & { readonly ord: number })[] }>({
    name: 'register-at-gates',
    text: 'select register_at_gates($1::jsonb) as verdicts',
    values: [JSON.stringify(batch)],
  })
  const verdicts: ArrivalVerdict[] = []
  for (const verdict of result.rows[0]?.verdicts ?? []) verdicts[verdict.ord] = verdict
  return verdicts
}
