import type { AuditAction } from '../../core/audit/actions.ts'
import { appendAudit } from '../../core/audit/append.ts'
import type { Context } from '../../core/context.ts'
import type { OpenedSession } from '../../core/identity/session-kit.ts'
import type { Tx } from '../../database/tenant.ts'
import { personOf } from './factor.ts'

/** Remembers a change of what the person of a call is protected with. The last statement of its transaction. */
export function recordChange(tx: Tx, context: Context, action: AuditAction & `mfa.${string}`): Promise<void> {
  return appendAudit(tx, context, { action, resource: { type: 'user', id: personOf(context).id } })
}

/** Remembers that a session has taken the place of the person's own. The last statement of its transaction. */
export function recordRenewal(tx: Tx, context: Context, { sessionId, aal, amr }: OpenedSession): Promise<void> {
  return appendAudit(tx, context, {
    action: 'session.renewed',
    resource: { type: 'session', id: sessionId },
    changes: { from: personOf(context).sessionId, aal, amr },
  })
}
