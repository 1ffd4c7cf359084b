import type { App } from '../../core/fastify.ts'
import type { MailQueue } from '../../core/mail/outbox.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { MyChange, User, UserChange, UserInput, UserPage, UserParams, UserQuery } from './schema.ts'
import { changeMyProfile, changeUser, createUser, listUsers, readMyProfile, readUser } from './service.ts'
import { activateUser, deactivateUser, deleteUser, restoreUser, verifyUser } from './standing.ts'

export const userSchemas = [User, UserPage, UserInput, UserChange, MyChange]

const written = [400, 401, 403, 404, 409, 413, 415, 422, 429, 503] as const

/** The people of a tenant: what each says of themselves, and what staff do with accounts. */
export function userRoutes(app: App, { mail }: { readonly mail: MailQueue }): void {
  app.get(
    '/users/me',
    {
      schema: {
        operationId: 'readMyProfile',
        summary: 'Read the own profile',
        tags: ['users'],
        response: { 200: Ref(User), ...refusals(400, 401, 403, 429, 503) },
      },
      config: { access: 'session' },
    },
    (request) => readMyProfile(request.context),
  )

  app.put(
    '/users/me',
    {
      schema: {
        operationId: 'changeMyProfile',
        summary: 'Change the own profile',
        description: 'Name and language. The address is changed at /users/me/email, with a proof that it is one’s own.',
        tags: ['users'],
        body: Ref(MyChange),
        response: { 200: Ref(User), ...refusals(400, 401, 403, 409, 413, 415, 422, 429, 503) },
      },
      config: { access: 'session' },
    },
    (request) => changeMyProfile(request.context, request.body),
  )

  app.get(
    '/users',
    {
      schema: {
        operationId: 'listUsers',
        summary: 'List people, newest first',
        tags: ['users'],
        querystring: UserQuery,
        response: { 200: Ref(UserPage), ...refusals(400, 401, 403, 422, 429, 503) },
      },
      config: { access: 'users:read' },
    },
    (request) => listUsers(request.context, request.query),
  )

  app.post(
    '/users',
    {
      schema: {
        operationId: 'createUser',
        summary: 'Make an account, and mail a link to set its password',
        description: 'It holds no role, and nobody can sign in to it before the link was used.',
        tags: ['users'],
        body: Ref(UserInput),
        response: { 201: Ref(User), ...refusals(400, 401, 403, 409, 413, 415, 422, 429, 503) },
      },
      config: { access: 'users:write' },
    },
    async (request, reply) => {
      const user = await createUser(request.context, mail, request.body)
      return reply.code(201).header('location', `/api/v1/users/${user.id}`).send(user)
    },
  )

  app.get(
    '/users/:id',
    {
      schema: {
        operationId: 'readUser',
        summary: 'Read one account, a deleted one too',
        tags: ['users'],
        params: UserParams,
        response: { 200: Ref(User), ...refusals(400, 401, 403, 404, 422, 429, 503) },
      },
      config: { access: 'users:read' },
    },
    (request) => readUser(request.context, request.params.id),
  )

  app.put(
    '/users/:id',
    {
      schema: {
        operationId: 'changeUser',
        summary: 'Change an account',
        description: 'Of somebody who may do nothing that one may not do oneself.',
        tags: ['users'],
        params: UserParams,
        body: Ref(UserChange),
        response: { 200: Ref(User), ...refusals(...written) },
      },
      config: { access: 'users:write' },
    },
    (request) => changeUser(request.context, request.params.id, request.body),
  )

  app.delete(
    '/users/:id',
    {
      schema: {
        operationId: 'deleteUser',
        summary: 'Delete an account until it is restored',
        description: 'Its sessions end at once. The last owner of a tenant cannot be deleted.',
        tags: ['users'],
        params: UserParams,
        response: {
          204: { type: 'null', description: 'Deleted.' },
          ...refusals(400, 401, 403, 404, 409, 422, 429, 503),
        },
      },
      config: { access: 'users:write' },
    },
    async (request, reply) => {
      await deleteUser(request.context, request.params.id)
      return reply.code(204).send(null)
    },
  )

  const standings = [
    ['restore', 'restoreUser', 'Bring a deleted account back', restoreUser],
    ['verify', 'verifyUser', 'Vouch for the address of an account', verifyUser],
    ['activate', 'activateUser', 'Switch an account on', activateUser],
    ['deactivate', 'deactivateUser', 'Switch an account off: its sessions and links end at once', deactivateUser],
  ] as const
  for (const [name, operationId, summary, act] of standings) {
    app.post(
      `/users/:id/${name}`,
      {
        schema: {
          operationId,
          summary,
          tags: ['users'],
          params: UserParams,
          response: { 200: Ref(User), ...refusals(400, 401, 403, 404, 409, 422, 429, 503) },
        },
        config: { access: 'users:write' },
      },
      (request) => act(request.context, request.params.id),
    )
  }
}
