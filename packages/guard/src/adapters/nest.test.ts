import 'reflect-metadata'
import type { AddressInfo } from 'node:net'
import { Controller, Get, HttpException, Module, Post, Req, Res } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import { expect, it } from 'vitest'
import { askRaw } from '../testing/raw-http.ts'
import { type ContractRoute, type ContractServer, type ContractSetup, describeAdapter } from './adapter-contract.ts'
import { type NestGuard, nestGuard } from './nest.ts'

describeAdapter('nest on express', (setup) => start(setup, 'express'))
describeAdapter('nest on fastify', (setup) => start(setup, 'fastify'))

it.each(['express', 'fastify'] as const)(
  'lets a Nest exception answer a refusal on %s, in the format of its filters',
  async (platform) => {
    const route: ContractRoute = {
      method: 'GET',
      path: '/hello',
      policy: { id: 'hello', rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 1, window: '60s' }] },
      answer: () => ({ body: 'hello' }),
    }
    const server = await start({ routes: [route], options: {} }, platform, ({ refusal }) => {
      throw new HttpException({ because: refusal.status }, 429)
    })
    try {
      expect((await askRaw(server.port, 'GET', '/hello')).status).toBe(200)
      const refused = await askRaw(server.port, 'GET', '/hello')
      expect([refused.status, JSON.parse(refused.body)]).toEqual([429, { because: 429 }])
    } finally {
      await server.close()
    }
  },
)

type OnRefuse = NonNullable<Parameters<typeof nestGuard>[0]['onRefuse']>

/** What a handler is given on either platform. */
interface AnyRequest {
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body?: unknown
}
interface AnyResponse {
  status(code: number): AnyResponse
  header(name: string, value: string): AnyResponse
  send(body: string): unknown
}

async function start(
  { routes, options, isLate, onRefuse }: ContractSetup,
  platform: 'express' | 'fastify',
  throws?: OnRefuse,
): Promise<ContractServer> {
  const teapot: OnRefuse = ({ decision }, _request, response) => {
    response.statusCode = 418
    response.end(`${decision.policyId}/${decision.ruleId}`)
  }
  const answersRefusals = throws ?? (onRefuse && teapot)
  const guard = nestGuard({
    ...options,
    ...(isLate && { lateSubjects: ({ headers }) => ({ account: String(headers['x-account']) }) }),
    ...(answersRefusals && { onRefuse: answersRefusals }),
  })
  const module = moduleOf(routes, guard)
  const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter()
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter as FastifyAdapter, { logger: false })
  app.use(guard.middleware)
  if (platform === 'express') app.getHttpAdapter().useBodyParser?.('text', false, { limit: '1mb' })
  app.useGlobalGuards(guard)
  await app.listen(0, '127.0.0.1')
  const server = app.getHttpServer()
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections()
      await app.close()
    },
  }
}

/** Decorators are functions: here they are called, as Node runs no decorator syntax. */
function moduleOf(routes: readonly ContractRoute[], guard: NestGuard): new () => object {
  class Routes {}
  for (const [index, route] of routes.entries()) {
    const name = `route${index}`
    const handler = async (request: AnyRequest, response: AnyResponse): Promise<void> => {
      const {
        status = 200,
        headers = {},
        body,
      } = await route.answer({
        header: (field) => request.headers[field],
        body: async () => String(request.body ?? ''),
      })
      for (const [field, value] of Object.entries(headers)) response.header(field, value)
      response.status(status).send(body)
    }
    Object.defineProperty(Routes.prototype, name, { value: handler, writable: true })
    const descriptor = Object.getOwnPropertyDescriptor(Routes.prototype, name)
    if (descriptor === undefined) throw new Error('no handler')
    const method = route.method === 'GET' ? Get : Post
    method(route.path)(Routes.prototype, name, descriptor)
    Req()(Routes.prototype, name, 0)
    Res()(Routes.prototype, name, 1)
    if (route.policy !== undefined) guard.policy(route.policy)(Routes.prototype, name, descriptor)
  }
  Controller()(Routes)
  class App {}
  Module({ controllers: [Routes] })(App)
  return App
}
