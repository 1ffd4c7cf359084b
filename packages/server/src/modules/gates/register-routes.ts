import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import { Ref } from '../../core/shapes/fields.ts'
import { gateRegisterPolicy } from './policy.ts'
import { type GateIntake, registerAtGate } from './register.ts'
import { GateParams, RegistrationInput, RegistrationReceipt } from './schema.ts'

export const registerSchemas = [RegistrationInput, RegistrationReceipt]

/** The gate that has a path of its own. */
const GATE_125 = 'gate125'

/** Where people register, by themselves or through a site that holds an API key. */
export function registerRoutes(app: App, intake: GateIntake): void {
  const response = { 201: Ref(RegistrationReceipt), ...refusals(400, 401, 403, 404, 413, 415, 422, 429, 503) }
  const config = { access: 'public', keyScope: 'gates:register', guard: gateRegisterPolicy, intake: 'gate' } as const
  const register = async (request: FastifyRequest, reply: FastifyReply, slug: string, input: RegistrationInput) => {
    const { receipt, fate, registrationId } = await registerAtGate(request.context, intake, slug, input)
    request.logFields = {
      gateSlug: slug,
      fate,
      ...(fate === 'dropped' && { reasonBlocked: 'honeypot' }),
      ...(registrationId !== undefined && { registrationId }),
    }
    return reply.code(201).send(receipt)
  }

  app.post(
    '/gates/:slug/register',
    {
      schema: {
        operationId: 'registerAtGate',
        summary: 'Register at a gate, or wait for a place',
        tags: ['gates'],
        params: GateParams,
        body: Ref(RegistrationInput),
        response,
      },
      config,
    },
    (request, reply) => register(request, reply, request.params.slug, request.body),
  )

  app.post(
    '/gate125/register',
    {
      schema: {
        operationId: 'registerAtGate125',
        summary: 'Register at the gate gate125',
        description: 'The same as `/gates/gate125/register`, and counted with it.',
        tags: ['gates'],
        body: Ref(RegistrationInput),
        response,
      },
      config,
    },
    (request, reply) => register(request, reply, GATE_125, request.body),
  )
}
