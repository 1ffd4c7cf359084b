import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type Handler } from 'express'
import { type ContractRoute, describeAdapter } from './adapter-contract.ts'
import { expressGuard } from './express.ts'

describeAdapter('express', async ({ routes, options, isLate, onRefuse }) => {
  const app = express()
  // Express would write the faults of handlers to the console.
  app.set('env', 'test')
  const protect = expressGuard({
    ...options,
    ...(isLate && { lateSubjects: (request) => ({ account: String(request.headers['x-account']) }) }),
    ...(onRefuse && {
      onRefuse: ({ decision }, _request, response) =>
        void response.status(418).end(`${decision.policyId}/${decision.ruleId}`),
    }),
  })
  app.use(protect)
  for (const route of routes) {
    const handlers: Handler[] = route.policy === undefined ? [] : [protect.with(route.policy)]
    if (isLate) handlers.push(protect.late(route.policy))
    app[route.method === 'GET' ? 'get' : 'post'](route.path, ...handlers, express.text({ limit: '1mb' }), run(route))
  }
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve()).closeAllConnections()),
  }
})

const run =
  ({ answer }: ContractRoute): Handler =>
  async (request, response) => {
    const {
      status = 200,
      headers = {},
      body,
    } = await answer({
      header: (name) => request.get(name),
      body: async () => String(request.body ?? ''),
    })
    response.status(status).set(headers).send(body)
  }
