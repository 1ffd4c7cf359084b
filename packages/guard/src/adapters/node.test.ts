import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type ContractRoute, describeAdapter } from './adapter-contract.ts'
import { type NodeHandler, nodeGuard } from './node.ts'

describeAdapter('node', async ({ routes, options, isLate, onRefuse }) => {
  const protect = nodeGuard({
    ...options,
    ...(isLate && { lateSubjects: (request) => ({ account: String(request.headers['x-account']) }) }),
    ...(onRefuse && {
      onRefuse: ({ decision }, _request, response) => {
        response.statusCode = 418
        response.end(`${decision.policyId}/${decision.ruleId}`)
      },
    }),
  })
  const handlerOf = (route: ContractRoute): NodeHandler =>
    isLate
      ? async (request, response) => {
          if (await protect.late(request, response, route.policy?.id)) await run(route)(request, response)
        }
      : run(route)
  const guarded = routes.map((route) => ({ ...route, listener: protect(handlerOf(route), route.policy) }))
  const missing = protect((_request, response) => void response.writeHead(404).end())
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0]
    const method = request.method === 'HEAD' ? 'GET' : request.method
    const route = guarded.find((each) => each.path === path && each.method === method)
    const listener = route?.listener ?? missing
    listener(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve()).closeAllConnections()),
  }
})

const run =
  ({ answer }: ContractRoute): NodeHandler =>
  async (request, response) => {
    const {
      status = 200,
      headers = {},
      body,
    } = await answer({
      header: (name) => String(request.headers[name]),
      body: () => text(request),
    })
    response.writeHead(status, headers).end(body)
  }
