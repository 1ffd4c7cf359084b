import type { PolicyInput } from '@rempart/guard'
import { generalPolicy } from './core/guard/guard.ts'
import type { RoutedRequest } from './core/guard/policy-set.ts'
import { readUnconnected } from './unconnected-server.ts'

/** What the routes of this release say of limits. */
export interface RoutePolicies {
  /** The general policy, then those that routes declare. */
  readonly base: readonly PolicyInput[]
  /** The route of a request, with what it declares; without a pattern where there is none. */
  find(method: string, target: string): RoutedRequest['route']
}

/** Builds the server and reads its routes. Nothing listens, no database is asked and no setting is read. */
export async function readRoutePolicies(): Promise<RoutePolicies> {
  const { routeTable, current } = await readUnconnected('', ({ routeTable, policies }) => ({
    routeTable,
    current: policies.current(),
  }))
  const declared = current.policies.map(({ policy }) => policy)
  return {
    base: [generalPolicy, ...declared.filter(({ id }) => id !== generalPolicy.id)],
    find(method, target) {
      const pattern = routeTable.find(target.split('?', 1)[0] ?? target)?.pattern
      const asked = method.toUpperCase() === 'HEAD' ? ['HEAD', 'GET'] : [method.toUpperCase()]
      const route = routeTable.all.find((each) => each.url === pattern && asked.includes(each.method))
      if (route === undefined) return {}
      return { url: route.url, ...(route.config.guard !== undefined && { guard: route.config.guard }) }
    },
  }
}
