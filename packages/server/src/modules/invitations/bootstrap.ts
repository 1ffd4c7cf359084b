import { issueInvitationToken } from '../../core/identity/invitation-token.ts'
import { createMailLinks } from '../../core/mail/links.ts'
import type { Pool } from '../../database/connect.ts'
import { inTenant } from '../../database/tenant.ts'

/**
 * Makes the link by which the first owner of a tenant makes their account: good once, for seven days, and for as long as
 * there is no owner. It is shown to whoever started the server and stored nowhere.
 *
 * @param pool - as rempart_worker.
 */
export function issueOwnerLink(
  pool: Pool,
  tenantId: string,
  { publicUrl, nowMs }: { readonly publicUrl: string; readonly nowMs: number },
): Promise<string> {
  return inTenant(pool, tenantId, async (tx) => {
    const { token } = await issueInvitationToken(tx, tenantId, { purpose: 'bootstrap' }, nowMs)
    // It names nobody: the page asks for the address as well.
    return `${createMailLinks(publicUrl).withToken('invite', token)}&ask=email`
  })
}
