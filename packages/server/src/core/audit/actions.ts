/** Everything the audit log knows by name: what was done to what. One list, so that nothing is called by two names. */
export const auditActions = [
  'session.opened',
  'session.refused',
  'session.ended',
  'session.replayed',
  'session.renewed',
  'mfa.enabled',
  'mfa.disabled',
  'mfa.recovery-codes-renewed',
  'mfa.requirement-changed',
  'credential.tenant-conflict',
  'api-key.created',
  'api-key.rotated',
  'api-key.revoked',
] as const

export type AuditAction = (typeof auditActions)[number]

/** `refused`: it was tried, and not done. */
export type AuditOutcome = 'done' | 'refused'
