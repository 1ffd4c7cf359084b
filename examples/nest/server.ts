import 'reflect-metadata'
import { Controller, Get, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import type { PolicyInput } from '@rempart/guard'
import { nestGuard } from '@rempart/guard/nest'

const quotes: PolicyInput = {
  id: 'quotes',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 3, window: '60s' }],
}
const guard = nestGuard({ policies: [quotes], securityHeaders: true })

/**
 * Node runs TypeScript by dropping its types, and decorators are more than types: here they are called as the functions
 * that they are. With a compiler it reads `@Get('quote') @guard.policy('quotes') quote() { … }`.
 */
class Quotes {
  quote(): string {
    return 'Ask me again, and again, and again.\n'
  }
}
const descriptor = Object.getOwnPropertyDescriptor(Quotes.prototype, 'quote') ?? {}
Get('quote')(Quotes.prototype, 'quote', descriptor)
guard.policy('quotes')(Quotes.prototype, 'quote', descriptor)
Controller()(Quotes)
class App {}
Module({ controllers: [Quotes] })(App)

const [port = '3000', platform = 'express'] = process.argv.slice(2)
const app =
  platform === 'fastify'
    ? await NestFactory.create(App, new FastifyAdapter(), { logger: false })
    : await NestFactory.create(App, { logger: false })
app.use(guard.middleware)
app.useGlobalGuards(guard)
await app.listen(Number(port), '127.0.0.1')
process.stdout.write(`${await app.getUrl()}\n`)
