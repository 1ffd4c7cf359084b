import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { grantRole, listAssignments, withdrawRole } from './assignments.ts'
import {
  AssignmentParams,
  GrantInput,
  PermissionList,
  Role,
  RoleAssignment,
  RoleAssignmentList,
  RoleChange,
  RoleInput,
  RolePage,
  RoleParams,
  RoleQuery,
} from './schema.ts'
import { changeRole, createRole, deleteRole, listPermissions, listRoles, readRole } from './service.ts'

export const roleSchemas = [
  PermissionList,
  Role,
  RolePage,
  RoleInput,
  RoleChange,
  RoleAssignment,
  RoleAssignmentList,
  GrantInput,
]

/** Roles, what they allow, and who holds them. */
export function roleRoutes(app: App): void {
  app.get(
    '/permissions',
    {
      schema: {
        operationId: 'listPermissions',
        summary: 'List what a role may allow',
        tags: ['roles'],
        response: { 200: Ref(PermissionList), ...refusals(400, 401, 403, 429, 503) },
      },
      config: { access: 'session' },
    },
    (request) => listPermissions(request.context),
  )

  app.get(
    '/roles',
    {
      schema: {
        operationId: 'listRoles',
        summary: 'List roles, by their code',
        tags: ['roles'],
        querystring: RoleQuery,
        response: { 200: Ref(RolePage), ...refusals(400, 401, 403, 422, 429, 503) },
      },
      config: { access: 'roles:read' },
    },
    (request) => listRoles(request.context, request.query),
  )

  app.post(
    '/roles',
    {
      schema: {
        operationId: 'createRole',
        summary: 'Make a role of permissions one holds oneself',
        tags: ['roles'],
        body: Ref(RoleInput),
        response: { 201: Ref(Role), ...refusals(400, 401, 403, 409, 413, 415, 422, 429, 503) },
      },
      config: { access: 'roles:write' },
    },
    async (request, reply) => {
      const role = await createRole(request.context, request.body)
      return reply.code(201).header('location', `/api/v1/roles/${role.id}`).send(role)
    },
  )

  app.get(
    '/roles/:id',
    {
      schema: {
        operationId: 'readRole',
        summary: 'Read one role',
        tags: ['roles'],
        params: RoleParams,
        response: { 200: Ref(Role), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'roles:read' },
    },
    (request) => readRole(request.context, request.params.id),
  )

  app.put(
    '/roles/:id',
    {
      schema: {
        operationId: 'changeRole',
        summary: 'Change a role, and with it what its holders may do',
        tags: ['roles'],
        params: RoleParams,
        body: Ref(RoleChange),
        response: { 200: Ref(Role), ...refusals(400, 401, 403, 404, 409, 413, 415, 422, 429, 503) },
      },
      config: { access: 'roles:write', stepUp: true },
    },
    (request) => changeRole(request.context, request.params.id, request.body),
  )

  app.delete(
    '/roles/:id',
    {
      schema: {
        operationId: 'deleteRole',
        summary: 'Delete a role that nobody holds',
        tags: ['roles'],
        params: RoleParams,
        response: {
          204: { type: 'null', description: 'Deleted.' },
          ...refusals(400, 401, 403, 404, 409, 422, 429, 503),
        },
      },
      config: { access: 'roles:write' },
    },
    async (request, reply) => {
      await deleteRole(request.context, request.params.id)
      return reply.code(204).send(null)
    },
  )

  assignmentRoutes(app)
}

function assignmentRoutes(app: App): void {
  app.get(
    '/users/:id/roles',
    {
      schema: {
        operationId: 'listUserRoles',
        summary: 'List the roles of a person, those that are over too',
        tags: ['roles'],
        params: RoleParams,
        response: { 200: Ref(RoleAssignmentList), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'roles:read' },
    },
    (request) => listAssignments(request.context, request.params.id),
  )

  app.post(
    '/users/:id/roles',
    {
      schema: {
        operationId: 'grantRole',
        summary: 'Give a person a role, for good or for a time',
        description:
          'Nobody gives what they lack, nor for longer than they have it. Given again, a role has the terms that were said last.',
        tags: ['roles'],
        params: RoleParams,
        body: Ref(GrantInput),
        response: { 201: Ref(RoleAssignment), ...refusals(400, 401, 403, 404, 409, 413, 415, 422, 429, 503) },
      },
      config: { access: 'roles:write', stepUp: true },
    },
    async (request, reply) => reply.code(201).send(await grantRole(request.context, request.params.id, request.body)),
  )

  app.delete(
    '/users/:id/roles/:roleId',
    {
      schema: {
        operationId: 'withdrawRole',
        summary: 'Take a role from a person',
        tags: ['roles'],
        params: AssignmentParams,
        response: {
          204: { type: 'null', description: 'Taken away.' },
          ...refusals(400, 401, 403, 404, 409, 422, 429, 503),
        },
      },
      config: { access: 'roles:write' },
    },
    async (request, reply) => {
      await withdrawRole(request.context, request.params.id, request.params.roleId)
      return reply.code(204).send(null)
    },
  )
}
