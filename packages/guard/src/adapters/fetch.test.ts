import type { AddressInfo } from 'node:net'
import { type Http2Bindings, type HttpBindings, type ServerType, serve } from '@hono/node-server'
import { type ContractRoute, describeAdapter } from './adapter-contract.ts'
import { type FetchHandler, fetchGuard } from './fetch.ts'

type Info = HttpBindings | Http2Bindings

describeAdapter('fetch', async ({ routes, options, isLate, onRefuse }) => {
  const protect = fetchGuard<Info>({
    ...options,
    ...(isLate && { lateSubjects: ({ request }) => ({ account: String(request.headers.get('x-account')) }) }),
    ...(onRefuse && {
      onRefuse: ({ decision }) => new Response(`${decision.policyId}/${decision.ruleId}`, { status: 418 }),
    }),
  })
  const guarded = routes.map((route) => ({
    ...route,
    handler: protect(isLate ? protect.late(run(route), route.policy) : run(route), route.policy),
  }))
  const missing = protect(() => new Response(null, { status: 404 }))
  const answerAll: FetchHandler<Info> = (request, info) => {
    const { pathname } = new URL(request.url)
    const method = request.method === 'HEAD' ? 'GET' : request.method
    const route = guarded.find((each) => each.path === pathname && each.method === method)
    const handler = route?.handler ?? missing
    return handler(request, info)
  }
  const server = await new Promise<ServerType>((resolve) => {
    const listening = serve(
      {
        fetch: (request, env) => answerAll(request, env),
        port: 0,
        hostname: '127.0.0.1',
      },
      () => resolve(listening),
    )
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
  ({ answer }: ContractRoute): FetchHandler<Info> =>
  async (request) => {
    const {
      status = 200,
      headers = {},
      body,
    } = await answer({
      header: (name) => request.headers.get(name) ?? undefined,
      body: () => request.text(),
    })
    return new Response(body, { status, headers })
  }
