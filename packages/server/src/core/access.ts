/**
 * What a caller must hold. `public`: anybody, the tenant named by the request. `none`: anybody, without a tenant
 * (health, documentation). Anything else is a scope that an API key must carry.
 */
export type Scope =
  | 'contact:read'
  | 'contact:write'
  | 'forms:read'
  | 'forms:write'
  | 'leads:read'
  | 'leads:write'
  | 'resources:read'
  | 'resources:write'
  | 'gates:read'
  | 'gates:write'
  | 'gates:register'
  | 'policies:read'
  | 'policies:write'
  | 'security:read'
  | 'health:read'

export type Access = 'public' | 'none' | Scope

export const scopes: readonly Scope[] = [
  'contact:read',
  'contact:write',
  'forms:read',
  'forms:write',
  'leads:read',
  'leads:write',
  'resources:read',
  'resources:write',
  'gates:read',
  'gates:write',
  'gates:register',
  'policies:read',
  'policies:write',
  'security:read',
  'health:read',
]
