import { type Static, Type } from 'typebox'
import { permissions, platformPermissions } from '../../core/access/access.ts'
import { Id, Instant, Line, Nullable, Ref, Strict } from '../../core/shapes/fields.ts'
import { NumberedPageOf, NumberedPageQuery } from '../../core/shapes/pagination.ts'

/** What a role may be made of. `*` is the owner's alone. */
const PermissionCode = Type.Unsafe<string>({ type: 'string', enum: [...permissions, ...platformPermissions] })

const Permissions = Type.Array(PermissionCode, { maxItems: permissions.length, uniqueItems: true })

export const PermissionList = Strict(
  {
    items: Type.Array(
      Strict({
        code: Type.String(),
        forKeys: Type.Boolean({ description: 'Whether an API key may carry it.' }),
        isHeld: Type.Boolean({ description: 'Whether the own roles grant it, and may therefore be given on.' }),
      }),
    ),
  },
  { $id: 'PermissionList' },
)
export type PermissionList = Static<typeof PermissionList>

export const Role = Strict(
  {
    id: Id,
    code: Type.String(),
    name: Type.String(),
    permissions: Type.Array(Type.String(), { description: '`*`: everything within the tenant.' }),
    isSystem: Type.Boolean({ description: 'Made with the tenant; neither changed nor deleted.' }),
    version: Type.Integer(),
    createdAt: Instant,
    updatedAt: Instant,
  },
  { $id: 'Role' },
)
export type Role = Static<typeof Role>

export const RolePage = NumberedPageOf(Ref(Role), 'RolePage')

export const RoleQuery = NumberedPageQuery
export type RoleQuery = Static<typeof RoleQuery>

export const RoleParams = Strict({ id: Id })

export const RoleInput = Strict(
  {
    code: Type.String({ maxLength: 63, pattern: '^[a-z][a-z0-9-]{0,62}$' }),
    name: Line(100),
    permissions: Permissions,
  },
  { $id: 'RoleInput' },
)
export type RoleInput = Static<typeof RoleInput>

export const RoleChange = Type.Object(
  {
    name: Type.Optional(Line(100)),
    permissions: Type.Optional(Permissions),
    version: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 2_147_483_647,
        description: 'The `version` that was read: the change is refused when another was saved meanwhile.',
      }),
    ),
  },
  { $id: 'RoleChange', additionalProperties: false, minProperties: 1, description: 'What is absent stays.' },
)
export type RoleChange = Static<typeof RoleChange>

/** A role that somebody holds. */
export const RoleAssignment = Strict(
  {
    id: Id,
    role: Strict({ id: Id, code: Type.String(), name: Type.String() }),
    grantedBy: Type.String({ description: '`user:<id>`, `invitation:<id>` or `operator:cli`.' }),
    reason: Nullable(Type.String()),
    expiresAt: Nullable(Instant),
    isInForce: Type.Boolean(),
    createdAt: Instant,
  },
  { $id: 'RoleAssignment' },
)
export type RoleAssignment = Static<typeof RoleAssignment>

export const RoleAssignmentList = Strict({ items: Type.Array(Ref(RoleAssignment)) }, { $id: 'RoleAssignmentList' })

export const GrantInput = Strict(
  {
    roleId: Id,
    expiresAt: Type.Optional(
      Nullable(
        Type.String({
          format: 'date-time',
          description: 'From then on the role gives nothing, to the second; null or absent: until it is taken away.',
        }),
      ),
    ),
    reason: Type.Optional(Nullable(Line(500))),
  },
  { $id: 'GrantInput' },
)
export type GrantInput = Static<typeof GrantInput>

export const AssignmentParams = Strict({ id: Id, roleId: Id })
