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
  'password.changed',
  'password.reset',
  'user.created',
  'user.changed',
  'user.verified',
  'user.activated',
  'user.deactivated',
  'user.deleted',
  'user.restored',
  'role.created',
  'role.changed',
  'role.deleted',
  'role.granted',
  'role.withdrawn',
  'invitation.created',
  'invitation.revoked',
  'invitation.accepted',
  'oauth.linked',
  'oauth.unlinked',
  'identity-provider.added',
  'identity-provider.changed',
  'identity-provider.removed',
  'master-key.rotated',
] as const

export type AuditAction = (typeof auditActions)[number]

/** `refused`: it was tried, and not done. */
export type AuditOutcome = 'done' | 'refused'
