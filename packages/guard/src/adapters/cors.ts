import { createFieldBlock, type FieldBlock } from './field-block.ts'

/** Which pages of other origins may call. Credentials that a browser adds by itself are never allowed. */
export interface CorsOptions {
  /** Origins, compared whole (`https://app.example`), or `*` for every one. */
  readonly origins: readonly string[] | '*'
  /** @default GET, HEAD, POST, PUT, PATCH, DELETE */
  readonly methods?: readonly string[]
  /** Request headers a page may send besides those that are always allowed. @default accept-language, authorization, content-type, idempotency-key */
  readonly requestHeaders?: readonly string[]
  /** Response headers a page may read besides those it always may. @default the rate-limit fields and `retry-after` */
  readonly exposedHeaders?: readonly string[]
  /** How long a browser may remember the answer to its question. @default 600 */
  readonly maxAgeSeconds?: number
}

/** The blocks of every answer, by the origin that asks. */
export interface AnswerBlocks {
  /** Whether origins matter at all: where they do not, nobody has to read a request's headers. */
  readonly byOrigin: boolean
  /** What an answer to a page of this origin carries, and one to a client that names none. */
  of(origin: string | undefined): FieldBlock
  /** What answers a browser's question before a request; undefined where CORS is not this guard's matter. */
  ofPreflight(origin: string): FieldBlock | undefined
}

/** An origin as browsers write one, `null` excepted: sandboxed and local documents share it. */
const originShape = /^[a-z][a-z0-9+.-]*:\/\/(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]+\])(?::\d{1,5})?$/

/**
 * Prepares the blocks of all answers once.
 *
 * @param constant - Fields of every answer.
 * @throws RangeError for an origin that no browser sends: it would never be allowed.
 * @see Fetch §3.3
 */
export function createAnswerBlocks(
  constant: Readonly<Record<string, string>>,
  cors: CorsOptions | undefined,
): AnswerBlocks {
  const plain = createFieldBlock(constant)
  if (cors === undefined) return { byOrigin: false, of: () => plain, ofPreflight: () => undefined }

  const { origins } = cors
  const answers = (allowed: Readonly<Record<string, string>>): FieldBlock =>
    createFieldBlock({ ...constant, ...allowed, vary: 'origin' })
  const preflights = (allowed: Readonly<Record<string, string>>): FieldBlock =>
    createFieldBlock({
      ...constant,
      ...allowed,
      vary: 'origin, access-control-request-method, access-control-request-headers',
    })
  if (origins === '*') {
    const everyone = { 'access-control-allow-origin': '*' }
    const answer = createFieldBlock({ ...constant, ...everyone, ...exposed(cors) })
    const preflight = preflights({ ...everyone, ...permitted(cors) })
    return { byOrigin: true, of: () => answer, ofPreflight: () => preflight }
  }

  const intruder = origins.find((origin) => !originShape.test(origin))
  if (intruder !== undefined) throw new RangeError(`${JSON.stringify(intruder)} is not an origin`)
  const byOrigin = new Map(
    origins.map((origin) => {
      const allowed = { 'access-control-allow-origin': origin }
      return [
        origin,
        {
          answer: answers({ ...allowed, ...exposed(cors) }),
          preflight: preflights({ ...allowed, ...permitted(cors) }),
        },
      ]
    }),
  )
  const refused = { answer: answers({}), preflight: preflights({}) }
  return {
    byOrigin: true,
    of: (origin) => (origin === undefined ? refused : (byOrigin.get(origin) ?? refused)).answer,
    ofPreflight: (origin) => (byOrigin.get(origin) ?? refused).preflight,
  }
}

function exposed({ exposedHeaders = rateLimitNames }: CorsOptions): Readonly<Record<string, string>> {
  return exposedHeaders.length === 0 ? {} : { 'access-control-expose-headers': exposedHeaders.join(', ') }
}

function permitted(cors: CorsOptions): Readonly<Record<string, string>> {
  const { methods = usualMethods, requestHeaders = usualRequestHeaders, maxAgeSeconds = 600 } = cors
  return {
    'access-control-allow-methods': methods.join(', '),
    ...(requestHeaders.length > 0 && { 'access-control-allow-headers': requestHeaders.join(', ') }),
    'access-control-max-age': String(maxAgeSeconds),
  }
}

const usualMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']
const usualRequestHeaders = ['accept-language', 'authorization', 'content-type', 'idempotency-key']
const rateLimitNames = [
  'ratelimit',
  'ratelimit-policy',
  'retry-after',
  'x-ratelimit-limit',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
]
