import type { FastifyRequest } from 'fastify'
import type { Context } from '../context.ts'
import { ProblemError } from '../problem.ts'
import type { ProblemCode } from '../problem-catalogue.ts'
import type { KnownPath } from '../request/route-table.ts'
import { parseHost } from '../request/trusted-hosts.ts'
import type { Tenant, TenantKey, TenantResolver } from './resolver.ts'

export interface NamedTenantDependencies {
  readonly tenants: TenantResolver
  /** Whether a Host is the server's own (its public URL, loopback, the trusted list) and so names no tenant. */
  readonly isOwnHost: (host: string | undefined) => boolean
  /** Slug of the tenant of a call that names none. */
  readonly defaultTenant: string | undefined
}

/** What of a request can name a tenant. */
type Naming = Pick<FastifyRequest, 'headers' | 'query' | 'params'> & { readonly tenantOfForm: boolean }

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/**
 * The one key of a request that names no tenant itself, as nearly all are: its form's, or the default. Undefined when
 * there is more to look at.
 */
export function createUsualKey({ isOwnHost, defaultTenant }: Omit<NamedTenantDependencies, 'tenants'>) {
  const defaultKey: TenantKey | undefined =
    defaultTenant === undefined ? undefined : { kind: 'slug', value: defaultTenant }
  return (request: FastifyRequest, tenantOfForm: boolean): TenantKey | undefined => {
    const { headers } = request.raw
    if (headers['x-tenant-id'] !== undefined || !isOwnHost(headers.host) || request.url.includes('?')) return undefined
    if (!tenantOfForm) return defaultKey
    const formId = readParameter(request.params, 'formId')
    return formId !== undefined && uuid.test(formId) ? { kind: 'form', value: formId.toLowerCase() } : undefined
  }
}

/** Look-ups of tenants that preflights, which the guard does not count, may have under way. */
const mostLookUps = 8

/**
 * Finds the tenant a preflight names. Null: none, or two that disagree. Undefined: so many others are being looked up
 * that this one is not.
 */
export function createPreflightTenant(
  dependencies: NamedTenantDependencies,
): (request: FastifyRequest, path: Pick<KnownPath, 'params' | 'tenantOfForm'>) => Promise<Tenant | null | undefined> {
  const { tenants } = dependencies
  let lookUps = 0
  return async (request, { params, tenantOfForm }) => {
    const { headers, query } = request
    const keys = publicKeys({ headers, query, params, tenantOfForm }, dependencies)
    const known = keys.map((key) => tenants.peek(key))
    if (known.every((tenant) => tenant !== undefined)) return theOne(known)
    if (lookUps >= mostLookUps) return undefined
    lookUps += 1
    try {
      return await findNamedTenant(tenants, keys)
    } finally {
      lookUps -= 1
    }
  }
}

/**
 * What tells the tenant of a request that may have been refused before it was identified: the tenant itself, or what the
 * request names, to be looked up later. A credential that was not checked says nothing.
 */
export function createTenantNames(
  dependencies: NamedTenantDependencies,
): (request: FastifyRequest) => readonly TenantKey[] {
  const usualKey = createUsualKey(dependencies)
  return (request) => {
    // Absent until the request has been identified.
    const context: Context | undefined = request.context
    if (context !== undefined) return [{ kind: 'id', value: context.tenant.id }]
    const tenantOfForm = request.route.tenantOfForm === true
    const usual = usualKey(request, tenantOfForm)
    if (usual !== undefined) return [usual]
    const { headers, query, params } = request
    return publicKeys({ headers, query, params, tenantOfForm }, dependencies)
  }
}

/** The one tenant that all of these name; null when there is none. */
export async function findNamedTenant(tenants: TenantResolver, keys: readonly TenantKey[]): Promise<Tenant | null> {
  return theOne(await Promise.all(keys.map((key) => tenants.find(key))))
}

/** The one tenant that all of these are; null when they are several, or none. */
export function theOne(tenants: readonly (Tenant | null)[]): Tenant | null {
  const [first = null] = tenants
  return tenants.every((tenant) => tenant?.id === first?.id) ? first : null
}

/** What an unknown name of each kind is refused as. */
const unknownKey = {
  domain: 'untrusted-host',
  form: 'form-not-found',
  id: 'tenant-not-found',
  slug: 'tenant-not-found',
} as const satisfies Record<TenantKey['kind'], ProblemCode>

/**
 * The one tenant that everything the request names agrees on.
 *
 * @param found - what is known by each of `keys`.
 * @throws ProblemError what an unknown name of its kind is refused as; `tenant-conflict` for two that disagree.
 */
export function agreedTenant(keys: readonly TenantKey[], found: readonly (Tenant | null)[]): Tenant {
  let tenant: Tenant | undefined
  for (const [index, key] of keys.entries()) {
    const each = found[index] ?? null
    if (each === null) throw new ProblemError(unknownKey[key.kind])
    if (tenant !== undefined && tenant.id !== each.id) throw new ProblemError('tenant-conflict')
    tenant = each
  }
  if (tenant === undefined) throw new ProblemError('tenant-not-found')
  return tenant
}

/**
 * The keys of a public request. A form's id names its tenant only when nothing else does: a tenant that was named answers
 * for its own forms alone.
 */
export function publicKeys(
  request: Naming,
  dependencies: Pick<NamedTenantDependencies, 'isOwnHost' | 'defaultTenant'>,
): readonly TenantKey[] {
  const named = namedKeys(request, dependencies)
  if (named.length > 0) return named
  const formId = request.tenantOfForm ? readParameter(request.params, 'formId') : undefined
  if (formId !== undefined && uuid.test(formId)) return [{ kind: 'form', value: formId.toLowerCase() }]
  return dependencies.defaultTenant === undefined ? [] : [{ kind: 'slug', value: dependencies.defaultTenant }]
}

/** What the request itself says: by its host, its `X-Tenant-ID` and `?tenant=`. */
export function namedKeys(
  request: Pick<FastifyRequest, 'headers' | 'query'>,
  dependencies: Pick<NamedTenantDependencies, 'isOwnHost'>,
): readonly TenantKey[] {
  const keys: TenantKey[] = []
  if (!dependencies.isOwnHost(request.headers.host))
    keys.push({ kind: 'domain', value: domainOf(request.headers.host) })
  const header = request.headers['x-tenant-id']
  if (header !== undefined) keys.push(slugOrId(String(header)))
  const parameter = readParameter(request.query, 'tenant')
  if (parameter !== undefined) keys.push(slugOrId(parameter))
  return keys
}

// A name that no tenant can have is one that nobody has: it reaches neither the cache nor the database, which would
// fail on a U+0000.
const nobody = ''
const slug = /^[a-z0-9-]{1,63}$/

const domainOf = (host: string | undefined): string => parseHost(host ?? '')?.name ?? nobody

const slugOrId = (value: string): TenantKey =>
  uuid.test(value)
    ? { kind: 'id', value: value.toLowerCase() }
    : { kind: 'slug', value: slug.test(value) ? value : nobody }

function readParameter(record: unknown, name: string): string | undefined {
  if (typeof record !== 'object' || record === null || !Object.hasOwn(record, name)) return undefined
  const value: unknown = Reflect.get(record, name)
  return typeof value === 'string' ? value : String(value)
}
