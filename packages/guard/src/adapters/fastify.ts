import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify'
import type { Decision } from '../decision.ts'
import type { PolicySource } from '../policy.ts'
import type { AdapterOptions } from './adapter-options.ts'
import { createProtection, type Protection } from './http.ts'
import {
  answerEarly,
  answerLate,
  createNodeReader,
  describeRefusal,
  type NodeExchange,
  type RefusedRequest,
} from './node-answer.ts'
import type { Refusal } from './refusal.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route's own policy; `none`: never limited. */
    guard?: PolicySource | 'none'
  }
}

/** What the Fastify plugin is told. */
export interface FastifyGuardOptions extends AdapterOptions<FastifyRequest> {
  /** Answers refusals in the guard's place; its rate-limit fields are already set. */
  readonly onRefuse?: (refused: RefusedRequest, request: FastifyRequest, reply: FastifyReply) => unknown
  /** Takes what the plugin has built, for `reportSuccess` and reloads. */
  readonly onReady?: (protection: Protection<FastifyRequest>) => void
}

/**
 * Protects a Fastify 5 application: every route registered after it, in `onRequest`, before any byte of the body.
 *
 * @throws PolicyError and RangeError, when it registers, for options or a route's policy that cannot be kept.
 * @example
 * await app.register(fastifyGuard, { policies: [general], fallback: 'general' })
 * app.post('/contact', { config: { guard: contact } }, handler)
 */
export const fastifyGuard: FastifyPluginCallback<FastifyGuardOptions> = Object.assign(install, {
  // What an application's root registers is for all of it.
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@rempart/guard',
})

function install(...[app, options, done]: Parameters<FastifyPluginCallback<FastifyGuardOptions>>): void {
  const { onRefuse, onReady, lateSubjects } = options
  const protection = createProtection<FastifyRequest>(
    options,
    createNodeReader(
      (request) => request.raw,
      (request) => request.routeOptions.url,
    ),
  )
  let hasOwn = false
  const ownOf = (request: FastifyRequest): string | undefined => {
    // Fastify builds `routeOptions` anew each time it is read.
    const own = hasOwn ? request.routeOptions.config?.guard : undefined
    return typeof own === 'object' ? own.id : own
  }
  /** A class, so that a request makes one object and no functions. */
  class Exchange implements NodeExchange<FastifyRequest> {
    readonly native: FastifyRequest
    readonly message: IncomingMessage
    readonly response: ServerResponse
    readonly own: string | undefined
    readonly reply: FastifyReply
    readonly next: (error?: Error) => void

    constructor(request: FastifyRequest, reply: FastifyReply, next: (error?: Error) => void) {
      this.native = request
      this.message = request.raw
      this.response = reply.raw
      this.own = ownOf(request)
      this.reply = reply
      this.next = next
    }
    pass(error?: unknown): void {
      this.next(error === undefined || error instanceof Error ? error : new Error(String(error)))
    }
    refuse(refusal: Refusal, decision: Decision): void {
      if (onRefuse !== undefined) onRefuse(describeRefusal(refusal, decision), this.native, this.reply)
      else this.reply.code(refusal.status).headers(refusal.headers).send(refusal.body)
    }
  }

  app.addHook('onRoute', ({ config }) => {
    if (config?.guard === undefined) return
    protection.register(config.guard)
    hasOwn = true
  })
  app.addHook('onRequest', (request, reply, next) => answerEarly(protection, new Exchange(request, reply, next)))
  if (lateSubjects !== undefined) {
    app.addHook('preHandler', (request, reply, next) => answerLate(protection, new Exchange(request, reply, next)))
  }
  onReady?.(protection)
  done()
}
