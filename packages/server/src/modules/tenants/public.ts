import type { Pool } from '../../database/connect.ts'
import * as queries from './queries.ts'

/** Every tenant, for jobs that visit them one by one. @param pool - as rempart_worker. */
export function listTenants(pool: Pool): Promise<readonly queries.TenantRow[]> {
  return queries.listTenants(pool)
}
