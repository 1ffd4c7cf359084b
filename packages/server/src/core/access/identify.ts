import type { FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { tenantCalls } from '../../database/calls.ts'
import type { Pool } from '../../database/connect.ts'
import type { TenantReads } from '../../database/reads.ts'
import { tenantScope } from '../../database/tenant.ts'
import { appendAudit } from '../audit/append.ts'
import { assertOwnPage } from '../browser/csrf.ts'
import type { Actor, Clock, Context } from '../context.ts'
import type { KeyRing } from '../credentials/sealing.ts'
import type { App } from '../fastify.ts'
import { ProblemError } from '../problem.ts'
import type { ProblemCode } from '../problem-catalogue.ts'
import type { KnownPath } from '../request/route-table.ts'
import { parseHost } from '../request/trusted-hosts.ts'
import type { Tenant, TenantKey, TenantResolver } from '../tenant/resolver.ts'
import type { Access, Scope } from './access.ts'
import { isApiKeyToken } from './api-key-token.ts'
import { type Authenticated, authenticateApiKey, type Credential, credentialOf } from './auth.ts'
import { authoriseKey, authorisePerson } from './authorise.ts'
import { enterByGrant } from './operator-grant.ts'
import { authenticatePerson, type PersonDependencies } from './person.ts'

export interface IdentifyDependencies extends PersonDependencies {
  readonly pool: Pool
  readonly reads: TenantReads
  readonly tenants: TenantResolver
  /** Whether a Host is the server's own (its public URL, loopback, the trusted list) and so names no tenant. */
  readonly isOwnHost: (host: string | undefined) => boolean
  /** Whether a browser origin is one that acts for every tenant: the public URL's, and those of the configuration. */
  readonly isOwnOrigin: (origin: string) => boolean
  /** Slug of the tenant of a call that names none. */
  readonly defaultTenant: string | undefined
  /** What the keys of the audit log are sealed under. */
  readonly auditRing: KeyRing
  readonly clock: Clock
  readonly log: Logger
}

const publicActor: Actor = Object.freeze({ kind: 'public' })
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/**
 * Gives each request its context: the tenant it is for and who acts, or a refusal before the body is read.
 * Answers at once when the tenant is in memory, so that the public path waits for nothing.
 */
export function installIdentification(app: App, dependencies: IdentifyDependencies): void {
  const { tenants } = dependencies
  const usualKey = createUsualKey(dependencies)
  app.addHook('onRequest', (request, reply, done) => {
    const { access, tenantOfForm } = request.route
    if (access === undefined || access === 'none') return done()
    const scope = access === 'public' ? scopeOfCredential(request) : access
    if (scope !== undefined) {
      // What somebody may read with a credential is for them alone, refusals included.
      reply.header('cache-control', 'no-store')
      return void identifyActor(request, scope, dependencies).then(() => done(), done)
    }
    const key = usualKey(request, tenantOfForm === true)
    const tenant = key && tenants.peek(key)
    if (!tenant) return identifyPublic(request, dependencies, done)
    setContext(request, tenant, publicActor, dependencies)
    done()
  })
}

/**
 * The one key of a request that names no tenant itself, as nearly all are: its form's, or the default. Undefined when
 * there is more to look at.
 */
function createUsualKey({ isOwnHost, defaultTenant }: IdentifyDependencies) {
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

/** The scope that the credential of a public call has to carry; undefined where none was sent, or none says anything. */
function scopeOfCredential({ headers, route }: FastifyRequest): Scope | undefined {
  if (route.keyScope === undefined) return undefined
  return headers.authorization === undefined && headers['x-api-key'] === undefined ? undefined : route.keyScope
}

function identifyPublic(
  request: FastifyRequest,
  dependencies: IdentifyDependencies,
  done: (error?: Error) => void,
): void {
  const { headers, query, params } = request
  const tenantOfForm = request.route.tenantOfForm === true
  const keys = publicKeys({ headers, query, params, tenantOfForm }, dependencies)
  const known = keys.map((key) => dependencies.tenants.peek(key))
  if (known.every((tenant) => tenant !== undefined)) settle(known)
  else Promise.all(keys.map((key) => dependencies.tenants.find(key))).then(settle, done)

  function settle(found: readonly (Tenant | null)[]): void {
    let refusal: Error | undefined
    try {
      setContext(request, agreed(keys, found), publicActor, dependencies)
    } catch (error) {
      refusal = error instanceof Error ? error : new Error('identification failed')
    }
    done(refusal)
  }
}

async function identifyActor(
  request: FastifyRequest,
  access: Exclude<Access, 'public' | 'none'>,
  dependencies: IdentifyDependencies,
): Promise<void> {
  const credential = credentialOf(request)
  if (credential === undefined) {
    throw new ProblemError('authentication-required', { headers: { 'www-authenticate': 'Bearer' } })
  }
  const { tenantId, actor } = await authenticate(credential, request.client.text, dependencies)
  request.caller = { tenantId, id: actor.id }
  if (actor.kind === 'api-key') request.keyInUse = { tenantId, keyId: actor.id }
  const tenant = await dependencies.tenants.find({ kind: 'id', value: tenantId })
  if (tenant === null) throw new ProblemError('tenant-suspended')
  if (credential.from === 'cookie') {
    assertOwnPage(request, (origin) => dependencies.isOwnOrigin(origin) || tenant.allowedOrigins.includes(origin))
  }
  if (!(await namesNoOther(request, tenantId, dependencies))) {
    return enterAnother(request, contextOf(request, tenant, actor, dependencies), access, dependencies)
  }
  if (actor.kind === 'user') authorisePerson(actor, access, request.route, dependencies.clock.now())
  else authoriseKey(actor.scopes, access)
  setContext(request, tenant, actor, dependencies)
}

/** A credential is for its own tenant. Only a person of the platform enters another one, by a grant. */
async function enterAnother(
  request: FastifyRequest,
  home: Context,
  access: Exclude<Access, 'public' | 'none'>,
  dependencies: IdentifyDependencies,
): Promise<void> {
  const target = await findNamedTenant(dependencies.tenants, namedKeys(request, dependencies))
  const { actor: person } = home
  const operator =
    target !== null && person.kind === 'user'
      ? await enterByGrant(dependencies.pool, { request, person, home, target, access })
      : undefined
  if (target === null || operator === undefined) {
    await home.inTenant((tx) => appendAudit(tx, home, { action: 'credential.tenant-conflict', outcome: 'refused' }))
    throw new ProblemError('tenant-conflict')
  }
  setContext(request, target, operator, dependencies)
}

function authenticate(
  credential: Credential,
  address: string,
  dependencies: IdentifyDependencies,
): Promise<Authenticated> {
  const { clock } = dependencies
  const isKey =
    credential.from === 'api-key' || (credential.from === 'authorization' && isApiKeyToken(credential.token))
  return isKey
    ? authenticateApiKey(dependencies, credential.token, address, clock.now())
    : authenticatePerson(credential, dependencies)
}

/** Whether the tenant that the request names, if any, is the credential's own; the other one may exist or not. */
async function namesNoOther(
  request: FastifyRequest,
  tenantId: string,
  dependencies: IdentifyDependencies,
): Promise<boolean> {
  for (const key of namedKeys(request, dependencies)) {
    const named = await dependencies.tenants.find(key)
    if (named === null && key.kind === 'domain') throw new ProblemError('untrusted-host')
    if (named?.id !== tenantId) return false
  }
  return true
}

/** Look-ups of tenants that preflights, which the guard does not count, may have under way. */
const mostLookUps = 8

/**
 * Finds the tenant a preflight names. Null: none, or two that disagree. Undefined: so many others are being looked up
 * that this one is not.
 */
export function createPreflightTenant(
  dependencies: Pick<IdentifyDependencies, 'tenants' | 'isOwnHost' | 'defaultTenant'>,
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
  dependencies: IdentifyDependencies,
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

function theOne(tenants: readonly (Tenant | null)[]): Tenant | null {
  const [first = null] = tenants
  return tenants.every((tenant) => tenant?.id === first?.id) ? first : null
}

/**
 * The context of a request that was refused before it was identified, for its page. Undefined: it names no tenant, or one
 * that has not been in memory for an hour. Nothing counts such a request, so nothing is looked up for it.
 */
export function createRefusedContext(
  dependencies: IdentifyDependencies,
): (request: FastifyRequest) => Context | undefined {
  const { tenants } = dependencies
  return (request) => {
    const { headers, query } = request
    const keys = publicKeys({ headers, query, params: {}, tenantOfForm: false }, dependencies)
    const tenant = theOne(keys.map((key) => tenants.recall(key) ?? null))
    return tenant === null ? undefined : contextOf(request, tenant, publicActor, dependencies)
  }
}

function setContext(request: FastifyRequest, tenant: Tenant, actor: Actor, dependencies: IdentifyDependencies): void {
  request.context = contextOf(request, tenant, actor, dependencies)
}

function contextOf(request: FastifyRequest, tenant: Tenant, actor: Actor, dependencies: IdentifyDependencies): Context {
  return {
    tenant,
    actor,
    requestId: request.id,
    locale: request.locale,
    clock: dependencies.clock,
    log: dependencies.log,
    ...scopeOf(dependencies, tenant),
    audit: { ring: dependencies.auditRing, address: request.client.text, userAgent: request.headers['user-agent'] },
  }
}

// A tenant object serves thousands of requests before it is read anew; its scope is made once.
type TenantScope = Pick<Context, 'inTenant' | 'readInTenant' | 'callInTenant'>
const scopes = new WeakMap<Tenant, TenantScope>()

function scopeOf({ pool, reads }: Pick<IdentifyDependencies, 'pool' | 'reads'>, tenant: Tenant): TenantScope {
  let scope = scopes.get(tenant)
  if (scope === undefined) {
    scope = {
      inTenant: tenantScope(pool, tenant.id),
      readInTenant: reads.of(tenant.id),
      callInTenant: tenantCalls(pool, tenant.id),
    }
    scopes.set(tenant, scope)
  }
  return scope
}

/** What an unknown name of each kind is refused as. */
const unknownKey = {
  domain: 'untrusted-host',
  form: 'form-not-found',
  id: 'tenant-not-found',
  slug: 'tenant-not-found',
} as const satisfies Record<TenantKey['kind'], ProblemCode>

/** The one tenant that everything the request names agrees on. */
function agreed(keys: readonly TenantKey[], found: readonly (Tenant | null)[]): Tenant {
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

// A form's id names its tenant only when nothing else does: a tenant that was named answers for its own forms alone.
function publicKeys(
  request: Pick<FastifyRequest, 'headers' | 'query' | 'params'> & { readonly tenantOfForm: boolean },
  dependencies: Pick<IdentifyDependencies, 'isOwnHost' | 'defaultTenant'>,
): readonly TenantKey[] {
  const named = namedKeys(request, dependencies)
  if (named.length > 0) return named
  const formId = request.tenantOfForm ? readParameter(request.params, 'formId') : undefined
  if (formId !== undefined && uuid.test(formId)) return [{ kind: 'form', value: formId.toLowerCase() }]
  return dependencies.defaultTenant === undefined ? [] : [{ kind: 'slug', value: dependencies.defaultTenant }]
}

function namedKeys(
  request: Pick<FastifyRequest, 'headers' | 'query'>,
  dependencies: Pick<IdentifyDependencies, 'isOwnHost'>,
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
