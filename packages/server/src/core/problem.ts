import type { ProofChallenge } from '@rempart/guard'
import { type Static, Type } from 'typebox'
import { type ProblemCode, type ProblemType, problemTypes } from './problem-catalogue.ts'

/** One fault of the request's content. `pointer` is a JSON Pointer (RFC 6901) into the body, or names a parameter. */
export interface ContentFault {
  readonly pointer: string
  readonly code: string
  readonly message: string
}

/** The error body of every route: RFC 9457 problem details with this product's extension members. */
export const Problem = Type.Object(
  {
    type: Type.String({ description: 'Identifies the problem type; stable across releases.' }),
    title: Type.String(),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.Optional(Type.String({ description: 'What to change.' })),
    instance: Type.String({ description: 'This occurrence.' }),
    code: Type.String({ description: 'Short stable name of the problem type.' }),
    error: Type.String({ description: 'The title, in the language asked for.' }),
    requestId: Type.String(),
    timestamp: Type.String({ format: 'date-time' }),
    errors: Type.Optional(
      Type.Array(
        Type.Object(
          {
            pointer: Type.String({ description: 'JSON Pointer into the body, or the name of a parameter.' }),
            code: Type.String(),
            message: Type.String(),
          },
          { additionalProperties: false },
        ),
      ),
    ),
    'violated-policies': Type.Optional(Type.Array(Type.String())),
    challenge: Type.Optional(
      Type.Unsafe<ProofChallenge>({
        type: 'object',
        description: 'For the ALTCHA widget: send the request again with what it makes of this in `Rempart-Proof`.',
      }),
    ),
    captcha_required: Type.Optional(
      Type.Literal(true, { description: 'On `captcha-required`: the member that clients of a sign-in read.' }),
    ),
  },
  { $id: 'Problem', additionalProperties: false, description: 'RFC 9457 problem details.' },
)
export type Problem = Static<typeof Problem>

export interface ProblemOptions {
  /** Fills `{name}` in the detail. Never personal data. */
  readonly parameters?: Readonly<Record<string, string>>
  readonly errors?: readonly ContentFault[]
  readonly headers?: Readonly<Record<string, string>>
  readonly violatedPolicies?: readonly string[]
  /** What the client has to solve first. */
  readonly challenge?: ProofChallenge
  /** When waiting re-admits: the seconds, for a page that tells a person. The header field is another's matter. */
  readonly retryAfterSeconds?: number
  /** Leaves out the rate-limit fields of the admission that came before. */
  readonly withoutRateLimit?: boolean
  /** Why it was refused, for the log line only: a rule's name, never content. */
  readonly reason?: string
  /** Whose credential was refused, where that is beyond doubt; for the log line only. */
  readonly caller?: { readonly tenantId: string; readonly id: string }
  readonly cause?: unknown
}

/** An expected refusal. Anything else that is thrown is a fault of ours and answers 500. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly code: ProblemCode
  readonly status: number
  readonly options: ProblemOptions

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    super(code, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.status = problemTypes[code].status
    this.options = options
  }
}

/** Builds the body of one problem in one language. */
export function problemBody(
  code: ProblemCode,
  options: ProblemOptions,
  request: { readonly id: string; readonly locale: 'en' | 'fr'; readonly nowMs: number },
): Problem {
  const entry: ProblemType = problemTypes[code]
  const title = entry.title[request.locale]
  return {
    type: entry.type ?? `urn:rempart:problem:${code}`,
    title,
    status: entry.status,
    ...(entry.detail && { detail: fill(entry.detail[request.locale], options.parameters) }),
    instance: `urn:rempart:request:${request.id}`,
    code,
    error: title,
    requestId: request.id,
    timestamp: new Date(request.nowMs).toISOString(),
    // Those that find faults know more of them than a caller is promised.
    ...(options.errors && { errors: options.errors.map(({ pointer, code, message }) => ({ pointer, code, message })) }),
    ...(options.violatedPolicies && { 'violated-policies': [...options.violatedPolicies] }),
    ...(options.challenge && { challenge: options.challenge }),
    ...(code === 'captcha-required' && { captcha_required: true as const }),
  }
}

function fill(sentence: string, parameters: Readonly<Record<string, string>> = {}): string {
  return sentence.replace(/\{(\w+)\}/g, (whole, name: string) => parameters[name] ?? whole)
}
