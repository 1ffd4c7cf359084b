import type { AuditAction } from '../audit/actions.ts'

/** What public forms and new accounts tell of where they are stored. */
const storedEvents = ['lead.submitted', 'contact.received', 'gate.registered', 'user.created'] as const

/** Entries of the audit log that are told outside as well, under the same name. */
const auditedEvents = [
  'account.locked',
  'user.activated',
  'user.deactivated',
  'user.deleted',
  'invitation.accepted',
  'role.granted',
  'role.withdrawn',
  'session.replayed',
  'api-key.created',
  'api-key.rotated',
  'api-key.revoked',
] as const satisfies readonly AuditAction[]

/** What a webhook can be told of. The guide for receivers lists the same. */
export const webhookEvents = [...storedEvents, ...auditedEvents] as const

export type WebhookEvent = (typeof webhookEvents)[number]

/** What is sent to try a webhook, whatever it wants to be told of. */
export const TEST_EVENT = 'webhook.test'

const audited: ReadonlySet<string> = new Set(auditedEvents)

/** Whether an entry of the audit log is told outside too. */
export const isToldOutside = (action: AuditAction): action is AuditAction & WebhookEvent => audited.has(action)
