import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ProblemOptions } from '../problem.ts'
import type { ProblemCode } from '../problem-catalogue.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Shows refusals as pages, on a route that people open in a browser. Absent: problem+json. */
    problemPage?: ProblemPage
  }
}

/** A page in the language its text is in. */
export interface Page {
  readonly text: string
  readonly locale: 'en' | 'fr'
}

/**
 * Makes the page of a refusal. It may add header fields to the reply; status, type and the sending are not its matter.
 * When it fails or gives none, the refusal is answered as problem+json.
 */
export type ProblemPage = (
  request: FastifyRequest,
  reply: FastifyReply,
  problem: { readonly code: ProblemCode; readonly options: ProblemOptions },
) => Promise<Page | undefined>
