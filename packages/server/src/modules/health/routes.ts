import { Type } from 'typebox'
import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref, Strict } from '../../core/shapes/fields.ts'
import { type HealthDependencies, readDeepHealth, readReadiness } from './service.ts'

const Health = Strict({ status: Type.Literal('ok') }, { $id: 'Health' })

const Readiness = Strict(
  {
    status: Type.Enum(['ready', 'not-ready']),
    checks: Type.Record(Type.String(), Type.Enum(['ok', 'degraded', 'failed']), {
      description: '`redis` is `degraded` when it has stopped answering: requests are served all the same.',
    }),
  },
  { $id: 'Readiness' },
)

const DeepHealth = Strict(
  {
    status: Type.Enum(['ready', 'not-ready']),
    version: Type.String(),
    node: Type.String(),
    uptimeSeconds: Type.Number(),
    database: Strict({
      status: Type.Enum(['ok', 'failed']),
      version: Type.Optional(Type.String()),
      latencyMs: Type.Optional(Type.Number()),
      migration: Type.Optional(Type.Integer()),
      pendingMigrations: Type.Optional(Type.Array(Type.String())),
      pool: Strict({ total: Type.Integer(), idle: Type.Integer(), waiting: Type.Integer() }),
    }),
    guard: Strict({
      store: Type.String({ description: '`memory`: this process counts for itself; `shared`: with others.' }),
      entries: Type.Optional(Type.Integer()),
      bytes: Type.Optional(Type.Integer()),
      redis: Type.Optional(Type.Enum(['ok', 'degraded', 'failed'])),
      processes: Type.Optional(Type.Integer({ description: 'That count in the same store, this one included.' })),
      policyVersion: Type.String(),
    }),
    memory: Strict({ rssBytes: Type.Integer(), heapUsedBytes: Type.Integer() }),
  },
  { $id: 'DeepHealth' },
)

export const healthSchemas = [Health, Readiness, DeepHealth]

/** Alive, ready and deep: under `/api/v1` and at the root, for load balancers. Never limited, but for the deep one. */
export function healthRoutes(app: App, dependencies: HealthDependencies, options: { readonly isRoot: boolean }): void {
  const suffix = options.isRoot ? 'AtRoot' : ''

  app.get(
    '/health',
    {
      schema: {
        operationId: `health${suffix}`,
        summary: 'Whether the process is alive',
        tags: ['health'],
        response: { 200: Ref(Health), ...refusals(400) },
      },
      config: { access: 'none', guard: 'none' },
    },
    async () => ({ status: 'ok' as const }),
  )

  app.get(
    '/health/ready',
    {
      schema: {
        operationId: `ready${suffix}`,
        summary: 'Whether requests will be served: database reachable, schema up to date, Redis seen, not stopping',
        tags: ['health'],
        response: { 200: Ref(Readiness), 503: Ref(Readiness), ...refusals(400) },
      },
      config: { access: 'none', guard: 'none' },
    },
    async (_request, reply) => {
      const readiness = await readReadiness(dependencies)
      return reply
        .code(readiness.status === 'ready' ? 200 : 503)
        .header('cache-control', 'no-store')
        .send(readiness)
    },
  )

  app.get(
    '/health/deep',
    {
      schema: {
        operationId: `deepHealth${suffix}`,
        summary: 'What the process and its database are doing',
        tags: ['health'],
        response: { 200: Ref(DeepHealth), 503: Ref(DeepHealth), ...refusals(400, 401, 403, 429) },
      },
      config: { access: 'health:read' },
    },
    async (_request, reply) => {
      const health = await readDeepHealth(dependencies)
      return reply.code(health.status === 'ready' ? 200 : 503).send(health)
    },
  )
}
