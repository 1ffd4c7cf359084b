/** What an API key may be given, and a role as well. */
export type Scope = (typeof scopes)[number]

/** What only a person may do, by a role: no key reaches accounts, keys, the audit or personal data as such. */
export type PersonPermission = (typeof personPermissions)[number]

export type Permission = Scope | PersonPermission | PlatformPermission

/** What keeps all tenants: it is worth something to the people of the platform alone. */
export type PlatformPermission = (typeof platformPermissions)[number]

/**
 * What a caller must hold. `public`: anybody, the tenant named by the request. `none`: anybody, without a tenant
 * (health, documentation). `session`: any person who is signed in. Anything else is what an API key must carry as a scope,
 * or a role of the person must grant.
 */
export type Access = 'public' | 'none' | 'session' | Permission

export const scopes = [
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
] as const

export const personPermissions = [
  'users:read',
  'users:write',
  'roles:read',
  'roles:write',
  'api-keys:read',
  'api-keys:write',
  'audit:read',
  'privacy:read',
  'privacy:write',
  'settings:read',
  'settings:write',
  'webhooks:read',
  'webhooks:write',
] as const

/** Besides `permissions`, what a role of the platform may grant. */
export const platformPermissions = ['tenants:read', 'tenants:write'] as const

/** Everything a role of a tenant may grant. */
export const permissions: readonly Permission[] = [...scopes, ...personPermissions]

/** The whole of `permissions`, as a role says it. */
export const EVERYTHING = '*'

const scopeSet: ReadonlySet<string> = new Set(scopes)

/** Whether an API key may carry it. */
export const isScope = (access: string): access is Scope => scopeSet.has(access)

/** Whether what somebody was granted includes a permission. */
export function includesPermission(granted: readonly string[], permission: Permission): boolean {
  return granted.includes(permission) || granted.includes(EVERYTHING)
}
