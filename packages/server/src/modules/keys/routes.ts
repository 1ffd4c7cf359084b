import type { FastifyTypeProviderDefault } from 'fastify'
import { type ConstantText, constantText } from '../../core/answer/constant-text.ts'
import type { Clock } from '../../core/context.ts'
import type { App } from '../../core/fastify.ts'
import { refusals } from '../../core/openapi/openapi.ts'
import type { KeySet, SigningKeys } from '../../core/tokens/signing-keys.ts'
import { securityText, usualContact } from './security-text.ts'

export interface WellKnownDependencies {
  readonly signingKeys: Pick<SigningKeys, 'ready'>
  readonly publicUrl: string
  /** Where to report a vulnerability; the usual address of the host when empty. */
  readonly contacts: readonly string[]
  readonly clock: Clock
}

/** A key is published for half an hour before it signs: whoever keeps the list for five minutes has it by then. */
const cached = 'public, max-age=300'
/** Nobody waits for a change of it. */
const cachedForADay = 'public, max-age=86400'

/** What lies at known addresses of the root: the keys that verify access tokens, and whom to tell of a vulnerability. */
export function wellKnownRoutes(server: App, { signingKeys, publicUrl, contacts, clock }: WellKnownDependencies): void {
  // What is sent is text already: no schema gives it a type.
  const app = server.withTypeProvider<FastifyTypeProviderDefault>()
  const named = contacts.length > 0 ? contacts : [usualContact(publicUrl)]
  let shown: { readonly set: KeySet; readonly text: ConstantText } | undefined

  app.get(
    '/.well-known/jwks.json',
    {
      schema: {
        operationId: 'signingKeys',
        summary: 'The public keys that verify access tokens: the one in use, the next, and those still believed',
        tags: ['well-known'],
        response: {
          200: {
            description: 'A JSON Web Key Set (RFC 7517). Keep it for as long as `Cache-Control` says.',
            content: { 'application/jwk-set+json': { schema: jwkSetSchema } },
          },
          ...refusals(400, 429, 503),
        },
      },
      config: { access: 'none' },
    },
    async (request, reply) => {
      const set = await signingKeys.ready()
      if (shown?.set !== set) shown = { set, text: jwkSetText(set) }
      return shown.text.send(request, reply, cached)
    },
  )

  app.get(
    '/.well-known/security.txt',
    {
      schema: {
        operationId: 'securityContact',
        summary: 'Whom to tell of a vulnerability',
        tags: ['well-known'],
        response: {
          200: {
            description: 'As RFC 9116 describes it.',
            content: {
              'text/plain': { schema: { type: 'string', examples: ['Contact: mailto:security@example.org\n'] } },
            },
          },
          ...refusals(400, 429),
        },
      },
      config: { access: 'none' },
    },
    async (request, reply) => {
      const text = securityText({ contacts: named, publicUrl, nowMs: clock.now() })
      return constantText('text/plain; charset=utf-8', text).send(request, reply, cachedForADay)
    },
  )
}

const jwkSetSchema = {
  type: 'object',
  properties: {
    keys: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          kty: { const: 'OKP' },
          crv: { const: 'Ed25519' },
          x: { type: 'string', description: 'The public key.' },
          kid: { type: 'string', description: 'Thumbprint of the key (RFC 7638).' },
          alg: { const: 'EdDSA' },
          use: { const: 'sig' },
        },
        required: ['kty', 'crv', 'x', 'kid', 'alg', 'use'],
      },
    },
  },
  required: ['keys'],
}

function jwkSetText({ all }: KeySet): ConstantText {
  return constantText(
    'application/jwk-set+json; charset=utf-8',
    JSON.stringify({ keys: all.map((key) => key.publicJwk) }),
  )
}
