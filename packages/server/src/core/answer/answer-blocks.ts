import type { FastifyReply } from 'fastify'
import type { Tenant } from '../tenant/resolver.ts'
import { changeBlock, type ResponseBlock, responseBlock, setBlock } from './response-block.ts'
import { createSecurityHeaders, isFrameOrigin } from './security-headers.ts'

type AnswerKind = 'api' | 'docs' | 'form'

/** The header block of each kind of answer, as `config.headers` of a route names it. */
export interface AnswerBlocks {
  /**
   * Gives an answer the block of its kind. A form page gets the one that nobody may frame.
   *
   * @param isSecretPath - whether the address of the call is a secret, of which no other server is to hear.
   */
  set(reply: FastifyReply, kind: AnswerKind | undefined, isSecretPath?: boolean): void
  /** Lets the sites of a tenant show this form page in a frame. */
  letFrame(reply: FastifyReply, tenant: Tenant): void
}

/**
 * Prepares every block once.
 *
 * @param config.allowedOrigins - sites that may frame the forms of every tenant, as they may call its API.
 */
export function createAnswerBlocks(config: {
  readonly publicUrl: string
  readonly allowedOrigins: readonly string[]
}): AnswerBlocks {
  const headers = createSecurityHeaders(config)
  // What a response depends on besides its address; constant, so that no cache keeps one caller's answer for another's.
  const common = { 'api-version': '1', vary: 'origin, accept-encoding' }
  const closedForm = responseBlock({ ...headers.form({ frameAncestors: [] }), ...common })
  const kinds = {
    api: responseBlock({ ...headers.api, ...common }),
    docs: responseBlock({ ...headers.docs, ...common }),
    form: closedForm,
  }
  const unreferred = (block: ResponseBlock): ResponseBlock =>
    responseBlock({ ...block.fields, 'referrer-policy': 'no-referrer' })
  const secretPaths = { api: unreferred(kinds.api), docs: unreferred(kinds.docs), form: closedForm }
  // A tenant object serves thousands of requests before it is read anew.
  const ofTenant = new WeakMap<Tenant, ResponseBlock>()

  function formBlock(tenant: Tenant): ResponseBlock {
    let block = ofTenant.get(tenant)
    if (block === undefined) {
      // An origin that a policy cannot hold may still call the API.
      const frameAncestors = [...new Set([...config.allowedOrigins, ...tenant.allowedOrigins])].filter(isFrameOrigin)
      block = responseBlock({ ...headers.form({ frameAncestors }), ...common })
      ofTenant.set(tenant, block)
    }
    return block
  }

  return {
    set: (reply, kind = 'api', isSecretPath = false) => setBlock(reply, (isSecretPath ? secretPaths : kinds)[kind]),
    letFrame: (reply, tenant) => changeBlock(reply, closedForm, formBlock(tenant)),
  }
}
