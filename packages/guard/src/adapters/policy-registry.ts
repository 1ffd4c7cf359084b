import { createGuard, type Guard } from '../guard.ts'
import type { PolicySource } from '../policy.ts'
import type { LoadedPolicy } from '../policy-file/load.ts'
import { createPolicyMatcher, type PolicyMatcher } from '../policy-file/match.ts'
import type { RemoteStore, Store } from '../store.ts'
import { createMemoryStore } from '../stores/memory.ts'

/** A policy as declared in code, or as loaded from a policy file with the requests it is for. */
export type AdapterPolicy = PolicySource | LoadedPolicy

/** What a route says of its policy: one of its own, the name of one the guard has, or `none`. */
export type RoutePolicy = PolicySource | string

/** The policies in force, those of the routes among them. */
export interface PolicyRegistry {
  readonly guard: Guard
  register(policy: RoutePolicy): string
  replace(policies: readonly AdapterPolicy[]): void
  /** The policies that match a request; for a health check, only those that name its path. */
  match(method: string, target: string, isHealthCheck: boolean): string | readonly string[] | undefined
  /** Whether a server may read a matched path as one that no policy matches. */
  leavesOpen(method: string, target: string): boolean
}

/** Where policies come from. */
export interface PolicySources {
  readonly guard?: Guard
  readonly policies?: readonly AdapterPolicy[]
  readonly store?: Store | RemoteStore
}

/** Creates a registry over a guard of the caller's, or one of its own. @throws PolicyError and RangeError like `createGuard`. */
export function createPolicyRegistry({ guard, policies = [], store }: PolicySources): PolicyRegistry {
  if (guard !== undefined && store !== undefined) throw new RangeError('A guard has its own store: give one of the two')
  const own = guard ?? createGuard({ policies: policies.map(inputOf), store: store ?? createMemoryStore() })
  let listed = policies
  let matcher = matcherOf(policies)
  const registered = new Map<string, PolicySource>()

  const withRegistered = (given: readonly AdapterPolicy[]): readonly PolicySource[] => {
    const inputs = given.map(inputOf)
    const ids = new Set(inputs.map(({ id }) => id))
    return [...inputs, ...[...registered.values()].filter(({ id }) => !ids.has(id))]
  }
  const registerInput = (policy: PolicySource): void => {
    const { id } = policy
    const twin = registered.get(id)
    if (twin !== undefined && twin !== policy) throw new RangeError(`Two policies are named "${id}"`)
    if (own.policy(id) !== undefined) return
    if (guard !== undefined) throw new RangeError(`The policy "${id}" is not among those of the guard`)
    own.replacePolicies([...withRegistered(listed), policy])
    registered.set(id, policy)
  }

  return {
    guard: own,
    register(policy) {
      if (typeof policy === 'object') registerInput(policy)
      else if (policy !== 'none' && own.policy(policy) === undefined) {
        throw new RangeError(`There is no policy "${policy}"`)
      }
      return typeof policy === 'object' ? policy.id : policy
    },
    replace(replacements) {
      const next = matcherOf(replacements)
      own.replacePolicies(withRegistered(replacements))
      listed = replacements
      matcher = next
    },
    match(method, target, isHealthCheck) {
      if (matcher === undefined) return undefined
      const found = matcher.match(method, target)
      const meant = isHealthCheck ? found.filter(({ pattern }) => !isCatchAll(pattern)) : found
      return meant.length > 1 ? meant.map(({ policyId }) => policyId) : meant[0]?.policyId
    },
    leavesOpen: (method, target) => matcher?.leavesOpen(method, target) ?? true,
  }
}

const inputOf = (policy: AdapterPolicy): PolicySource => ('policy' in policy ? policy.policy : policy)

/** `/*` and `/:page` are for whatever there is, and name no health check. */
const isCatchAll = (pattern: string): boolean => /^\/[*:]/.test(pattern)

function matcherOf(policies: readonly AdapterPolicy[]): PolicyMatcher | undefined {
  const matchable = policies.flatMap((entry) =>
    'policy' in entry && entry.matches.length > 0 ? [{ id: entry.policy.id, matches: entry.matches }] : [],
  )
  return matchable.length === 0 ? undefined : createPolicyMatcher(matchable)
}
