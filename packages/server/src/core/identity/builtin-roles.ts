import type { Tx } from '../../database/tenant.ts'
import { EVERYTHING, type Permission, permissions } from '../access/access.ts'
import { createId } from '../ids.ts'

/** The roles that every tenant is made with. */
export type BuiltinRole = 'owner' | 'admin' | 'editor' | 'viewer'

const content: readonly Permission[] = [
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
]

export const builtinRoles: Readonly<
  Record<BuiltinRole, { readonly name: string; readonly permissions: readonly string[] }>
> = {
  // What later releases add is the owner's at once.
  owner: { name: 'Owner', permissions: [EVERYTHING] },
  admin: { name: 'Administrator', permissions },
  editor: { name: 'Editor', permissions: content },
  viewer: { name: 'Viewer', permissions: content.filter((permission) => permission.endsWith(':read')) },
}

/** Makes the built-in roles of a new tenant. */
export async function insertBuiltinRoles(tx: Tx, tenantId: string): Promise<void> {
  await tx
    .insertInto('role')
    .values(
      Object.entries(builtinRoles).map(([code, role]) => ({
        tenant_id: tenantId,
        id: createId(),
        code,
        name: role.name,
        permissions: [...role.permissions],
        is_system: true,
      })),
    )
    .execute()
}
