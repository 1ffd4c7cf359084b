import {
  createPolicyMatcher,
  type LoadedPolicy,
  loadPolicies,
  type MatchedPolicy,
  type PolicyInput,
  type PolicySource,
  policyVersion,
  rankRoute,
} from '@rempart/guard'

/** The policies in force: those of the routes under those of the policy file. Replaced as a whole, never changed. */
export interface PolicySet {
  /** 12 hex digits; two processes of one version decide alike. */
  readonly version: string
  readonly policies: readonly LoadedPolicy[]
  /**
   * The ids of the policies of a request; empty for one that nothing limits.
   *
   * A policy of the file has a request when its pattern is at least as specific as the route's own: what the file says of
   * `/health/*` leaves `/health/ready` exempt, what it says of `/health/ready` does not.
   */
  of(request: RoutedRequest): readonly string[]
}

/** What decides which policies a request is under: a Fastify request has it all. */
export interface RoutedRequest {
  readonly method: string
  /** The request target as it came. */
  readonly url: string
  readonly route: {
    /** Its pattern; absent where no route matched. */
    readonly url?: string
    /** Its own policy, none, or nothing: then the general one. */
    readonly guard?: PolicySource | 'none'
  }
}

/**
 * Lays the content of a policy file over the policies of the routes.
 *
 * @param base - The first one is for every request that nothing else is for; without one, such requests are free.
 * @throws PolicyError with every fault of the file.
 */
export function createPolicySet(base: readonly PolicyInput[], parsed: unknown): PolicySet {
  const policies = loadPolicies(parsed ?? { version: 1, policies: {} }, base)
  const matcher = createPolicyMatcher(policies.map(({ policy, matches }) => ({ id: policy.id, matches })))
  const hasMatches = policies.some(({ matches }) => matches.length > 0)
  const own = createOwnPolicies(base[0]?.id)
  const ranks = new Map<string, string>()

  return {
    version: policyVersion(policies),
    policies,
    of(request) {
      const declared = own(request.route.guard)
      if (!hasMatches) return declared
      const matched = matcher.match(request.method, request.url)
      if (matched.length === 0) return declared
      const least = leastRank(request, ranks)
      const stronger = matched.filter(({ rank }) => least === undefined || rank >= least)
      // Of a path that reads in several ways, what one reading is under must not free it from its route's policy: the
      // router may have gone by another.
      const isCertain = matched.length === 1 && hasOneReading(request.url)
      return stronger.length === 0 || !isCertain ? unique([...declared, ...idsOf(stronger)]) : idsOf(stronger)
    },
  }
}

const none: readonly string[] = []

/** Whether router and policies can only read a path alike: no capital, escape, dot segment or separator of a server's own. */
const hasOneReading = (target: string): boolean => ONE_READING.test(target)

const ONE_READING = /^(?:\/[a-z\d_~-](?:[a-z\d_~.-]*[a-z\d_~-])?)*\/?(?:\?|$)/

/** What a route declares, as a list; one list for each policy. */
function createOwnPolicies(
  generalId: string | undefined,
): (guard: RoutedRequest['route']['guard']) => readonly string[] {
  const general = generalId === undefined ? none : [generalId]
  const lists = new Map<string, readonly string[]>()
  return (guard) => {
    if (guard === 'none') return none
    if (guard === undefined) return general
    const known = lists.get(guard.id)
    if (known !== undefined) return known
    const list = [guard.id]
    lists.set(guard.id, list)
    return list
  }
}

/** How specific a pattern of the file has to be; undefined where the route leaves its policy to the file. */
function leastRank({ route: { url, guard } }: RoutedRequest, ranks: Map<string, string>): string | undefined {
  if (url === undefined || guard === undefined) return undefined
  const known = ranks.get(url)
  if (known !== undefined) return known
  // A route in a notation of its own gives way to nothing: no pattern of a file says the same.
  const rank = rankRoute(url) ?? MOST_SPECIFIC
  ranks.set(url, rank)
  return rank
}

const MOST_SPECIFIC = '9'

const unique = (ids: readonly string[]): readonly string[] => [...new Set(ids)]

function idsOf(matched: readonly MatchedPolicy[]): readonly string[] {
  return matched.map(({ policyId }) => policyId)
}
