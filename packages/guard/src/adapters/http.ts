import { createAddressResolver } from '../client-address.ts'
import type { Decision } from '../decision.ts'
import type { Guard } from '../guard.ts'
import type { Subjects } from '../subject.ts'
import { chooseLocale } from './accept-language.ts'
import type { AdapterOptions } from './adapter-options.ts'
import { type AnswerBlocks, createAnswerBlocks } from './cors.ts'
import { decideAll } from './decide-all.ts'
import { type Choice, createChooser } from './policy-choice.ts'
import { type AdapterPolicy, createPolicyRegistry, type RoutePolicy } from './policy-registry.ts'
import { createRefusals, type Refusal } from './refusal.ts'
import { securityFields } from './security-headers.ts'
import { type ExtraSubjects, type RequestReader, RequestSubjects } from './subjects.ts'

/** One guard before one application, whatever the framework. */
export interface Protection<Native> {
  readonly guard: Guard
  readonly blocks: AnswerBlocks
  /**
   * Makes sure that the guard has a route's policy. The guard's own policy of that name goes before it: a policy file may
   * have adjusted it.
   *
   * @returns Its name.
   * @throws RangeError for a name the guard does not have, and for two different policies of one name.
   */
  register(policy: RoutePolicy): string
  /** Puts other policies in force, beside those that routes have registered. @throws PolicyError, and nothing changes. */
  replacePolicies(policies: readonly AdapterPolicy[]): void
  /**
   * Decides before the body is read. Undefined for a request that is exempt: OPTIONS, health, and what no policy is for.
   *
   * @param own - The policy its route names, which goes before every other.
   */
  early(request: Native, own?: string): Decision | undefined | Promise<Decision | undefined>
  /** Decides by what `lateSubjects` knows, under the same policy. */
  late(request: Native, own?: string): Decision | undefined | Promise<Decision | undefined>
  /** Who a request comes from, for `guard.reportSuccess` and the like. */
  subjectsOf(request: Native, extra?: ExtraSubjects): Subjects
  refusalOf(request: Native, decision: Decision): Refusal
  /** Whether a request is a browser's question, and this guard's to answer; then the origin that asks. */
  preflightOrigin(request: Native): string | undefined
}

/** A server cuts a list of headers off at some number. What a proxy has added last would be missing. */
const MOST_HEADER_LINES = 256
const noHeaders = {}

/** Builds what an adapter asks of each request. @throws PolicyError and RangeError for options that cannot be kept. */
export function createProtection<Native>(
  options: AdapterOptions<Native>,
  reader: RequestReader<Native>,
): Protection<Native> {
  const { fallback, decideOptions, subjects, lateSubjects, locale = 'en' } = options
  const registry = createPolicyRegistry(options)
  const { guard } = registry
  if (fallback !== undefined) registry.register(fallback)
  const addressOf = createClientReader(options, reader)
  const blocks = createAnswerBlocks(
    options.securityHeaders === undefined ? {} : securityFields(options.securityHeaders),
    options.cors,
  )
  const refusals = createRefusals()

  const choose = createChooser(options, reader, registry)
  const decide = (
    moment: 'early' | 'late',
    request: Native,
    choice: Choice,
    extra: ExtraSubjects | undefined,
  ): Decision | undefined | Promise<Decision | undefined> => {
    if (choice === undefined) return undefined
    const asking = new RequestSubjects(addressOf(request), request, reader, extra)
    const how = decideOptions?.(request)
    return typeof choice === 'string'
      ? guard[moment](choice, asking, how)
      : decideAll(guard, moment, choice, asking, how)
  }
  const judge = (moment: 'early' | 'late', request: Native, own: string | undefined) => {
    const choice = choose(request, own)
    if (choice === undefined) return undefined
    const extra = (moment === 'early' ? subjects : lateSubjects)?.(request)
    return extra instanceof Promise
      ? extra.then((known) => decide(moment, request, choice, known))
      : decide(moment, request, choice, extra)
  }

  return {
    guard,
    blocks,
    register: registry.register,
    replacePolicies: registry.replace,
    early: (request, own) => judge('early', request, own),
    late: (request, own) => judge('late', request, own),
    subjectsOf: (request, extra) => new RequestSubjects(addressOf(request), request, reader, extra),
    refusalOf: (request, decision) =>
      refusals(decision, chooseLocale(reader.header(request, 'accept-language'), locale)),
    preflightOrigin(request) {
      if (options.cors === undefined || reader.method(request) !== 'OPTIONS') return undefined
      const asked = reader.header(request, 'access-control-request-method')
      return asked === undefined ? undefined : reader.header(request, 'origin')
    },
  }
}

function createClientReader<Native>({ clientAddress = {} }: AdapterOptions<Native>, reader: RequestReader<Native>) {
  const { trustedProxies = [], header = 'x-forwarded-for' } = clientAddress
  const addressOf = createAddressResolver({ trustedProxies, header })
  if (trustedProxies.length === 0) return (request: Native) => addressOf(reader.peer(request), noHeaders)
  return (request: Native) => {
    const isCutOff = reader.headerLines(request) > MOST_HEADER_LINES
    return addressOf(reader.peer(request), isCutOff ? noHeaders : reader.headers(request))
  }
}
