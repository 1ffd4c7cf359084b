import type { AdapterOptions } from './adapter-options.ts'
import type { PolicyRegistry } from './policy-registry.ts'
import type { RequestReader } from './subjects.ts'

/** The policies of a request: nearly always one; none for a request that is exempt. */
export type Choice = string | readonly string[] | undefined

const defaultHealthPaths = ['/health', '/health/ready', '/health/deep']

/**
 * Builds what finds the policies of a request: the one its route names, else what `policyOf` says, else those that are
 * matched, else the fallback; both where servers differ about the path. OPTIONS and health checks are only under a policy
 * that names them.
 */
export function createChooser<Native>(
  { policyOf, fallback, healthPaths = defaultHealthPaths }: AdapterOptions<Native>,
  reader: RequestReader<Native>,
  registry: PolicyRegistry,
): (request: Native, own: string | undefined) => Choice {
  const checks = new Set(healthPaths)
  const byName = (method: string, name: string): Choice => (name === 'none' || method === 'OPTIONS' ? undefined : name)
  const byTarget = (method: string, target: string): Choice => {
    const isCheck = isReading(method) && checks.has(pathOf(target))
    const isExempt = isCheck || method === 'OPTIONS'
    const matched = registry.match(method, target, isCheck)
    const rest = isExempt ? undefined : fallback
    if (matched === undefined || rest === undefined) return matched ?? rest
    return registry.leavesOpen(method, target) ? [...new Set([matched, rest].flat())] : matched
  }
  return (request, own) => {
    const method = reader.method(request)
    const name = own ?? policyOf?.(request)
    return name === undefined ? byTarget(method, reader.target(request)) : byName(method, name)
  }
}

const isReading = (method: string): boolean => method === 'GET' || method === 'HEAD'

function pathOf(target: string): string {
  const query = target.indexOf('?')
  const path = query === -1 ? target : target.slice(0, query)
  return path.endsWith('/') ? path.slice(0, -1) : path
}
