import { sendProblem } from '../answer/errors.ts'
import { type AnswerPreflight, isPreflight } from '../browser/cors.ts'
import type { App } from '../fastify.ts'
import type { ProblemOptions } from '../problem.ts'
import type { ProblemCode } from '../problem-catalogue.ts'
import type { RouteTable } from './route-table.ts'

export interface UnmatchedDependencies {
  readonly routes: RouteTable
  readonly answerPreflight: AnswerPreflight
  readonly clock: { now(): number }
}

/**
 * Answers what no route takes, before any byte of its body is read: 405 with `Allow` for a path that has other methods,
 * 204 for OPTIONS there, preflights among them, and 404 elsewhere. Install after the guard, which counts these like any
 * other request, but for OPTIONS.
 *
 * @see RFC 9110 §9.3.7, §15.5.6
 */
export function installUnmatched(app: App, { routes, answerPreflight, clock }: UnmatchedDependencies): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) return done()
    const known = routes.find(request.url)
    request.pattern = known?.pattern ?? ''
    if (known !== undefined && request.method === 'OPTIONS') {
      if (isPreflight(request)) answerPreflight(request, reply, known).catch(done)
      else reply.code(204).header('allow', known.methods.join(', ')).send()
      return
    }
    const [code, options] = refusal(known?.methods)
    sendProblem(request, reply, code, options, clock)
  })
}

function refusal(methods: readonly string[] | undefined): readonly [ProblemCode, ProblemOptions] {
  if (methods === undefined) return ['not-found', {}]
  const allowed = methods.join(', ')
  return ['method-not-allowed', { parameters: { methods: allowed }, headers: { allow: allowed } }]
}
