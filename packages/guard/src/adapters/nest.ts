import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CanActivate, ExecutionContext } from '@nestjs/common'
import type { Decision } from '../decision.ts'
import type { AdapterOptions } from './adapter-options.ts'
import { createProtection, type Protection } from './http.ts'
import {
  answerEarly,
  answerLate,
  createNodeReader,
  describeRefusal,
  type NodeExchange,
  type RefusedRequest,
  sendRefusal,
} from './node-answer.ts'
import type { RoutePolicy } from './policy-registry.ts'
import type { Refusal } from './refusal.ts'

/** A request as Nest's platforms hand it on: Express's, or Fastify's with the message in `raw`. */
export type NestRequest = IncomingMessage & { readonly raw?: IncomingMessage }
type NestResponse = ServerResponse & { readonly raw?: ServerResponse; hijack?(): unknown }

/** What the Nest guard is told. */
export interface NestGuardOptions extends AdapterOptions<NestRequest> {
  /**
   * Answers refusals in the guard's place, over Node's own response; its rate-limit fields are already set. With a
   * `context` (a decorated handler's policy) it may throw a Nest exception instead.
   */
  readonly onRefuse?: (
    refused: RefusedRequest,
    request: NestRequest,
    response: ServerResponse,
    context: ExecutionContext | undefined,
  ) => void
}

/** Both halves: the middleware decides before the body is read, the guard by what a handler's decorator names. */
export interface NestGuard extends CanActivate {
  /** `app.use(guard.middleware)` before `listen`: the file's matches, `policyOf` and the fallback. */
  readonly middleware: (request: NestRequest, response: NestResponse, next: (error?: unknown) => void) => void
  /** Names the policy of a handler or of a controller: `@Post() @guard.policy('contact.submit') submit() {}`. */
  policy(policy: RoutePolicy): ClassDecorator & MethodDecorator
  readonly protection: Protection<NestRequest>
}

/**
 * Protects a NestJS 11 application on platform-express or platform-fastify.
 *
 * @throws PolicyError and RangeError for options that cannot be kept.
 * @example
 * const guard = nestGuard({ policies: [contact] })
 * app.use(guard.middleware).useGlobalGuards(guard)
 */
export function nestGuard(options: NestGuardOptions): NestGuard {
  const { onRefuse, lateSubjects } = options
  const protection = createProtection<NestRequest>(
    options,
    createNodeReader((request) => request.raw ?? request),
  )
  const policies = new WeakMap<object, string>()
  const refuse = (
    refusal: Refusal,
    decision: Decision,
    request: NestRequest,
    response: NestResponse,
    context?: ExecutionContext,
  ) => {
    const raw = response.raw ?? response
    if (onRefuse === undefined) sendRefusal(raw, refusal)
    else onRefuse(describeRefusal(refusal, decision), request, raw, context)
    response.hijack?.()
  }
  const exchangeOf = (
    request: NestRequest,
    response: NestResponse,
  ): Omit<NodeExchange<NestRequest>, 'own' | 'pass' | 'refuse'> => ({
    native: request,
    message: request.raw ?? request,
    response: response.raw ?? response,
  })
  const ask = (answer: typeof answerEarly, context: ExecutionContext, own: string | undefined) => {
    const http = context.switchToHttp()
    const [request, response] = [http.getRequest<NestRequest>(), http.getResponse<NestResponse>()]
    return new Promise<void>((resolve, reject) => {
      const exchange: NodeExchange<NestRequest> = {
        ...exchangeOf(request, response),
        own,
        pass: (error) => (error === undefined ? resolve() : reject(error)),
        refuse(refusal, decision) {
          try {
            // Answered: the promise stays open, since either end would have Nest answer too.
            refuse(refusal, decision, request, response, context)
          } catch (error) {
            reject(error)
          }
        },
      }
      answer(protection, exchange)
    })
  }

  return {
    protection,
    middleware: (request, response, next) =>
      answerEarly(protection, {
        ...exchangeOf(request, response),
        own: undefined,
        pass: next,
        refuse: (refusal, decision) => refuse(refusal, decision, request, response),
      }),
    policy(policy) {
      const id = protection.register(policy)
      return (target: object, _name?: string | symbol, method?: { readonly value?: unknown }) => {
        policies.set(typeof method?.value === 'function' ? method.value : target, id)
      }
    },
    async canActivate(context) {
      if (context.getType() !== 'http') return true
      const own = policies.get(context.getHandler()) ?? policies.get(context.getClass())
      if (own !== undefined) await ask(answerEarly, context, own)
      if (lateSubjects !== undefined) await ask(answerLate, context, own)
      return true
    },
  }
}
