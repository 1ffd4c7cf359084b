import type { AddressInfo } from 'node:net'
import { type HttpBindings, type ServerType, serve } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { type ContractRoute, describeAdapter } from './adapter-contract.ts'
import { honoGuard } from './hono.ts'

describeAdapter('hono', async ({ routes, options, isLate, onRefuse }) => {
  const app = new Hono<{ Bindings: HttpBindings }>()
  const protect = honoGuard({
    ...options,
    ...(isLate && { lateSubjects: ({ req }) => ({ account: String(req.header('x-account')) }) }),
    ...(onRefuse && {
      onRefuse: ({ decision }) => new Response(`${decision.policyId}/${decision.ruleId}`, { status: 418 }),
    }),
  })
  app.use(protect)
  for (const route of routes) {
    if (route.policy !== undefined) app.on(route.method, route.path, protect.with(route.policy))
    if (isLate) app.on(route.method, route.path, protect.late(route.policy))
    app.on(route.method, route.path, run(route))
  }
  const server = await new Promise<ServerType>((resolve) => {
    const listening = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () => resolve(listening))
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        if ('closeAllConnections' in server) server.closeAllConnections()
      }),
  }
})

const run =
  ({ answer }: ContractRoute) =>
  async (context: Context): Promise<Response> => {
    const {
      status = 200,
      headers = {},
      body,
    } = await answer({
      header: (name) => context.req.header(name),
      body: () => context.req.text(),
    })
    return new Response(body, { status, headers })
  }
