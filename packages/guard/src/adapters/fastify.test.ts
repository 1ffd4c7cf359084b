import type { AddressInfo } from 'node:net'
import fastify, { type FastifyRequest } from 'fastify'
import { describeAdapter } from './adapter-contract.ts'
import { fastifyGuard } from './fastify.ts'

describeAdapter('fastify', async ({ routes, options, isLate, onRefuse }) => {
  const app = fastify()
  await app.register(fastifyGuard, {
    ...options,
    ...(isLate && {
      lateSubjects: (request: FastifyRequest) => ({ account: String(request.headers['x-account']) }),
    }),
    ...(onRefuse && {
      onRefuse: ({ decision }, _request, reply) => reply.code(418).send(`${decision.policyId}/${decision.ruleId}`),
    }),
  })
  for (const { method, path, policy, answer } of routes) {
    app.route({
      method,
      url: path,
      config: policy === undefined ? {} : { guard: policy },
      handler: async (request, reply) => {
        const {
          status = 200,
          headers = {},
          body,
        } = await answer({
          header: (name) => String(request.headers[name]),
          body: async () => String(request.body ?? ''),
        })
        return reply.code(status).headers(headers).send(body)
      },
    })
  }
  await app.listen({ port: 0, host: '127.0.0.1' })
  return {
    port: (app.server.address() as AddressInfo).port,
    async close() {
      app.server.closeAllConnections()
      await app.close()
    },
  }
})
