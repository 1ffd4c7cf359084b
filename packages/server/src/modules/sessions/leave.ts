import type { FastifyReply, FastifyRequest } from 'fastify'
import { forgetCookies } from '../../core/identity/session-kit.ts'

/** Takes what a browser holds of the session that has just ended. */
export function leave({ context }: FastifyRequest, reply: FastifyReply): void {
  if (context.actor.kind === 'user' && context.actor.transport === 'cookie') {
    forgetCookies(reply)
  }
}
